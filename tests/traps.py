"""What the owner of a database lays out for whoever connects to it with a search_path of the owner's.

Everything of pg_catalog once more, under the same names, in schemas that come before it: each does what the
real one does, and says by whom it was executed, in a table and in the server's log. So nothing depends on
which names a program of ours uses today.
"""

from __future__ import annotations

MARK = "keddah trap"
"""In the log: what was executed, by whom, and with which application_name."""

PREPARATION = """
SET search_path = pg_catalog;
CREATE SCHEMA trap;
GRANT USAGE ON SCHEMA trap TO PUBLIC;
CREATE TABLE trap.executed (what text, session text, who text, application text);
GRANT INSERT ON trap.executed TO PUBLIC;
CREATE FUNCTION trap.caught(what text) RETURNS bool LANGUAGE plpgsql SET search_path = pg_catalog AS $caught$
BEGIN
    RAISE LOG 'keddah trap: % by % as % in %',
        what, session_user, current_user, current_setting('application_name');
    IF NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off' THEN
        INSERT INTO trap.executed
        VALUES (what, session_user, current_user, current_setting('application_name'));
    END IF;
    RETURN true;
END $caught$;
CREATE FUNCTION trap.counted(int8) RETURNS int8 LANGUAGE plpgsql SET search_path = pg_catalog
    AS $$ BEGIN PERFORM trap.caught('count'); RETURN $1 + 1; END $$;
CREATE FUNCTION trap.try(statement text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN EXECUTE statement; EXCEPTION WHEN OTHERS THEN NULL; END $$;
"""
"""`try`: a few things of pg_catalog nobody can make again (of pseudo-types, or only the superuser)."""

_FUNCTIONS = r"""
SELECT trap.try(format('CREATE FUNCTION %1$I.%2$I(%3$s) RETURNS %4$s LANGUAGE plpgsql'
    ' SET search_path = pg_catalog AS %5$L', '{schema}', proname,
    pg_get_function_identity_arguments(p.oid), pg_get_function_result(p.oid),
    format('BEGIN PERFORM trap.caught(%L); %s END', proname || '()', CASE
        WHEN prorettype = 'void'::regtype THEN format('PERFORM pg_catalog.%I(%s);', proname, given)
        WHEN proretset THEN format('RETURN QUERY SELECT * FROM pg_catalog.%I(%s);', proname, given)
        WHEN proargmodes && '{o,b,t}' THEN 'RETURN;'
        ELSE format('RETURN pg_catalog.%I(%s);', proname, given) END)))
FROM pg_proc p, LATERAL (
    SELECT coalesce(string_agg(CASE WHEN n = pronargs AND provariadic <> 0 THEN 'VARIADIC ' ELSE '' END
        || '$' || n, ', ' ORDER BY n), '') AS given FROM generate_series(1, pronargs) AS n) AS arguments
WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f'
    AND NOT proargtypes::oid[] && ARRAY['internal'::regtype, 'cstring'::regtype]::oid[]
    AND prorettype <> ALL (ARRAY['internal', 'cstring', 'trigger', 'event_trigger']::regtype[])"""

_OPERATORS = r"""
SELECT trap.try(format('CREATE FUNCTION %1$I.%2$I(%3$s) RETURNS %4$s LANGUAGE plpgsql'
        ' SET search_path = pg_catalog AS %5$L', '{schema}', 'operator_' || oid,
        concat_ws(', ', left_, right_), result,
        format('BEGIN PERFORM trap.caught(%L); RETURN %s END', oprname, CASE oprkind
            WHEN 'b' THEN format('$1 OPERATOR(pg_catalog.%s) $2;', oprname)
            ELSE format('OPERATOR(pg_catalog.%s) $1;', oprname) END))),
    trap.try(format('CREATE OPERATOR %I.%s (%s RIGHTARG = %s, FUNCTION = %I.%I)', '{schema}', oprname,
        'LEFTARG = ' || left_ || ',', right_, '{schema}', 'operator_' || oid))
FROM (SELECT oid, oprname, oprkind, format_type(nullif(oprleft, 0), NULL) AS left_,
        format_type(oprright, NULL) AS right_, format_type(oprresult, NULL) AS result
    FROM pg_operator WHERE oprnamespace = 'pg_catalog'::regnamespace) AS o"""

_TYPES = r"""
SELECT trap.try(format('CREATE DOMAIN %I.%I AS pg_catalog.%I CHECK (trap.caught(%L))', '{schema}', typname,
    typname, 'type ' || typname))
FROM pg_type WHERE typnamespace = 'pg_catalog'::regnamespace AND typtype = 'b' AND typcategory <> 'A'"""

_RELATIONS = r"""
SELECT trap.try(format('CREATE VIEW %I.%I AS SELECT * FROM pg_catalog.%I WHERE trap.caught(%L)', '{schema}',
    relname, relname, 'relation ' || relname))
FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind IN ('r', 'v')"""

_COUNT = """
SELECT trap.try('CREATE AGGREGATE {schema}.count(*)'
    ' (SFUNC = trap.counted, STYPE = int8, INITCOND = ''0'')')"""


def traps(schema: str) -> str:
    """Return a script that fills a schema with them; pg_catalog has to come after it in the search_path."""
    made = f'CREATE SCHEMA IF NOT EXISTS "{schema}"; GRANT USAGE ON SCHEMA "{schema}" TO PUBLIC'
    parts = (made, _FUNCTIONS, _OPERATORS, _TYPES, _RELATIONS, _COUNT)
    script = ";\n".join(part.replace("{schema}", schema) for part in parts)
    # The words of these statements are those of pg_catalog.
    return f"SET search_path = pg_catalog;\n{script};\n"
