"""The API server: its kinds, the connection, requests and answers, the Lease, and our RBAC permissions.

The only package that uses the Kubernetes client. Of databases it knows the kind, and the label of their
children. It imports no other package of the controller.
"""
