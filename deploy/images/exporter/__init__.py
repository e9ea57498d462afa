"""The exporter of an instance: asks its server, and gives Prometheus what it finds.

A process of its own, beside the server, as a user and a role of its own. It is written with sockets alone,
for asyncio, a web server and a driver would take twice the memory that all else takes. A custom query cannot
do any harm to keddah's own metrics, as it can in Debian's prometheus-postgres-exporter (0.17.1), whose page
is an error as a whole once one query returns two rows of equal labels.
"""
