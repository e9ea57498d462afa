"""What is asked of a server. All names are resolved in pg_catalog alone (sessions.py)."""

from __future__ import annotations

from typing import Final

ROLES: Final = """
SELECT r.rolname, r.rolcanlogin, r.rolconnlimit,
       CASE WHEN r.rolvaliduntil BETWEEN '0002-01-01' AND '9998-12-31' THEN r.rolvaliduntil END,
       r.rolcreatedb, r.rolcreaterole, r.rolreplication, r.rolbypassrls, r.rolsuper, r.rolpassword,
       ARRAY(SELECT g.rolname::text FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
             WHERE m.member = r.oid),
       ARRAY(SELECT unnest(s.setconfig) FROM pg_db_role_setting s
             WHERE s.setrole = r.oid AND s.setdatabase = 0),
       ARRAY(SELECT ARRAY[d.datname::text, c.line]
             FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase,
                  unnest(s.setconfig) c (line)
             WHERE s.setrole = r.oid),
       EXISTS (SELECT FROM pg_stat_activity a WHERE a.usesysid = r.oid)
FROM pg_authid r
"""
"""Moments that are no datetime of ours are as if there were none."""

POSITION: Final = """
SELECT pg_current_wal_lsn() - '0/0',
       (SELECT min(replay_lsn) - '0/0' FROM pg_stat_replication r
        WHERE r.state = 'streaming' AND NOT EXISTS (
            SELECT FROM pg_replication_slots s WHERE s.active_pid = r.pid AND s.slot_type = 'logical'))
"""
"""How far the primary has written, and how far the last of its standbys lets it be read.

A logical consumer, which may be behind for hours, lets nobody read anything.
"""

PRESENT: Final = """
SELECT r.rolname, coalesce(d.datname, ''), bool_or(s.deptype = 'o')
FROM pg_shdepend s JOIN pg_authid r ON r.oid = s.refobjid LEFT JOIN pg_database d ON d.oid = s.dbid
WHERE s.refclassid = 'pg_authid'::regclass GROUP BY 1, 2
"""

DATABASES: Final = """
SELECT d.datname, r.rolname, pg_encoding_to_char(d.encoding),
       CASE d.datlocprovider WHEN 'b' THEN 'builtin' WHEN 'i' THEN 'icu' ELSE 'libc' END,
       coalesce(d.datlocale, d.datcollate), d.datconnlimit, d.datallowconn
FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba
WHERE NOT d.datistemplate AND d.datconnlimit <> -2
"""
"""-2: one that was being dropped, and is no database any more (PostgreSQL, DROP DATABASE)."""

SCHEMAS: Final = """
SELECT n.nspname, r.rolname, e.extname
FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner
LEFT JOIN pg_depend d ON d.classid = 'pg_namespace'::regclass AND d.objid = n.oid AND d.deptype = 'e'
LEFT JOIN pg_extension e ON e.oid = d.refobjid
WHERE n.nspname NOT LIKE 'pg\\_%%' AND n.nspname <> 'information_schema'
"""

EXTENSIONS: Final = """
SELECT e.extname, e.extversion, n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
"""

AVAILABLE: Final = "SELECT name, default_version FROM pg_available_extensions"

LOADED: Final = "SELECT current_setting('shared_preload_libraries')"

DEFAULTS: Final = """
SELECT DISTINCT who.rolname, creator.rolname, coalesce(n.nspname, '')
FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
JOIN pg_roles creator ON creator.oid = d.defaclrole,
     aclexplode(d.defaclacl) a JOIN pg_roles who ON who.oid = a.grantee
"""

RELATIONS: Final = """
SELECT found.nspname, found.relname, found.relkind = 'S', found.lacks
FROM (
    SELECT n.nspname, c.relname, c.relkind, who.oid IS NULL OR EXISTS (
        SELECT FROM unnest(CASE c.relkind WHEN 'S' THEN %(sequences)s::text[] ELSE %(tables)s::text[] END) p
        WHERE NOT CASE c.relkind WHEN 'S' THEN has_sequence_privilege(who.oid, c.oid, p)
                                 ELSE has_table_privilege(who.oid, c.oid, p) END) AS lacks
    FROM (SELECT (SELECT oid FROM pg_roles WHERE rolname = %(role)s)) who (oid),
         pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles o ON o.oid = c.relowner
    WHERE n.nspname = ANY (%(schemas)s)
      AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND NOT o.rolsuper
      AND NOT EXISTS (SELECT FROM pg_depend d
                      WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
) found
WHERE found.lacks OR %(every)s ORDER BY 1, 2 LIMIT CASE WHEN %(every)s THEN NULL ELSE 5000 END
"""
"""Of what a role lacks any of these privileges, its own, inherited or everybody's; the others come next time.
Where former rights are taken back it is all of them, for all that both rights have is given back at once.
One that there is not yet lacks all.

Not what belongs to extensions or superusers: who may write into pg_cron's table is as good as one.
"""

COMPLETE: Final = """
SELECT has_database_privilege(who.oid, current_database(), 'CONNECT')
   AND NOT EXISTS (SELECT FROM pg_namespace n, unnest(%(usage)s::text[]) p
                   WHERE n.nspname = ANY (%(schemas)s) AND NOT has_schema_privilege(who.oid, n.oid, p))
   AND NOT EXISTS (
       SELECT FROM pg_roles creator,
                   unnest(CASE WHEN %(whole)s THEN ARRAY[''] ELSE %(schemas)s::text[] END) place,
                   unnest(CASE WHEN %(whole)s THEN ARRAY['r', 'S', 'n'] ELSE ARRAY['r', 'S'] END) kind,
                   unnest(CASE kind WHEN 'r' THEN %(tables)s::text[] WHEN 'S' THEN %(sequences)s::text[]
                                    ELSE %(usage)s::text[] END) p
       WHERE creator.rolname = ANY (%(creators)s)
         AND NOT EXISTS (SELECT FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace,
                                     aclexplode(d.defaclacl) a
                         WHERE d.defaclrole = creator.oid AND d.defaclobjtype = kind::"char"
                           AND coalesce(n.nspname, '') IN (place, '')
                           AND a.grantee = who.oid AND a.privilege_type = p))
FROM pg_roles who WHERE who.rolname = %(role)s
"""
"""Whether a role has the rest of a right: connects, uses the schemas, and has the default privileges."""
