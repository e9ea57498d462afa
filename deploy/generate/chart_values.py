"""The values of the Helm chart: their defaults, what each of them is, and what Helm refuses.

Defaults are taken from the objects themselves, so that there is one place for them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from controller import settings as controller
from controller.kube.kinds import CertificateMode
from controller.kube.objects import Manifest
from deploy.generate.document import GENERATED, documents
from deploy.generate.objects import (
    DATABASE_IMAGE,
    DEFAULT_REGISTRY,
    HEALTH_PORT,
    LARGER_DATABASE_IMAGE,
    labels,
)
from deploy.generate.webhooks import PORT
from schemas.processes import SettingsError
from schemas.records import FORMATS
from webhooks import settings as webhooks

_MODES = (CertificateMode.KEDDAH, CertificateMode.CERT_MANAGER)
_NAME = {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"}
MONITORING = ("podMonitor", "rules", "dashboard")
"""What of it a cluster has: each is a value, and false unless somebody sets it."""
DOCS = "docs"
"""The value beside these that says where the site of docs/ is served."""
_LEVELS = ["debug", "info", "warning", "error"]

_HEAD = """\
# image            the registry of both images and their tag, the chart's appVersion by default; and which one
#                  databases have: keddah-postgres, or keddah-postgres-extensions, which has PostGIS too
# imagePullSecrets of keddah's own pods, and of new databases that name none: [{name: registry}]
# replicas         of the controller, of which one acts, and of the admission server
# policy           entries of the policy in place of this release's, which are in deploy/install/policy.yaml
# certificates     who makes the webhooks' certificates: keddah, or cert-manager
# watchedNamespaces  in which alone databases are looked after, with Roles in them and no ClusterRole; empty:
#                  in all. They must exist. Needs certificates: cert-manager
# webhookPort      of the admission server's pods, to which a firewall must let the control plane through
# resources        of the containers
# logLevel         debug, info, warning or error
# logging          of these two: JSON, an object a line, or Text; databases have spec.logging
# env              more settings of each process: {controller: {KEDDAH_CLUSTER_DOMAIN: example.org}}
# webhookClients   if the admission server is to serve the API server alone: the ConfigMap whose ca.crt signed
#                  its client certificate, and the names in that: {configMap: clients, names: [apiserver]}
# nodeSelector, tolerations, affinity  of keddah's own pods
# extraLabels      of every object and pod
# monitoring       for clusters with the Prometheus operator: podMonitor, to scrape keddah and all databases;
#                  rules, the alerts; for Grafana with its sidecar: dashboard, the board. docs is where the
#                  site that `make docs` builds is served, if it is: alerts lead to its runbooks
"""


def values(objects: Iterable[Manifest]) -> Manifest:
    """Return the default values; what pods request and how many they are is taken from the objects."""
    deployments = {component(item): item["spec"] for item in objects if item["kind"] == "Deployment"}
    return {
        "image": {"registry": DEFAULT_REGISTRY, "tag": "", "database": DATABASE_IMAGE},
        "imagePullSecrets": [],
        "replicas": {name: spec["replicas"] for name, spec in deployments.items()},
        "policy": {},
        "certificates": str(CertificateMode.KEDDAH),
        "watchedNamespaces": [],
        "webhookPort": PORT,
        "resources": {name: _container(spec)["resources"] for name, spec in deployments.items()},
        "logLevel": "info",
        "logging": FORMATS[0],
        "env": {name: {} for name in deployments},
        "webhookClients": {"configMap": "", "names": []},
        "nodeSelector": {},
        "tolerations": [],
        "affinity": {},
        "extraLabels": {},
        "monitoring": {**dict.fromkeys(MONITORING, False), DOCS: ""},
    }


def values_text(objects: Iterable[Manifest]) -> str:
    """Return values.yaml, with what each of them is."""
    return GENERATED + _HEAD + documents([values(objects)])


def schema(objects: Iterable[Manifest]) -> str:
    """Return values.schema.json: what Helm refuses before it asks the API server."""
    objects = tuple(objects)
    defaults = values(objects)
    text = {"type": "string"}
    words = {"type": "object", "additionalProperties": text}
    # `--set image.tag=1` is a number to Helm. It writes large ones as 1e+06: those have to be quoted.
    tag = {"type": ["string", "integer"], "maximum": 99999}
    database = {"enum": [DATABASE_IMAGE, LARGER_DATABASE_IMAGE]}
    count = {"type": "integer", "minimum": 1}
    secret = _closed({"name": {**text, "minLength": 1}}, ["name"])
    properties = {
        "global": {"type": "object"},
        "image": _closed({"registry": {**text, "pattern": "[^/]$"}, "tag": tag, "database": database}),
        "imagePullSecrets": {"type": "array", "items": secret},
        "replicas": _closed(dict.fromkeys(defaults["replicas"], count)),
        "policy": {"type": "object"},
        "certificates": {"enum": [str(mode) for mode in _MODES]},
        "watchedNamespaces": {"type": "array", "items": _NAME, "uniqueItems": True},
        # Below 1024 are those that only root may listen on; another is the probes' and the metrics'.
        "webhookPort": {"type": "integer", "minimum": 1024, "maximum": 65535, "not": {"const": HEALTH_PORT}},
        "resources": _closed({name: {"type": "object"} for name in defaults["resources"]}),
        "logLevel": {"enum": _LEVELS},
        "logging": {"enum": [*FORMATS]},
        "env": _closed({name: _settings(name, given) for name, given in _given(objects).items()}),
        "webhookClients": _closed({"configMap": text, "names": {"type": "array", "items": text}}),
        "nodeSelector": words,
        "tolerations": {"type": "array", "items": {"type": "object"}},
        "affinity": {"type": "object"},
        "extraLabels": words | {"propertyNames": {"not": {"enum": sorted(labels("any"))}}},
        "monitoring": _closed(
            {name: {"type": "boolean"} for name in MONITORING}
            | {DOCS: {**text, "pattern": "^(https?://.+)?$"}}
        ),
    }
    whole = {"$schema": "http://json-schema.org/draft-07/schema#", **_closed(properties)}
    return json.dumps(whole, indent=2) + "\n"


def component(deployment: Manifest) -> str:
    """Return which of the two processes a Deployment runs."""
    return str(deployment["metadata"]["labels"]["app.kubernetes.io/component"])


def _given(objects: Iterable[Manifest]) -> dict[str, list[str]]:
    """Return by component the environment variables that the chart itself sets."""
    found = {component(item): _container(item["spec"]) for item in objects if item["kind"] == "Deployment"}
    return {name: [variable["name"] for variable in each["env"]] for name, each in found.items()}


def _settings(name: str, given: list[str]) -> Manifest:
    """Return the schema of a process's further settings: the same variable twice is refused by Kubernetes."""
    known = _Asked()
    with suppress(SettingsError):
        _READ[name](known)
    names = {"enum": sorted(known.names - {*given})}
    return {"type": "object", "propertyNames": names, "additionalProperties": {"type": "string"}}


class _Asked(dict[str, str]):
    """An environment with nothing in it, that remembers which of keddah's settings were read from it."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ANN401 - as dict
        """Give the default, and remember what was asked for."""
        if key.startswith("KEDDAH_"):
            self.names.add(key)
        return default


_READ: dict[str, Callable[[Mapping[str, str]], object]] = {
    "controller": lambda variables: controller.read(variables, hostname=""),
    "webhooks": webhooks.read,
}


def _closed(properties: dict[str, Any], required: Iterable[str] = ()) -> Manifest:
    closed = {"type": "object", "properties": properties, "additionalProperties": False}
    return closed | ({"required": list(required)} if required else {})


def _container(spec: Manifest) -> Manifest:
    (container,) = spec["template"]["spec"]["containers"]
    return dict(container)
