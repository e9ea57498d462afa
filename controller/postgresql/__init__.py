"""The SQL side of a database: statements, a client that executes them, and SCRAM verifiers.

psycopg quotes whatever goes into a statement; nothing here is put together by hand.
"""
