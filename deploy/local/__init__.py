"""A real Kubernetes on a bare Linux machine: no container engine, no virtual machine, no registry.

The binaries are built from Go modules; a node is a network namespace and a mount namespace with a
containerd, a kubelet and a kube-proxy of its own. Everything a cluster owns is inside its namespaces, its
control groups and its state folder, so that `down` can take all of it away. Nothing here may import the
operator: it is a place to run it, and knows nothing of PostgreSQL.
"""
