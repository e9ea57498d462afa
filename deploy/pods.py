"""`python -m deploy.pods`: write down, as types, what Kubernetes declares of the pod's parts that users set.

The types are made from the OpenAPI document in Kubernetes' own Go module, at the version that the tests run,
and committed: a newer Kubernetes shows what it changed as a diff. A test compares them with a running server.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from deploy.local.build import KUBERNETES_VERSION
from schemas.api import fields

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Schema = dict[str, Any]

FOLDER: Final = Path(__file__).parents[1] / "schemas/api"
_DOCUMENT: Final = "api/openapi-spec/v3/api__v1_openapi.json"
MODULES: Final = {
    "pod.py": ("Affinity", "Toleration", "TopologySpreadConstraint"),
    "containers.py": ("EnvVar", "VolumeMount", "Volume", "Container"),
}
"""The files, and what each is about."""

_CHOSEN: Final = {
    # What Pod Security `restricted` refuses, what keddah decides itself, and what Kubernetes 1.30 has not are
    # left out: a host's ports, paths and addresses, privileges, how a sidecar is restarted.
    "ConfigMapVolumeSource": ("defaultMode", "items", "name", "optional"),
    "Container": (
        *("args", "command", "env", "envFrom", "image", "imagePullPolicy", "livenessProbe", "name", "ports"),
        *("readinessProbe", "resources", "securityContext", "startupProbe", "volumeMounts", "workingDir"),
    ),
    "ContainerPort": ("containerPort", "name", "protocol"),
    "DownwardAPIVolumeFile": ("fieldRef", "mode", "path"),
    "DownwardAPIVolumeSource": ("defaultMode", "items"),
    "EmptyDirVolumeSource": ("medium", "sizeLimit"),
    "EnvVarSource": ("configMapKeyRef", "fieldRef", "secretKeyRef"),
    "GRPCAction": ("port", "service"),
    "HTTPGetAction": ("path", "port", "scheme"),
    "KeyToPath": ("key", "mode", "path"),
    "ObjectFieldSelector": ("fieldPath",),
    "ProjectedVolumeSource": ("defaultMode", "sources"),
    "SecretVolumeSource": ("defaultMode", "items", "optional", "secretName"),
    "SecurityContext": ("readOnlyRootFilesystem", "runAsGroup", "runAsUser"),
    "ServiceAccountTokenProjection": ("audience", "expirationSeconds", "path"),
    "TCPSocketAction": ("port",),
    "Volume": (
        *("configMap", "csi", "downwardAPI", "emptyDir", "name", "persistentVolumeClaim", "projected"),
        "secret",
    ),
    "VolumeMount": ("mountPath", "name", "readOnly", "subPath"),
    "VolumeProjection": ("configMap", "downwardAPI", "secret", "serviceAccountToken"),
}
"""The fields of a structure that users may set, where that is not all of them."""
_WANTED: Final = frozenset(
    {
        "ConfigMapEnvSource.name",
        "ConfigMapKeySelector.name",
        "ConfigMapProjection.name",
        "ConfigMapVolumeSource.name",
        "Container.image",
        "ExecAction.command",
        "ProjectedVolumeSource.sources",
        "SecretEnvSource.name",
        "SecretKeySelector.name",
        "SecretProjection.name",
        "SecretVolumeSource.secretName",
        "ServiceAccountTokenProjection.audience",
    }
)
"""Fields that are required by the API server's code, or by us, and not by OpenAPI."""
_ELSEWHERE: Final = {
    "ResourceRequirements": "ResourceRequirements",
    "LocalObjectReference": "SecretReference",
}
"""Structures that are in schemas/api/fields.py already."""

_OF_OTHERS: Final = frozenset({"Annotated", "Any", "Meta", "UNSET", "UnsetType", "annotations", "msgspec"})
"""Names in that file that are not its own."""

_WIDTH: Final = 110
_LONGEST_DESCRIPTION: Final = 130
_PLAIN: Final = {"string": "str", "boolean": "bool", "integer": "int"}

# What OpenAPI leaves to the API server's code, pkg/apis/core/validation/validation.go, as far as types can
# say it; the rest is in schemas/rules: placement.py, environment.py, volumes.py and sidecars.py.
_REFINED: Final = {
    "CSIVolumeSource.driver": "ObjectName",
    "CSIVolumeSource.volumeAttributes": "Words",
    "ConfigMapEnvSource.name": "ObjectName",
    "ConfigMapKeySelector.name": "ObjectName",
    "ConfigMapProjection.name": "ObjectName",
    "ConfigMapVolumeSource.defaultMode": "FileMode",
    "ConfigMapVolumeSource.name": "ObjectName",
    "Container.image": "Image",
    "Container.imagePullPolicy": 'Literal["Always", "IfNotPresent", "Never"]',
    "Container.name": "PartName",
    "ContainerPort.containerPort": "Port",
    "ContainerPort.name": "PortName",
    "ContainerPort.protocol": 'Literal["TCP", "UDP", "SCTP"]',
    "DownwardAPIVolumeFile.mode": "FileMode",
    "DownwardAPIVolumeSource.defaultMode": "FileMode",
    "EmptyDirVolumeSource.medium": 'Literal["", "Memory"]',
    "EmptyDirVolumeSource.sizeLimit": "Quantity | int",
    "EnvVar.name": "VariableName",
    "GRPCAction.port": "Port",
    "HTTPGetAction.port": "PortName | int",
    "HTTPGetAction.scheme": 'Literal["HTTP", "HTTPS"]',
    "KeyToPath.mode": "FileMode",
    "PersistentVolumeClaimVolumeSource.claimName": "ObjectName",
    "Probe.failureThreshold": "Instances",
    "Probe.initialDelaySeconds": "Count",
    "Probe.periodSeconds": "Instances",
    "Probe.successThreshold": "Instances",
    "Probe.terminationGracePeriodSeconds": "Instances",
    "Probe.timeoutSeconds": "Instances",
    "ProjectedVolumeSource.defaultMode": "FileMode",
    "SecretEnvSource.name": "ObjectName",
    "SecretKeySelector.name": "ObjectName",
    "SecretProjection.name": "ObjectName",
    "SecretVolumeSource.defaultMode": "FileMode",
    "SecretVolumeSource.secretName": "ObjectName",
    "SecurityContext.runAsGroup": "Count",
    "SecurityContext.runAsUser": "Instances",
    "ServiceAccountTokenProjection.expirationSeconds": "TokenSeconds",
    "TCPSocketAction.port": "PortName | int",
    "Volume.name": "PartName",
    "VolumeMount.name": "PartName",
    "LabelSelectorRequirement.key": "LabelKey",
    "LabelSelectorRequirement.operator": 'Literal["In", "NotIn", "Exists", "DoesNotExist"]',
    "NodeSelectorRequirement.key": "LabelKey",
    "NodeSelectorRequirement.operator": 'Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]',
    "PodAffinityTerm.topologyKey": "TopologyKey",
    "PreferredSchedulingTerm.weight": "Weight",
    "Toleration.tolerationSeconds": "Seconds",
    "TopologySpreadConstraint.maxSkew": "Instances",
    "TopologySpreadConstraint.minDomains": "Instances",
    "TopologySpreadConstraint.nodeAffinityPolicy": 'Literal["Honor", "Ignore"]',
    "TopologySpreadConstraint.nodeTaintsPolicy": 'Literal["Honor", "Ignore"]',
    "TopologySpreadConstraint.topologyKey": "TopologyKey",
    "TopologySpreadConstraint.whenUnsatisfiable": 'Literal["DoNotSchedule", "ScheduleAnyway"]',
    "WeightedPodAffinityTerm.weight": "Weight",
}

_HEAD: Final = '''\
"""Parts of a pod that users may set, as Kubernetes declares them. Generated by `python -m deploy.pods`.

Descriptions are the first words of Kubernetes' own.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, UnsetType

'''


def module(document: Mapping[str, Any], roots: Sequence[str]) -> str:
    """Return the text of a module for an OpenAPI document of the core API, before it is formatted."""
    schemas = {
        name.rpartition(".")[2]: schema
        for name, schema in document["components"]["schemas"].items()
        if name.startswith(("io.k8s.api.core.v1.", "io.k8s.apimachinery.pkg.apis.meta.v1."))
    }
    parts: dict[str, str] = {}
    for root in roots:
        _add(root, schemas, parts)
    text = "\n\n".join(parts.values())
    code = re.sub(r'"[^"]*"', "", text)
    ours = (name for name in vars(fields) if name[0] != "_" and name not in _OF_OTHERS)
    used = sorted(name for name in ours if re.search(rf"\b{name}\b", code))
    return f"{_HEAD}from schemas.api.fields import {', '.join(used)}\n\n\n{text}"


def _add(name: str, schemas: Mapping[str, Schema], parts: dict[str, str]) -> None:
    """Add a structure after all those that it refers to."""
    if name in parts or name in _ELSEWHERE:
        return
    for field, given in _chosen(name, schemas):
        if f"{name}.{field}" not in _REFINED:
            for other in _references(given):
                _add(other, schemas, parts)
    parts[name] = _structure(name, schemas)


def _chosen(name: str, schemas: Mapping[str, Schema]) -> list[tuple[str, Schema]]:
    """Return the fields that users may set, by name."""
    known: dict[str, Schema] = schemas[name]["properties"]
    return [(field, known[field]) for field in sorted(_CHOSEN.get(name, known))]


def _references(schema: object) -> Iterator[str]:
    values = (
        schema.items() if isinstance(schema, dict) else enumerate(schema if isinstance(schema, list) else ())
    )
    for key, value in values:
        if key == "$ref":
            yield value.rpartition(".")[2]
        else:
            yield from _references(value)


def _structure(name: str, schemas: Mapping[str, Schema]) -> str:
    schema = schemas[name]
    lines = [f"class {name}(Part, frozen=True, kw_only=True):", f'    """{_sentence(name, schema)}"""', ""]
    for field, given in _chosen(name, schemas):
        wanted = field in schema.get("required", ()) or f"{name}.{field}" in _WANTED
        kind = _REFINED.get(f"{name}.{field}") or _kind(given)
        described = _about(given, schemas)
        lines.append(
            f"    {_snake(field)}: Annotated[{kind}, {described}]"
            if wanted
            else f"    {_snake(field)}: Annotated[{kind} | UnsetType, {described}] = UNSET"
        )
    return "\n".join(lines) + "\n"


def _kind(schema: Schema) -> str:
    for inner in (schema, *schema.get("allOf", ())):
        if "$ref" in inner:
            name = str(inner["$ref"].rpartition(".")[2])
            return _ELSEWHERE.get(name, name)
    if schema["type"] == "array":
        return f"list[{_kind(schema['items'])}]"
    if schema["type"] == "object":
        return f"dict[str, {_kind(schema['additionalProperties'])}]"
    return _PLAIN[schema["type"]]


def _about(schema: Schema, schemas: Mapping[str, Schema]) -> str:
    """Return the field's description, and how it merges: what it refers to may say so itself."""
    words = textwrap.wrap(_described(schema), 94, drop_whitespace=False, break_on_hyphens=False)
    arguments = [" ".join(json.dumps(piece, ensure_ascii=False) for piece in words)]
    merging = schema if schema.get("type") else schemas.get(_kind(schema), {})
    arguments += [
        # What merges by keys in a pod is one value of a database, so that no part of it is another manager's.
        f"{merge.replace('-', '_')}={json.dumps('atomic')}"
        for merge in ("list-type", "map-type")
        if f"x-kubernetes-{merge}" in merging
    ]
    return f"about({', '.join(arguments)})"


def _described(schema: Schema) -> str:
    """Return the first sentences of a description, as many as are short enough together."""
    text, *others = _sentences(schema)
    for sentence in others:
        if len(text) + len(sentence) >= _LONGEST_DESCRIPTION:
            break
        text = f"{text} {sentence}"
    return text if text.endswith(".") else f"{text}."


def _sentence(name: str, schema: Schema) -> str:
    """Return the first sentence for a docstring, or where it is too long for its line, the name."""
    first = _sentences(schema)[0]
    return f"{first.rstrip('.')}." if len(first) < _WIDTH - len('    """."""') else f"{name}, as in any pod."


def _sentences(schema: Schema) -> list[str]:
    # A server's own document has this where Kubernetes' module has it not.
    text = schema["description"].partition("Possible enum values:")[0]
    return re.split(r"(?<=\.)\s+(?=[A-Z-])", " ".join(text.split()))


def _snake(name: str) -> str:
    return re.sub(r"([A-Z])", lambda match: f"_{match[1].lower()}", name)


def formatted(text: str) -> str:
    """Return Python as the checkout's formatter has it."""
    ruff = Path(sys.executable).with_name("ruff")
    command = [str(ruff), "format", "--stdin-filename", str(FOLDER / "pod.py"), "-"]
    ended = subprocess.run(command, input=text, capture_output=True, check=True, text=True)
    return ended.stdout


def _openapi() -> dict[str, Any]:
    module_version = f"k8s.io/kubernetes@v{KUBERNETES_VERSION}"
    found = subprocess.run(
        ["go", "mod", "download", "-json", module_version], capture_output=True, check=True, text=True
    )
    document: dict[str, Any] = json.loads((Path(json.loads(found.stdout)["Dir"]) / _DOCUMENT).read_text())
    return document


def main(arguments: Sequence[str]) -> int:
    """Write the module, or with `--check` say whether it is current; give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.pods", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare; 1 when it is not current")
    check = parser.parse_args(arguments).check
    try:
        document = _openapi()
        texts = {FOLDER / name: formatted(module(document, roots)) for name, roots in MODULES.items()}
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"Kubernetes' module cannot be read: {error}", file=sys.stderr)
        return 2
    stale = [
        file for file, text in texts.items() if not file.exists() or file.read_text(encoding="utf-8") != text
    ]
    names = ", ".join(file.name for file in stale)
    if check and stale:
        print(f"{names}: not what Kubernetes says; run `python -m deploy.pods`", file=sys.stderr)
        return 1
    for file in stale:
        file.write_text(texts[file], encoding="utf-8")
    print(f"wrote {names}" if stale else "current")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
