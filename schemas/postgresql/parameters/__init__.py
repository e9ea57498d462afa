"""Configuration parameters, by PostgreSQL's own table for each major version (pg_settings)."""
