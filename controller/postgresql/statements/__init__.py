"""The statements by which databases and roles become as declared: frozen values, each rendered by psycopg.

All of them can be executed again: whoever dies in between begins anew, and comes to the same end.
"""
