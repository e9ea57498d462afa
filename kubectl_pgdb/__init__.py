"""`kubectl pgdb`: a database seen and operated by a person, in one command each.

It is a plugin of kubectl and runs the user's own kubectl for all it does: the same kubeconfig, the same
credentials, the same rights, the same audit. It has no client of its own, and no right that the user has not;
what needs more (Patroni's certificate) is asked of the controller by an annotation of the database. `--show`
prints the plain kubectl that a command stands for. Nothing of keddah imports it.

`objects` reads what Kubernetes has into frozen values, `screens` turn those into what rich prints, as pure
functions, and `commands` has a module for each command.
"""
