"""What else holds the data of a protected database, and is not deleted as long as it is protected.

Admission policies, because they ask for nothing: the API server itself reads the databases of a namespace as
their parameters (ValidatingAdmissionPolicy, paramKind). Nobody needs a right on namespaces, no object needs
a label that somebody can lose, and the policies hold while neither of our processes runs. Without the CRD of
PostgreSQLDatabase they cannot be evaluated: then they must not stand in anybody's way (`Ignore`).
"""

from __future__ import annotations

from controller.desired import secrets_watch
from controller.desired.labels import COMPONENT
from controller.kube.kinds import DATABASE_LABEL
from controller.kube.objects import Manifest
from deploy.generate.objects import CONTROLLERS_USER, admission_binding, admission_policy
from schemas.api.types import API_VERSION, GROUP, KIND, PLURAL, SHORT_NAME

DELETE_DATABASES = f"{GROUP}/delete-all-databases"
"""Annotation of the CRD by which a person confirms that all databases shall go with it."""
_DEFINITION = f"{PLURAL}.{GROUP}"
_UNPROTECTED = "!params.spec.?deletionProtection.orValue(false)"
_OTHERS = f"oldObject.metadata.?labels[?'{DATABASE_LABEL}'].orValue('') != params.metadata.name"
_WAY_OUT = (
    f"' with spec.deletionProtection: set it to false, then delete: kubectl patch {SHORT_NAME} '"
    " + params.metadata.name + ' -n ' + params.metadata.namespace"
    """ + ' --type merge -p \\'{"spec":{"deletionProtection":false}}\\''"""
)
# `kubectl delete -k deploy/install` goes on with the rest, the policies too; none of them can protect itself.
_WITH_THE_DEFINITION = (
    f"'all {PLURAL} of the cluster would be deleted with it; if this was kubectl delete -k, this protection"
    " goes next, and a second attempt would succeed: apply again to keep the databases; if they"
    f" shall go: kubectl annotate crd {_DEFINITION} {DELETE_DATABASES}=true'"
)
_NOT_OURS = {
    "name": "not-the-controller",
    "expression": f"request.userInfo.username != '{CONTROLLERS_USER}'",
}
_DEFINES_DATABASES = {
    "name": "defines-databases",
    "expression": f"oldObject.metadata.name == '{_DEFINITION}'",
}


def protection() -> tuple[Manifest, ...]:
    """Return the policies with their bindings: for namespaces, for what outlives pods, and for the CRD."""
    namespaces = admission_policy(
        _name("namespaces"), _rules("", "namespaces"), _UNPROTECTED, _holds("'the namespace holds '")
    )
    data = admission_policy(
        _name("data"),
        _rules("", "persistentvolumeclaims", "secrets", "configmaps"),
        f"{_UNPROTECTED} || {_OTHERS}",
        _holds("oldObject.metadata.name + ' belongs to '"),
    )
    ours = [
        {"key": DATABASE_LABEL, "operator": "Exists"},
        # It holds no data, and what Kubernetes does to it shows that a Secret is gone.
        {"key": COMPONENT, "operator": "NotIn", "values": [secrets_watch.COMPONENT]},
    ]
    data["spec"]["matchConstraints"]["objectSelector"] = {"matchExpressions": ours}
    data["spec"]["matchConditions"] = [_NOT_OURS]
    for each in (namespaces, data):
        each["spec"]["paramKind"] = {"apiVersion": API_VERSION, "kind": KIND}
    definition = admission_policy(
        _name("definition"),
        _rules("apiextensions.k8s.io", "customresourcedefinitions"),
        f"oldObject.metadata.?annotations[?'{DELETE_DATABASES}'].orValue('') == 'true'",
        _WITH_THE_DEFINITION,
    )
    definition["spec"]["matchConditions"] = [_DEFINES_DATABASES]
    databases = {"selector": {}, "parameterNotFoundAction": "Allow"}
    return (
        namespaces,
        admission_binding(_name("namespaces"), paramRef=databases),
        data,
        admission_binding(_name("data"), paramRef=databases),
        definition,
        admission_binding(_name("definition")),
    )


def _holds(what: str) -> str:
    return f"{what} + '{KIND} ' + params.metadata.name + {_WAY_OUT}"


def _name(subject: str) -> str:
    return f"keddah-protect-{subject}"


def _rules(group: str, *resources: str) -> list[Manifest]:
    rule = {
        "apiGroups": [group],
        "apiVersions": ["v1"],
        "operations": ["DELETE"],
        "resources": list(resources),
    }
    return [rule]
