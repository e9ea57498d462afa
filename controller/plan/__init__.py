"""What to do next, pure: the judged database and the world in, actions and an outcome out.

`planner` puts it together from one module for each question; `instances` holds those about who is disturbed.
`actions` and `outcome` are the words of the answer. Nothing here reads a clock, the cluster or randomness, so
it may import only what is pure in `observe`, `desired`, `certificates` and `kube`.
"""
