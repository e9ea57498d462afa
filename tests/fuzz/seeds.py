"""What fuzzing begins with: ordinary inputs, a few hostile ones, and the words that it puts into others."""

from __future__ import annotations

import base64
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from schemas.postgresql.parameters import table
from tests import factory, hostile, network_cases, reviews
from tests.fuzz.targets import LARGEST, PARSERS

if TYPE_CHECKING:
    from collections.abc import Iterator

CORPUS: Final = Path(__file__).parent / "corpus"
SAMPLES: Final = Path(__file__).parents[2] / "deploy" / "samples"
_CRON_CASES: Final = Path(__file__).parents[1] / "unit/data/cron_cases.tsv"
_TEXTS: Final = {
    "duration": ("6h30m", "-1.5h", "7d", "9223372036854775807ns", ".5µs"),
    "quantity": ("10Gi", "500m", "1e3", "-0.5Ki", "9223372036854775807", "1E"),
    "moment": ("2026-11-27T10:00:00Z", "2026-11-27T10:00:00.123456789+14:00", "0001-01-01T00:00:00+23:59"),
    "version": ("17", "17.6", "18.1", "9.6"),
    "policy": (factory.POLICY,),
    "hba": (
        'hostssl "app, x",+admin /^a(b|c)*$ 10.0.0.0/8 scram-sha-256',
        "host all all 10.0.0.1 255.255.255.0 ldap ldapserver=a ldapport=389 ldapprefix=x",
        "hostssl all all 2001:db8::/32 cert map=a clientname=DN",
        "host all all .example.com radius radiusservers=a radiussecrets=b # c",
    ),
    "identifier": ("orders", "pg_x", "Ab c", "ä" * 40),
    "parameter": ("work_mem=8MB", "a.b=1", "search_path=\"$user\", 'a', b", "DateStyle=ISO, MDY"),
    "value": ("8MB", "0x1p4", "1e400", "1.5h", "on", '"$user", public'),
    "names": ("example.com/tier", "https://s3.example.com:9000", "eu-central-1", "a/b/c", "Europe/Berlin"),
}
SCALARS: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, 1, -1, 3, 2**31, 2**63, -(2**63), 1e308, 0.5, "", " ", "a", "0", "17", "18.1"),
    *("\u0000", "\ud83d\udc18", "\u2028", "\x85", "é" * 70, "a" * 300, "-5Gi", "10Gi", "1e999999999", "0.1m"),
    *("* * * * *", "0 0 30 2 *", "TZ=a b", "@every 1s", "7d", "/(a+)+$", "..", "a.b.c", "Delete", "Retain"),
    *("2026-11-27T10:00:00Z", "former", "on", "off", "hostssl all all all scram-sha-256"),
    *([], {}, [[]], [{}], {"a": None}, [None], ["a", "a"], {"": ""}),
)


def seeds(target: str) -> list[bytes]:
    """Give the inputs to begin a target with, what was once found included."""
    made = {"review": _bodies, "linter": _files, "parsers": _texts}[target]()
    return [one for one in (*kept(target), *made) if len(one) <= LARGEST]


def kept(target: str) -> list[bytes]:
    """Give the inputs that once were a fault, a file each, and some that fuzzing came to, in base64."""
    faults = [file.read_bytes() for file in sorted((CORPUS / target).glob("*"))]
    others = (CORPUS / f"{target}.b64").read_text().split()
    return [*faults, *map(base64.b64decode, others)]


def _samples() -> Iterator[dict[str, Any]]:
    for file in sorted(SAMPLES.glob("*.yaml")):
        for document in yaml.safe_load_all(file.read_text()):
            if document["kind"] == "PostgreSQLDatabase":
                yield document


@cache
def manifests() -> tuple[dict[str, Any], ...]:
    """Give databases, right and wrong."""
    clients = [case for case, *_ in network_cases.WRONG] + list(network_cases.RIGHT)
    parameters = dict.fromkeys(list(table.known(17) or {})[::40], "1")
    return (
        *_samples(),
        factory.database(),
        factory.complete_database(replicas=3),
        factory.database(network={"clients": clients}),
        factory.database(parameters=parameters, hba=list(_TEXTS["hba"])),
        factory.database(restore={"from": {"name": "a"}, "targetTime": "2026-11-27T10:00:00Z"}),
        *(hostile.manifest(kind) for kind in ("affinity: deep 100", "a spec of numbers")),
    )


def _bodies() -> Iterator[bytes]:
    stored = factory.complete_database()
    for manifest in manifests():
        for one in (reviews.creation(manifest), reviews.update(manifest, stored), reviews.deletion(manifest)):
            yield json.dumps(one).encode()
    yield json.dumps(reviews.scaling("orders", 3, 1)).encode()


def _files() -> Iterator[bytes]:
    for file in sorted(SAMPLES.glob("*.yaml")):
        yield file.read_bytes()
    for manifest in manifests():
        yield json.dumps(manifest).encode()
        yield yaml.safe_dump(manifest).encode()
    yield b"kind: List\nitems: [&a {kind: PostgreSQLDatabase, spec: {<<: {replicas: 0}}}, *a]\n"


def _texts() -> Iterator[bytes]:
    for line in _CRON_CASES.read_text().splitlines():
        yield bytes([PARSERS.index("cron")]) + line.partition("\t")[0].encode()
    for parser, texts in _TEXTS.items():
        for text in texts:
            yield bytes([PARSERS.index(parser)]) + text.encode()


@cache
def words() -> dict[str, tuple[Any, ...]]:
    """Give every key of the seeds with the values that it has there."""
    found: dict[str, list[Any]] = {}
    ahead: list[Any] = [json.loads(body) for body in seeds("review") if _is_json(body)]
    while ahead:
        value = ahead.pop()
        if isinstance(value, dict):
            for key, child in value.items():
                found.setdefault(key, []).append(child)
        if isinstance(value, dict | list):
            ahead.extend(value.values() if isinstance(value, dict) else value)
    return {key: tuple(values[:20]) for key, values in found.items()}


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


def dictionary() -> str:
    """Give the words of the seeds as libFuzzer reads them."""
    told = {key for key in words() if key.isascii() and key.isprintable()}
    told |= {str(scalar) for scalar in SCALARS if str(scalar).isascii() and str(scalar).isprintable()}
    told |= {"!!python/none", "!!int", "&a", "*a", "<<:", "\\x00", "...", "---", "!!binary", "!!set"}
    quoted = (word.replace("\\", "\\\\").replace('"', '\\"') for word in sorted(told) if 0 < len(word) < 60)
    return "".join(f'"{word}"\n' for word in quoted)
