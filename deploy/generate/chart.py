"""The Helm chart: the same objects as deploy/install and deploy/cert-manager, with values in some places.

Objects are written as YAML with marks where values stand, and the marks are then replaced by Helm's template
expressions. Whole objects that differ between the modes of the certificates are there once for each.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from textwrap import dedent

from controller.kube.kinds import WEBHOOK_CONFIGURATIONS, CertificateMode
from controller.kube.objects import Manifest
from deploy.generate.chart_values import component
from deploy.generate.document import GENERATED, documents
from deploy.generate.objects import (
    DATABASE_IMAGE,
    LARGER_DATABASE_IMAGE,
    NAMESPACE,
    OPERATOR_IMAGE,
    POLICY_KEY,
    VERSION,
    image,
)
from deploy.generate.policy import policy
from deploy.generate.variant import NEEDS_CERT_MANAGER, Variant
from deploy.generate.webhooks import COMPONENT_NAME as WEBHOOKS_COMPONENT
from deploy.generate.webhooks import PORT as WEBHOOK_PORT
from schemas.api.types import KIND

KEPT = {"helm.sh/resource-policy": "keep"}
"""Annotation of what `helm uninstall` leaves: the CRD, for all databases would go with it."""
_TAG = "{{ $.Values.image.tag | default $.Chart.AppVersion }}"
_MARK = "MARK-"
_PART_OF = re.compile(r"^( *)(app\.kubernetes\.io/part-of: keddah)$", re.MULTILINE)
_MARKED = re.compile(rf"^( *)(- )?(\w+): {_MARK}(\w+)-(\w*)$\n", re.MULTILINE)
_ENTRIES = re.compile(rf"^( *)- {_MARK}(\w+)-(\w*)$\n", re.MULTILINE)
_WITHIN = f"{_MARK.lower()}namespace"
WATCHED = Variant(CertificateMode.CERT_MANAGER, (_WITHIN,))
"""The installation for some namespaces, with a mark for each of them."""
_SCALARS = {
    "replicas": "{{{{ {} }}}}",
    "certificates": "{{{{ {} }}}}",
    "logging": "{{{{ {} }}}}",
    "logLevel": "{{{{ {} }}}}",
    "watchedNamespaces": '{{{{ join "," {} | quote }}}}',
}
"""How a value is written that is one word; all others are blocks."""
_VARIABLES = {
    "KEDDAH_CERTIFICATES": "certificates",
    "KEDDAH_WATCH_NAMESPACES": "watchedNamespaces",
    "KEDDAH_LOG_LEVEL": "logLevel",
    "KEDDAH_LOG_FORMAT": "logging",
}
"""Environment variables that have a value of their own."""
_VARIABLE = ("- name: {{ $name }}", "  value: {{ $value | quote }}")
_WATCHED_ONLY = ("- key: kubernetes.io/metadata.name", "  operator: In", "  values: {{ toJson . }}")
_CLIENTS = {
    "env": (
        "- name: KEDDAH_CLIENT_CA_FILE",
        "  value: /etc/keddah/clients/ca.crt",
        "- name: KEDDAH_CLIENT_NAMES",
        '  value: {{ join "," $.Values.webhookClients.names | quote }}',
    ),
    "mount": ("- name: clients", "  mountPath: /etc/keddah/clients", "  readOnly: true"),
    "volume": ("- name: clients", "  configMap:", "    name: {{ . }}"),
}
"""Whom the admission server serves: those with a certificate of the CA in a ConfigMap's ca.crt."""
_ENTRIES_OF_POLICY = """\
    {{- if $.Values.policy }}
    {{- $policy := include "keddah.policy" $ | fromYaml }}
    {{- range $name, $entry := $.Values.policy }}{{ $_ := set $policy $name $entry }}{{- end }}
    {{- toYaml $policy | nindent 4 }}
    {{- else }}
    {{- include "keddah.policy" $ | nindent 4 }}
    {{- end }}
"""
_CATALOGUE = re.compile(r"^ *catalogue:\n(?:.*\n)+?(?= *defaultVersion:)", re.MULTILINE)
_IF_LARGER = f'{{{{- if eq $.Values.image.database "{LARGER_DATABASE_IMAGE}" }}}}\n'
_USUAL_POLICY = '{{{{- define "keddah.policy" -}}}}\n{}\n{{{{- end }}}}\n'
_PLACED = ("nodeSelector", "tolerations", "affinity")
_UNCHECKED = """\
{{- if and $.Values.webhookClients.names (not $.Values.webhookClients.configMap) }}
{{- fail "webhookClients.names without webhookClients.configMap: no client would be asked for one" }}
{{- end }}
"""
_REFUSED = f"""\
{{{{- if and $.Values.watchedNamespaces (ne $.Values.certificates "{CertificateMode.CERT_MANAGER}") }}}}
{{{{- fail "{NEEDS_CERT_MANAGER}" }}}}
{{{{- end }}}}
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


def rights(usual: str, within: Iterable[Manifest]) -> str:
    """Return the template of who may do what: as usual, or with Roles in each of some namespaces.

    `within` are the objects of the installation that is `WATCHED`.
    """
    text = usual.removeprefix(GENERATED)
    common = [item for item in within if item["metadata"]["namespace"] != _WITHIN]
    each = [item for item in within if item["metadata"]["namespace"] == _WITHIN]
    roles = _text(map(_marked, each)).replace(_WITHIN, "{{ $namespace }}")
    listed = f"{{{{- range $namespace := $.Values.watchedNamespaces }}}}\n---\n{roles}{{{{- end }}}}\n"
    some = f"{{{{- if $.Values.watchedNamespaces }}}}\n{_text(map(_marked, common))}{listed}"
    return f"{GENERATED}{_REFUSED}{_UNCHECKED}{some}{{{{- else }}}}\n{text}{{{{- end }}}}\n"


def optional(value: str, objects: Iterable[Manifest]) -> str:
    """Return the part of a template with objects that are there only where a value is true."""
    return f"{{{{- if $.Values.{value} }}}}\n---\n{_text(map(_marked, objects))}{{{{- end }}}}\n"


def _only(mode: CertificateMode, text: str) -> str:
    return f'{{{{- if eq $.Values.certificates "{mode}" }}}}\n{text}'


def _marked(item: Manifest) -> Manifest:
    """Return an object with marks where its values stand."""
    item = copy.deepcopy(item)
    if item["kind"] == "CustomResourceDefinition":
        item["metadata"].setdefault("annotations", {}).update(KEPT)
    if item["kind"] == "Deployment":
        _mark_deployment(item)
    if item["kind"] in WEBHOOK_CONFIGURATIONS:
        for webhook in item["webhooks"]:
            webhook["namespaceSelector"]["matchExpressions"].append(f"{_MARK}watchedNamespaces-")
    return item


def _mark_deployment(item: Manifest) -> None:
    name, pod = component(item), item["spec"]["template"]["spec"]
    item["spec"]["replicas"] = f"{_MARK}replicas-{name}"
    placed = {key: f"{_MARK}{key}-" for key in ("imagePullSecrets", *_PLACED)}
    item["spec"]["template"]["spec"] = placed | pod
    (container,) = pod["containers"]
    container["resources"] = f"{_MARK}resources-{name}"
    for variable in container["env"]:
        if variable["name"] in _VARIABLES:
            variable["value"] = f"{_MARK}{_VARIABLES[variable['name']]}-"
    container["env"].append(f"{_MARK}env-{name}")
    if name == WEBHOOKS_COMPONENT:
        container["env"].append(f"{_MARK}webhookClients-env")
        container["volumeMounts"].append(f"{_MARK}webhookClients-mount")
        pod["volumes"].append(f"{_MARK}webhookClients-volume")


def _text(items: Iterable[Manifest]) -> str:
    """Return objects as YAML, with template expressions in place of what values decide."""
    text = _expressions(items)
    return _policy(text) if f"{POLICY_KEY}: |\n" in text else text


def _expressions(items: Iterable[Manifest]) -> str:
    """Return objects as YAML, with template expressions in place of marks, images, namespace and labels."""
    text = documents(items)
    for name in (OPERATOR_IMAGE, LARGER_DATABASE_IMAGE, DATABASE_IMAGE):
        text = text.replace(image(name), f"{{{{ $.Values.image.registry }}}}/{name}:{_TAG}")
    text = text.replace(NAMESPACE, "{{ $.Release.Namespace }}")
    text = text.replace(str(WEBHOOK_PORT), "{{ $.Values.webhookPort }}")
    text = _PART_OF.sub(
        lambda found: f"{found[0]}{{{{- with $.Values.extraLabels }}}}{_nested(found[1])}{{{{- end }}}}", text
    )
    return _ENTRIES.sub(_entries, _MARKED.sub(_value, text))


def _nested(indentation: str) -> str:
    return f"{{{{ toYaml . | nindent {len(indentation)} }}}}"


def _value(found: re.Match[str]) -> str:
    """Return the line of a mark: a scalar, or a block below its name that is left out where it is empty."""
    indentation, dash, key, name, below = found.groups()
    path = f"$.Values.{name}.{below}" if below else f"$.Values.{name}"
    if name in _SCALARS:
        return f"{indentation}{dash or ''}{key}: {_SCALARS[name].format(path)}\n"
    nested = _nested(indentation + "  ")
    return f"{{{{- with {path} }}}}\n{indentation}{key}: {nested}\n{{{{- end }}}}\n"


def _entries(found: re.Match[str]) -> str:
    """Return the lines of a mark in a list: entries that are there only where a value has them."""
    indentation, name, below = found.groups()
    lines: tuple[str, ...]
    if name == "env":
        begin, lines = f"range $name, $value := $.Values.env.{below}", _VARIABLE
    elif name == "webhookClients":
        begin, lines = "with $.Values.webhookClients.configMap", _CLIENTS[below]
    else:
        begin, lines = f"with $.Values.{name}", _WATCHED_ONLY
    entry = "".join(f"{indentation}{line}\n" for line in lines)
    return f"{{{{- {begin} }}}}\n{entry}{{{{- end }}}}\n"


def _policy(text: str) -> str:
    """Return the ConfigMap with the user's entries of the policy in place of this release's."""
    head, usual = text.split(f"{POLICY_KEY}: |\n")
    usual = dedent(usual).replace(
        "imagePullSecrets: []\n", "imagePullSecrets: {{ toJson $.Values.imagePullSecrets }}\n"
    )
    larger = dedent(_catalogue(_expressions([policy(database_image=LARGER_DATABASE_IMAGE)])))
    either = f"{_IF_LARGER}{larger}{{{{- else }}}}\n{_catalogue(usual)}{{{{- end }}}}\n"
    usual = usual.replace(_catalogue(usual), either)
    return f"{head}{POLICY_KEY}: |\n{_ENTRIES_OF_POLICY}" + _USUAL_POLICY.format(usual.rstrip())


def _catalogue(text: str) -> str:
    """Return the lines of a policy that say which releases there are."""
    found = _CATALOGUE.search(text)
    return found[0] if found else ""
