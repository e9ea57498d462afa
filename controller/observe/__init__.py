"""What surrounds one database: the world, frozen, and those who look at it.

`observer` looks, in the store, at the API server and through Patroni's REST API (`patroni`, which also takes
what is asked of a member); `progress` remembers what one look cannot tell. The rest is pure: what a manifest
says, whose it is, whether it still is what was applied, who does not follow. Nothing is decided here. It may
import `desired`, `certificates`, `watches` and `kube`.
"""
