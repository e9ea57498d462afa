"""When the API server calls the admission server.

The CA bundle is not here: the controller injects it, or cert-manager's CA injector, and as no other field
manager ever names that field, applying these manifests again leaves it alone.
"""

from __future__ import annotations

from controller.kube.kinds import CertificateMode
from controller.kube.objects import Manifest
from deploy.generate.objects import CONTROLLERS_USER, NAMESPACE, WEBHOOKS, manifest
from deploy.generate.variant import Variant
from deploy.generate.webhooks import COMPONENT_NAME, SERVICE_PORT
from schemas.api.types import GROUP, PLURAL, VERSION

NAME = "keddah"
_API = "admissionregistration.k8s.io/v1"
_CERT_MANAGER = {"cert-manager.io/inject-ca-from": f"{NAMESPACE}/{WEBHOOKS}"}
"""Has the CA of this Certificate injected: the serving one's, since what is served must be trusted."""

# An object on its way out is not judged: a finalizer can go while no admission server runs.
_STAYS = {"name": "not-deleted", "expression": "!has(object.metadata.deletionTimestamp)"}
# Labels and finalizers can be written while no admission server runs. Annotations may be requests.
_CHANGED = {
    "name": "changed",
    "expression": "request.operation != 'UPDATE' || !has(object.spec) || !has(oldObject.spec)"
    " || object.spec != oldObject.spec || object.metadata.?annotations != oldObject.metadata.?annotations",
}
_OTHERS = {
    "name": "not-the-controller",
    "expression": f"request.userInfo.username != '{CONTROLLERS_USER}'",
}
_JUDGED = [_STAYS, _CHANGED, _OTHERS]
_NAME_OF_NAMESPACE = "kubernetes.io/metadata.name"
# What Kubernetes itself runs on must never wait for us.
_NOT_KUBERNETES = {"key": _NAME_OF_NAMESPACE, "operator": "NotIn", "values": ["kube-system"]}
# Whoever deletes what is not protected never waits for an admission server.
_PROTECTED = {
    "name": "protected",
    "expression": "has(oldObject.spec) && (oldObject.spec.?deletionProtection.orValue(false)"
    # A last backup needs an instance, and nothing wakes one of an object that is being deleted.
    " || oldObject.spec.?hibernated.orValue(false) && oldObject.spec.?backup.?finalBackup.orValue(false)"
    " && oldObject.spec.?deletionPolicy.orValue('') == 'Delete')",
}


def admission(variant: Variant) -> tuple[Manifest, ...]:
    """Return both webhook configurations."""
    mutate = _webhook(
        "mutate", "/mutate", ["CREATE", "UPDATE"], PLURAL, _JUDGED, variant, reinvocationPolicy="IfNeeded"
    )
    validating = [
        _webhook("validate", "/validate", ["CREATE", "UPDATE"], PLURAL, _JUDGED, variant),
        _webhook("protect", "/validate", ["DELETE"], PLURAL, [_PROTECTED], variant),
        _webhook("scale", "/validate", ["UPDATE"], f"{PLURAL}/scale", [], variant),
    ]
    configurations = (
        _configuration("MutatingWebhookConfiguration", [mutate]),
        _configuration("ValidatingWebhookConfiguration", validating),
    )
    if variant.certificates is CertificateMode.CERT_MANAGER:
        for configuration in configurations:
            configuration["metadata"]["annotations"] = dict(_CERT_MANAGER)
    return configurations


def _namespaces(variant: Variant) -> list[Manifest]:
    watched = {"key": _NAME_OF_NAMESPACE, "operator": "In", "values": list(variant.namespaces)}
    return [_NOT_KUBERNETES, *([watched] if variant.namespaces else [])]


def _configuration(kind: str, hooks: list[Manifest]) -> Manifest:
    return manifest(_API, kind, NAME, {"webhooks": hooks}, component=COMPONENT_NAME, namespaced=False)


def _webhook(
    name: str,
    path: str,
    operations: list[str],
    resource: str,
    conditions: list[Manifest],
    variant: Variant,
    **more: str,
) -> Manifest:
    service = {"name": WEBHOOKS, "namespace": NAMESPACE, "path": path, "port": SERVICE_PORT}
    rule = {
        "apiGroups": [GROUP],
        "apiVersions": [VERSION],
        "operations": operations,
        "resources": [resource],
        "scope": "Namespaced",
    }
    webhook: Manifest = {
        "name": f"{name}.{GROUP}",
        "admissionReviewVersions": ["v1"],
        "clientConfig": {"service": service},
        "rules": [rule],
        "namespaceSelector": {"matchExpressions": _namespaces(variant)},
        "failurePolicy": "Fail",
        "matchPolicy": "Equivalent",
        "sideEffects": "None",
        "timeoutSeconds": 5,
        **more,
    }
    if conditions:
        webhook["matchConditions"] = conditions
    return webhook
