"""Turns watch events into keys on the queue; the newest manifest of every watched object is kept in a cache.

An event triggers a reconcile and is never its input. kopf is used here and nowhere else. Of the other
packages, only `kube` may be imported.
"""
