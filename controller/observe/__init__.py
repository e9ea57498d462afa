"""The observed state of one database, as a frozen `World`, and the code that reads it.

`observer` reads the watches' store, the API server and Patroni's REST API (`patroni`, which also sends
requests such as a switchover); `progress` remembers durations, which one observation cannot show. The rest is
pure: reading manifests, ownership, drift, standbys that do not follow. Nothing is decided here. May import
`desired`, `certificates`, `watches` and `kube`.
"""
