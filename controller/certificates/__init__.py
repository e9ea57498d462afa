"""Certificates and passwords: pure functions in `pki` and `certificate`, and the webhooks' certificates.

May import `watches` and `kube`; it knows nothing about databases.
"""
