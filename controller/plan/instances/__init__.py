"""Which instance is disrupted next, or why none is: restart, switchover, scaling, cloning, lost volumes.

Patroni elects the primary and replicates. Here is only what needs a view of pods, nodes and volumes, which
Patroni does not have. Each module answers one question with an action, a reason to wait, or None; `component`
has them in the order in which they are asked. No module may import the planner.
"""
