"""The Helm chart: the same objects as deploy/install and deploy/cert-manager, with values in some places.

Objects are written as YAML with marks where values stand, and the marks are then replaced by Helm's template
expressions. Whole objects that differ between the modes of the certificates are there once for each.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable
from typing import Any

from controller.kube.kinds import CertificateMode
from controller.kube.objects import Manifest
from deploy.generate.document import GENERATED, documents
from deploy.generate.objects import (
    DATABASE_IMAGE,
    DEFAULT_REGISTRY,
    NAMESPACE,
    OPERATOR_IMAGE,
    POLICY_KEY,
    VERSION,
    image,
)
from schemas.api.types import KIND

KEPT = {"helm.sh/resource-policy": "keep"}
"""Annotation of what `helm uninstall` leaves: the CRD, for all databases would go with it."""
_MODES = (CertificateMode.KEDDAH, CertificateMode.CERT_MANAGER)
_TAG = "{{ .Values.image.tag | default .Chart.AppVersion }}"
_MARK = "MARK-"
_PART_OF = re.compile(r"^( *)(app\.kubernetes\.io/part-of: keddah)$", re.MULTILINE)
_MARKED = re.compile(rf"^( *)(- )?(\w+): {_MARK}(\w+)-(\w*)$\n", re.MULTILINE)

_HEAD = """\
# image            the registry of both images and their tag, the chart's appVersion by default
# imagePullSecrets of keddah's own pods, and of new databases that name none: [{name: registry}]
# replicas         of the controller, of which one acts, and of the admission server
# policy           the whole policy; empty: the one of this release, as in deploy/install/policy.yaml
# certificates     who makes the webhooks' certificates: keddah, or cert-manager
# resources        of the containers
# extraLabels      of every object and pod
"""


def chart() -> Manifest:
    """Return Chart.yaml."""
    return {
        "apiVersion": "v2",
        "name": "keddah",
        "description": f"A PostgreSQL operator: highly available clusters from a {KIND}",
        "type": "application",
        "version": VERSION,
        "appVersion": VERSION,
    }


def values(objects: Iterable[Manifest]) -> Manifest:
    """Return the default values; what pods request and how many they are is taken from the objects."""
    deployments = {_component(item): item["spec"] for item in objects if item["kind"] == "Deployment"}
    return {
        "image": {"registry": DEFAULT_REGISTRY, "tag": ""},
        "imagePullSecrets": [],
        "replicas": {name: spec["replicas"] for name, spec in deployments.items()},
        "policy": {},
        "certificates": str(CertificateMode.KEDDAH),
        "resources": {name: _container(spec)["resources"] for name, spec in deployments.items()},
        "extraLabels": {},
    }


def values_text(objects: Iterable[Manifest]) -> str:
    """Return values.yaml, with what each of them is."""
    return GENERATED + _HEAD + documents([values(objects)])


def schema(objects: Iterable[Manifest]) -> str:
    """Return values.schema.json: what Helm refuses before it asks the API server."""
    defaults = values(objects)
    text = {"type": "string"}
    # `--set image.tag=1` is a number to Helm. It writes large ones as 1e+06: those have to be quoted.
    tag = {"type": ["string", "integer"], "maximum": 99999}
    count = {"type": "integer", "minimum": 1}
    secret = _closed({"name": {**text, "minLength": 1}}, ["name"])
    properties = {
        "global": {"type": "object"},
        "image": _closed({"registry": {**text, "minLength": 1}, "tag": tag}),
        "imagePullSecrets": {"type": "array", "items": secret},
        "replicas": _closed(dict.fromkeys(defaults["replicas"], count)),
        "policy": {"type": "object"},
        "certificates": {"enum": [str(mode) for mode in _MODES]},
        "resources": _closed({name: {"type": "object"} for name in defaults["resources"]}),
        "extraLabels": {"type": "object", "additionalProperties": text},
    }
    whole = {"$schema": "http://json-schema.org/draft-07/schema#", **_closed(properties)}
    return json.dumps(whole, indent=2) + "\n"


def template(own: Iterable[Manifest], cert_managers: Iterable[Manifest]) -> str:
    """Return a template of objects, given as they are in both modes; one of them may have none."""
    ours, theirs = [_marked(item) for item in own], [_marked(item) for item in cert_managers]
    if not ours:
        return GENERATED + _only(CertificateMode.CERT_MANAGER, _text(theirs)) + "{{- end }}\n"
    parts = []
    for one, other in zip(ours, theirs, strict=True):
        if one == other:
            parts.append(_text([one]))
        else:
            otherwise = "{{- else }}\n" + _text([one]) + "{{- end }}\n"
            parts.append(_only(CertificateMode.CERT_MANAGER, _text([other])) + otherwise)
    return GENERATED + "---\n".join(parts)


def _only(mode: CertificateMode, text: str) -> str:
    return f'{{{{- if eq .Values.certificates "{mode}" }}}}\n{text}'


def _closed(properties: dict[str, Any], required: Iterable[str] = ()) -> Manifest:
    closed = {"type": "object", "properties": properties, "additionalProperties": False}
    return closed | ({"required": list(required)} if required else {})


def _component(deployment: Manifest) -> str:
    return str(deployment["metadata"]["labels"]["app.kubernetes.io/component"])


def _container(spec: Manifest) -> Manifest:
    (container,) = spec["template"]["spec"]["containers"]
    return dict(container)


def _marked(item: Manifest) -> Manifest:
    """Return an object with marks where its values stand."""
    item = copy.deepcopy(item)
    if item["kind"] == "CustomResourceDefinition":
        item["metadata"].setdefault("annotations", {}).update(KEPT)
    if item["kind"] == "Deployment":
        name = _component(item)
        item["spec"]["replicas"] = f"{_MARK}replicas-{name}"
        pod = item["spec"]["template"]["spec"]
        item["spec"]["template"]["spec"] = {"imagePullSecrets": f"{_MARK}imagePullSecrets-", **pod}
        (container,) = pod["containers"]
        container["resources"] = f"{_MARK}resources-{name}"
        for variable in container["env"]:
            if variable["name"] == "KEDDAH_CERTIFICATES":
                variable["value"] = f"{_MARK}certificates-"
    return item


def _text(items: Iterable[Manifest]) -> str:
    """Return objects as YAML, with template expressions in place of marks, images, namespace and labels."""
    text = documents(items)
    for name in (OPERATOR_IMAGE, DATABASE_IMAGE):
        text = text.replace(image(name), f"{{{{ .Values.image.registry }}}}/{name}:{_TAG}")
    text = text.replace(NAMESPACE, "{{ .Release.Namespace }}")
    text = _PART_OF.sub(
        lambda found: f"{found[0]}{{{{- with .Values.extraLabels }}}}{_nested(found[1])}{{{{- end }}}}", text
    )
    text = _MARKED.sub(_value, text)
    return _policy(text) if f"{POLICY_KEY}: |\n" in text else text


def _nested(indentation: str) -> str:
    return f"{{{{ toYaml . | nindent {len(indentation)} }}}}"


def _value(found: re.Match[str]) -> str:
    """Return the line of a mark: a scalar, or a block below its name that is left out where it is empty."""
    indentation, dash, key, name, below = found.groups()
    path = f".Values.{name}.{below}" if below else f".Values.{name}"
    if name in ("replicas", "certificates"):
        return f"{indentation}{dash or ''}{key}: {{{{ {path} }}}}\n"
    nested = _nested(indentation + "  ")
    return f"{{{{- with {path} }}}}\n{indentation}{key}: {nested}\n{{{{- end }}}}\n"


def _policy(text: str) -> str:
    """Return the ConfigMap with the user's policy in place of this release's, if there is one."""
    head, usual = text.split(f"{POLICY_KEY}: |\n")
    usual = usual.replace(
        "imagePullSecrets: []\n", "imagePullSecrets: {{ toJson .Values.imagePullSecrets }}\n"
    )
    given = "{{- with .Values.policy }}{{ toYaml . | nindent 4 }}{{- else }}"
    return f"{head}{POLICY_KEY}: |\n    {given}\n{usual.rstrip()}\n    {{{{- end }}}}\n"
