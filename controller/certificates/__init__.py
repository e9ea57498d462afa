"""Certificates and passwords: pure functions in `pki` and `certificate`, and the webhooks' certificates.

A database's keys are values here; which Secrets they go into is said in `desired`. May import `watches` and
`kube`.
"""
