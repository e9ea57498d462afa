"""The admission server: `schemas` behind TLS, and nothing else.

It has no client, no permission in the cluster and no secret but its own key: whoever takes it over
can do nothing. It never imports the controller.
"""
