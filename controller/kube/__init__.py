"""The API server: its kinds, how to reach it, requests and answers, the Lease, and what we may ask of it.

The only room that knows the Kubernetes client. It knows objects and whose they are, and nothing of what a
database is. It imports no other room.
"""
