"""What is different where cert-manager makes the webhooks' certificates: the files of deploy/cert-manager.

A self-signed Issuer makes the CA, an Issuer with that CA the serving certificate, and cert-manager's CA
injector writes the caBundle. So the controller has no right on webhook configurations at all. Names of
Secrets, names to serve for and lifetimes are those that the controller would have chosen itself.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from controller.certificates.pki import AUTHORITY_LIFETIME, LEAF_LIFETIME
from controller.certificates.webhooks import CA_SECRET, TLS_SECRET, names
from controller.kube.kinds import CertificateMode
from controller.kube.objects import Manifest
from deploy.generate.admission import admission
from deploy.generate.confinement import controllers_account
from deploy.generate.controller import COMPONENT_NAME as CONTROLLERS
from deploy.generate.controller import certificates_setting, controller
from deploy.generate.objects import (
    NAMESPACE,
    WEBHOOKS,
    admission_binding,
    admission_policy,
    labels,
    manifest,
)
from deploy.generate.rbac import rbac
from deploy.generate.variant import Variant
from deploy.generate.webhooks import COMPONENT_NAME

GROUP = "cert-manager.io"
CLUSTER_DOMAIN = "cluster.local"
_API = f"{GROUP}/v1"
_SELF_SIGNED = f"{WEBHOOKS}-selfsigned"
_AUTHORITY = f"{WEBHOOKS}-ca"
_CONFINED = "keddah-certificates"


def certificates() -> tuple[Manifest, ...]:
    """Return the Issuers and Certificates: the first signs the CA, the CA signs what is served."""
    return (
        *secrets_left_alone(),
        _issuer(_SELF_SIGNED, {"selfSigned": {}}),
        _certificate(
            _AUTHORITY,
            CA_SECRET,
            _SELF_SIGNED,
            AUTHORITY_LIFETIME,
            ["cert sign", "crl sign", "digital signature"],
            isCA=True,
            commonName=_AUTHORITY,
        ),
        _issuer(_AUTHORITY, {"ca": {"secretName": CA_SECRET}}),
        _certificate(
            WEBHOOKS,
            TLS_SECRET,
            _AUTHORITY,
            LEAF_LIFETIME,
            ["digital signature", "server auth"],
            dnsNames=list(names(NAMESPACE, CLUSTER_DOMAIN)),
        ),
    )


def secrets_left_alone() -> tuple[Manifest, ...]:
    """Return what keeps the controller from writing the Secrets of these Certificates.

    RBAC cannot take one name out of a right that is needed for Secrets of every other.
    """
    rule = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["CREATE", "UPDATE", "DELETE"],
        "resources": ["secrets"],
        "resourceNames": [CA_SECRET, TLS_SECRET],
        "scope": "Namespaced",
    }
    confined = admission_policy(_CONFINED, [rule], "false", "'cert-manager makes the Secret ' + request.name")
    confined["spec"]["matchConstraints"]["namespaceSelector"] = {
        "matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}
    }
    confined["spec"]["matchConditions"] = [controllers_account()]
    return confined, admission_binding(_CONFINED)


def patches() -> dict[str, tuple[Manifest, ...]]:
    """Return by file what is laid over objects of deploy/install."""
    variant = Variant(CertificateMode.CERT_MANAGER)
    process = {"name": CONTROLLERS, "env": [certificates_setting(variant)]}
    deployment = {"spec": {"template": {"spec": {"containers": [process]}}}}
    role = next(each for each in rbac(variant) if each["kind"] == "ClusterRole")
    return {
        "admission.yaml": tuple(
            _patch(each, metadata={"annotations": each["metadata"]["annotations"]})
            for each in admission(variant)
        ),
        "rbac.yaml": (_patch(role, rules=role["rules"]),),
        "controller.yaml": (_patch(controller(variant)[0], **deployment),),
    }


def _patch(whole: Manifest, *, metadata: Manifest | None = None, **body: Manifest) -> Manifest:
    identity = {key: whole["metadata"][key] for key in ("name", "namespace") if key in whole["metadata"]}
    head = {"apiVersion": whole["apiVersion"], "kind": whole["kind"]}
    return {**head, "metadata": identity | (metadata or {}), **body}


def _issuer(name: str, spec: Manifest) -> Manifest:
    return manifest(_API, "Issuer", name, {"spec": spec}, component=COMPONENT_NAME)


def _certificate(
    name: str,
    secret: str,
    issuer: str,
    lifetime: timedelta,
    usages: list[str],
    **more: Any,  # noqa: ANN401
) -> Manifest:
    """Return a Certificate that is renewed, always with a new key, at two thirds of its life."""
    spec: Manifest = {
        "secretName": secret,
        "secretTemplate": {"labels": labels(COMPONENT_NAME)},
        **more,
        "duration": _hours(lifetime),
        "renewBefore": _hours(lifetime / 3),
        "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
        "usages": usages,
        "issuerRef": {"group": GROUP, "kind": "Issuer", "name": issuer},
    }
    return manifest(_API, "Certificate", name, {"spec": spec}, component=COMPONENT_NAME)


def _hours(time: timedelta) -> str:
    return f"{time // timedelta(hours=1)}h"
