"""A policy of the cluster's that refuses writes, as those of others do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.rest import Object, Rest


@contextmanager
def refusing(
    rest: Rest, namespace: str, rule: Object, expression: str, message: str, **more: object
) -> Iterator[None]:
    """Have writes of a rule in a namespace refused unless an expression (CEL) holds; in force a moment later.

    `rule` has `resources` and `operations`, of the core group.
    """
    name = f"refusing-{namespace}"
    resource_rule = {"apiGroups": [""], "apiVersions": ["v1"], **rule}
    selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    policy = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [resource_rule], "namespaceSelector": selector},
        "validations": [{"expression": expression, "message": message}],
        **more,
    }
    bound = {"policyName": name, "validationActions": ["Deny"]}
    kinds = {"ValidatingAdmissionPolicy": policy, "ValidatingAdmissionPolicyBinding": bound}
    version, metadata = "admissionregistration.k8s.io/v1", {"name": name}
    for kind, spec in kinds.items():
        rest.create({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}).expect()
    try:
        yield
    finally:
        for kind in kinds:
            rest.delete(kind, None, name)
