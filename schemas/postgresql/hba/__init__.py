"""Lines of pg_hba.conf: their tokens, fields and authentication methods."""
