-- Creates the owner and the database that the Secret of the application names. May be run again.
-- Names may be any identifier: format's %I quotes them. The password is set afterwards (passwords.py), of the
-- login in the Secret, which may be the owner's second one (docs/explanation/access.md).
\set login `cat /etc/keddah/app/username`
\set owner `cat /etc/keddah/app/role 2>/dev/null || cat /etc/keddah/app/username`
\set database `cat /etc/keddah/app/dbname`
SET client_min_messages = 'warning';

SELECT format('CREATE ROLE %I LOGIN', :'owner')
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = :'owner')
\gexec
SELECT format('CREATE DATABASE %I OWNER %I', :'database', :'owner')
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = :'database')
\gexec

SELECT format('CREATE ROLE %I LOGIN', :'login')
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = :'login')
\gexec
SELECT format('GRANT %I TO %I WITH INHERIT TRUE, SET TRUE', :'owner', :'login') WHERE :'owner' <> :'login'
\gexec
SELECT format('ALTER ROLE %I SET role = %L', :'login', :'owner') WHERE :'owner' <> :'login'
\gexec

-- The controller's own, which makes databases, extensions and roles: only a certificate of the database's CA opens it.
SELECT 'CREATE ROLE keddah'
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'keddah')
\gexec
ALTER ROLE keddah LOGIN SUPERUSER PASSWORD NULL;

-- What connects as this role are tools (pg_basebackup, pg_rewind) and standbys, which users' settings of
-- sessions must not reach: the same as in sessions.py. Patroni gives the role its attributes afterwards.
-- FROM CURRENT: this session has none, while '' in SQL would be a list with an empty name in it.
SELECT 'CREATE ROLE replicator'
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'replicator')
\gexec
ALTER ROLE replicator SET search_path = pg_catalog, pg_temp;
ALTER ROLE replicator SET default_transaction_isolation = 'read committed';
ALTER ROLE replicator SET default_transaction_read_only = 'off';
ALTER ROLE replicator SET default_transaction_deferrable = 'off';
ALTER ROLE replicator SET statement_timeout = '0';
ALTER ROLE replicator SET lock_timeout = '0';
ALTER ROLE replicator SET transaction_timeout = '0';
ALTER ROLE replicator SET idle_in_transaction_session_timeout = '0';
ALTER ROLE replicator SET idle_session_timeout = '0';
ALTER ROLE replicator SET exit_on_error = 'off';
ALTER ROLE replicator SET row_security = 'on';
ALTER ROLE replicator SET client_encoding = 'UTF8';
ALTER ROLE replicator SET DateStyle = 'ISO';
ALTER ROLE replicator SET IntervalStyle = 'postgres';
ALTER ROLE replicator SET bytea_output = 'hex';
ALTER ROLE replicator SET standard_conforming_strings = 'on';
ALTER ROLE replicator SET backslash_quote = 'safe_encoding';
ALTER ROLE replicator SET quote_all_identifiers = 'off';
ALTER ROLE replicator SET transform_null_equals = 'off';
ALTER ROLE replicator SET geqo = 'off';
ALTER ROLE replicator SET jit = 'off';
ALTER ROLE replicator SET max_parallel_workers_per_gather = '0';
ALTER ROLE replicator SET debug_parallel_query = 'off';
ALTER ROLE replicator SET scram_iterations = '4096';
ALTER ROLE replicator SET local_preload_libraries FROM CURRENT;
ALTER ROLE replicator SET session_preload_libraries FROM CURRENT;
ALTER ROLE replicator SET event_triggers = 'off';
