"""What to do next, as pure functions: validated spec and observed state in, actions and an outcome out.

`planner` combines one module for each question; those in `instances` are about restarting or removing pods.
`actions` and `outcome` are the types of the answer. Nothing here reads a clock, the cluster or randomness, so
it may import only what is pure in `observe`, `desired`, `certificates` and `kube`.
"""
