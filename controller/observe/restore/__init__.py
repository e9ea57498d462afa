"""What is read of the database that a new one is restored from."""
