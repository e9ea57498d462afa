"""The fault laboratory: faults, one at a time, against an application that commits every 10 ms.

A run counts what an application would notice: the longest time between two acknowledged commits, commits
that were acknowledged and are lost, two instances that accept writes at once. The ledger of what was
acknowledged is kept outside the cluster. Processes are found by the control group of their pod and
signalled by process id, so the cluster must be one of deploy/local. Nothing here repairs a database:
whatever stands again after a fault stands by itself.
"""
