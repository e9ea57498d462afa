"""The observed state of one database, as a frozen `ObservedState`, and the code that reads it.

`observer` reads the watches' cache, the API server and Patroni; `instances.progress` remembers durations,
which one observation cannot show. The rest is pure: reading manifests, ownership, drift, standbys that do not
follow. Nothing is decided or changed here. May import `desired`, `patroni`, `certificates`, `watches` and
`kube`.
"""
