"""The installation's manifests, one module a file of deploy/install; cert-manager's part; the Helm chart.

Nothing is written by hand twice: the CRD comes from the API's types, the rights from the table beside the
controller's code, names and ports from here.
"""
