"""WHAT is valid: the API's types, the CRD made from them, the rules, the defaults and the policy.

A leaf. It has no network, no clock, no environment and no Kubernetes client, so that the admission
server, the controller and the offline linter reach the same verdict from the same arguments.
"""
