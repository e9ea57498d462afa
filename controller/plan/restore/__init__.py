"""The first data of a database that starts from another's backups: from where, and what that waits for."""
