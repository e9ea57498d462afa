"""What is in the server: databases and roles."""
