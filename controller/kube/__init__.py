"""The API server: its kinds, how to reach it, requests and answers, the Lease, and what we may ask of it.

The only room that knows the Kubernetes client. It knows no database, and imports no other room.
"""
