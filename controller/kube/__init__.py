"""The API server: its kinds, the connection, requests and answers, the Lease, and our RBAC permissions.

The only package that uses the Kubernetes client. It knows objects and their owners, and nothing about
databases. It imports no other package of the controller.
"""
