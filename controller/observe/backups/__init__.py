"""What is read of the backups: their Jobs, how those ended, and what is remembered of former ones."""
