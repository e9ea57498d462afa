"""Which instance is disturbed next, and why none is: restart, hand-over, scaling, copies, volumes given up.

Patroni elects and replicates; here is only what it leaves to somebody who sees pods, nodes and volumes too.
Each module answers one question with an action, a reason to wait, or nothing. It may import `actions` and
`outcome` of the planner, never the planner.
"""
