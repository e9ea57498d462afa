"""Where pods may run: what the API server's code asks of the parts of a pod, beyond their schema.

The rules are those of k8s.io/kubernetes, pkg/apis/core/validation/validation.go, and of its reading of a pod
that a StatefulSet makes. Where Kubernetes takes what can never work, such as a `Gt` of a word, so do we not.
"""
