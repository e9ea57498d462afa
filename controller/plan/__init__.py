"""What to do next, as pure functions: validated spec and observed state in, actions and an outcome out.

`planner` asks every component (`component`), of which `instances` is one; `conclusion` decides how a
reconcile ends. `actions` and `outcome` are the types of the answer. Nothing here reads a clock, the cluster
or randomness, so it may import only what is pure in `observe`, `desired`, `certificates` and `kube`.
"""
