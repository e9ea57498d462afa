-- Creates the owner and the database that the Secret of the application names. May be run again.
-- Names may be any identifier: format's %I quotes them; values come from files, so that no process list shows them.
\set owner `cat /etc/keddah/app/username`
\set database `cat /etc/keddah/app/dbname`
\set password `cat /etc/keddah/app/password`
SET log_statement = 'none';
SET log_min_duration_statement = -1;
SET log_min_error_statement = 'panic';
SET password_encryption = 'scram-sha-256';
SET client_min_messages = 'warning';

SELECT format('CREATE ROLE %I LOGIN', :'owner')
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = :'owner')
\gexec
SELECT format('ALTER ROLE %I LOGIN PASSWORD %L', :'owner', :'password')
\gexec
SELECT format('CREATE DATABASE %I OWNER %I', :'database', :'owner')
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = :'database')
\gexec
