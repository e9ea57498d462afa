"""The API: its types, the CRD generated from them, the validation rules, the defaults and the policy.

It imports no other package of keddah and uses no network, clock, environment or Kubernetes client, so that
the admission server, the controller and the offline linter reach the same verdict from the same arguments.
"""
