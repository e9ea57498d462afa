"""ValidatingAdmissionPolicies and their bindings: what the API server itself refuses, in whoever's name."""

from __future__ import annotations

from controller.kube.objects import Manifest
from deploy.generate.objects import CONTROLLER, NAMESPACE, manifest

_API = "admissionregistration.k8s.io/v1"
CONTROLLERS_USER = f"system:serviceaccount:{NAMESPACE}:{CONTROLLER}"


def policy(name: str, rule: Manifest, expression: str, message: str) -> Manifest:
    """Return a policy that forbids what a rule matches unless the expression is true; `message` is CEL too.

    One that cannot be evaluated stands in nobody's way.
    """
    validation = {"expression": expression, "messageExpression": message, "reason": "Forbidden"}
    spec = {
        "failurePolicy": "Ignore",
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [validation],
    }
    return manifest(_API, "ValidatingAdmissionPolicy", name, {"spec": spec}, blank_line=False)


def binding(name: str, **more: Manifest) -> Manifest:
    """Return the binding by which the policy of the same name holds."""
    spec = {"policyName": name, "validationActions": ["Deny"], **more}
    return manifest(_API, "ValidatingAdmissionPolicyBinding", name, {"spec": spec}, blank_line=False)
