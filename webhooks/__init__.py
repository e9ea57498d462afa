"""The admission server: `schemas` behind TLS, and nothing else.

It has no Kubernetes client, no permission in the cluster and no secret but its own key, so an attacker who
compromises it can do nothing in the cluster. It never imports the controller.
"""
