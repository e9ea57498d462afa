"""Objects of nearly 3 MiB that are as much work as their author could make them, one of each kind."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from schemas import extent
from tests import factory, reviews

if TYPE_CHECKING:
    from collections.abc import Callable

BYTES = 3 * 1024 * 1024 - 8192
"""A review has some bytes around the object."""
LINE = "hostssl all all 10.0.0.0/8 scram-sha-256"

Spec = dict[str, Any]


def _filled(item: object) -> list[object]:
    """Repeat a value until the object is full."""
    return [item] * (BYTES // (len(json.dumps(item, separators=(",", ":"))) + 1))


def _named(value: object, name: str = "name{}") -> dict[str, object]:
    """Repeat a value under names of its own."""
    one = len(json.dumps({name.format("123456"): value}, separators=(",", ":"))) - 1
    return {name.format(f"{index:06}"): value for index in range(BYTES // one)}


def nested(levels: int) -> object:
    """Give an affinity of so many levels."""
    found: object = {}
    for level in range(levels):
        found = {"a": found} if level % 2 else [found]
    return {"nodeAffinity": found}


_SPECS: dict[str, Callable[[], Spec]] = {
    "hba: numbers": lambda: {"hba": _filled(0)},
    "hba: empty lines": lambda: {"hba": _filled("")},
    "hba: right lines": lambda: {"hba": _filled(LINE)},
    "hba: lists": lambda: {"hba": _filled([])},
    "hba: 512 long lines": lambda: {"hba": [f"host {'a,' * 2000}{i} all 10.0.0.0/8 md5" for i in range(512)]},
    "hba: as much as is allowed": lambda: {
        "hba": [f"host {'a,' * 2000}{i} all 10.0.0.0/8 md5" for i in range(47)]
    },
    "hba: quotes, as many as are allowed": lambda: {
        "hba": ["host " + '"a a",' * 600 + f"{i} all all md5" for i in range(40)]
    },
    "parameters: as much as is allowed": lambda: {
        "parameters": {f"a.b{i:03}": "1" * 300 for i in range(512)}
    },
    "search_path: as much as is allowed": lambda: {
        "parameters": {"search_path": '"a",' * 1000, "temp_tablespaces": '"' + '""' * 2000}
    },
    "hba: 512 quotes": lambda: {"hba": ['"' + '""' * 1000 + f"{i}" for i in range(512)]},
    "hba: one line": lambda: {"hba": ["a" * BYTES]},
    "parameters: numbers": lambda: {"parameters": _named(1)},
    "parameters: unknown": lambda: {"parameters": _named("1")},
    "parameters: 512 unknown": lambda: {"parameters": {f"shared_bufferz{i:03}": "1" for i in range(512)}},
    "parameters: 512 long values": lambda: {"parameters": {f"a.b{i:03}": "1" * 4096 for i in range(512)}},
    "parameters: 512 long numbers": lambda: {
        "parameters": {f"{'w' if i % 2 else 'W'}ork_mem" + " " * i: "9" * 4096 for i in range(512)}
    },
    "parameters: long names": lambda: {"parameters": _named("1", "{}" + "a" * 4000)},
    "parameters: one long name": lambda: {"parameters": {"a" * BYTES: "1"}},
    "search_path: long": lambda: {"parameters": {"search_path": '"a' * 2000}},
    "resources": lambda: {"resources": {"limits": _named("1x")}},
    "resources: long quantity": lambda: {"resources": {"limits": {"cpu": "1" * BYTES}}},
    "labels": lambda: {"template": {"labels": _named("x")}},
    "labels: numbers": lambda: {"template": {"labels": _named(1)}},
    "labels: 256 long values": lambda: {"template": {"labels": {f"k{i}": "a" * 12000 for i in range(256)}}},
    "labels: 256 dotted names": lambda: {
        "template": {"labels": {"a." * 5900 + f"{i}/x": "" for i in range(256)}}
    },
    "affinity: wide and deep": lambda: {
        "template": {"affinity": {f"{i:03}": [0] * 1000 for i in range(1024)}}
    },
    "annotation: one long value": lambda: {"template": {"annotations": {"a": "\n" * (BYTES // 2)}}},
    "tolerations: empty": lambda: {"template": {"tolerations": _filled({})}},
    "tolerations: right": lambda: {"template": {"tolerations": _filled({"operator": "Exists"})}},
    "tolerations: numbers": lambda: {"template": {"tolerations": _filled(0)}},
    "spread: empty": lambda: {"template": {"topologySpreadConstraints": _filled({})}},
    "affinity: many": lambda: {"template": {"affinity": _named({})}},
    "affinity: wide": lambda: {"template": {"affinity": {"nodeAffinity": _filled(0)}}},
    "affinity: deep 100": lambda: {"template": {"affinity": nested(100)}},
    "affinity: deep 900": lambda: {"template": {"affinity": nested(900)}},
    "affinity: deep 100000": lambda: {"template": {"affinity": None}},  # replaced below
    "schedule: long": lambda: {"backupSchedule": "* " * (BYTES // 2)},
    "schedule: list": lambda: {"backupSchedule": ",".join("0" for _ in range(500)) + " * * * *"},
    "storage: long size": lambda: {"storage": {"size": "1" * BYTES}},
    "storage: long class": lambda: {"storage": {"storageClassName": "a." * (BYTES // 2)}},
    "storage: class of dashes": lambda: {"storage": {"storageClassName": "a-" * (BYTES // 2)}},
    "database: long": lambda: {"database": "a" * BYTES},
    "restore time: long": lambda: {"restore": {"from": {"name": "a"}, "targetTime": "1" * BYTES}},
    "unknown fields": lambda: _named(1),
    "version: long": lambda: {"version": "1" * BYTES},
    "a spec of numbers": lambda: dict.fromkeys(("hba", "parameters", "template", "backup"), 0),
}

_METADATA: dict[str, Callable[[], dict[str, Any]]] = {
    "metadata: labels": lambda: {"labels": _named("x")},
    "metadata: label numbers": lambda: {"labels": _named(1)},
    "metadata: finalizers": lambda: {"finalizers": _filled(0)},
    "metadata: name": lambda: {"name": "a" * (BYTES // 2)},
}

KINDS = (*_SPECS, *_METADATA, "status: conditions")


def manifest(kind: str) -> dict[str, Any]:
    """Give the object of a kind."""
    made = factory.database()
    if kind == "status: conditions":
        return {**made, "status": {"conditions": _filled({})}}
    if kind in _METADATA:
        return {**made, "metadata": {**made["metadata"], **_METADATA[kind]()}}
    return {**made, "spec": _SPECS[kind]()}


def body(kind: str) -> bytes:
    """Give the review of its creation, as JSON."""
    text = json.dumps(reviews.creation(manifest(kind)), separators=(",", ":"))
    if kind.endswith("100000"):
        text = text.replace('"affinity":null', f'"affinity":{"[" * 100_000}{"]" * 100_000}')
    return text.encode()


_FILLED: dict[str, Callable[[int], Spec]] = {
    "hba": lambda size: {"hba": [f"host a {'a,' * (size // 1024 - 19)}a all scram-sha-256"] * 512},
    "annotations": lambda size: {"template": {"annotations": {"a": "x" * size}}},
    "many annotations": lambda size: {
        "template": {"annotations": {f"a{i:03}": "x" * (size // 256 - 10) for i in range(256)}}
    },
    "annotations of other letters": lambda size: {
        "template": {"annotations": {"a": "\N{ELEPHANT}" * (size // 12)}}
    },
    "parameters": lambda size: {"parameters": {f"a.b{i:03}": "x" * (size // 512 - 13) for i in range(512)}},
}
LARGEST = tuple(_FILLED)


def largest(kind: str, spare: int = 0) -> Spec:
    """Give the fields of a spec that is as large as it may be, less some bytes for what defaults add."""
    beside = extent.size(factory.complete_database()["spec"])
    room = extent.LARGEST_SPEC - beside - 60
    most = extent.LARGEST_SPEC - spare
    low, high = room // 2, room * 2
    while low + 1 < high:
        middle = (low + high) // 2
        fits = extent.size(factory.complete_database(**_FILLED[kind](middle))["spec"]) <= most
        low, high = (middle, high) if fits else (low, middle)
    return _FILLED[kind](low)
