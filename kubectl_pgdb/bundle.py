"""What a support bundle holds, less all that is secret.

No Secret is read. What is written by hand into manifests and logs may hold one all the same: values of
variables go, and so does what looks like a password, a verifier, a key or a token.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

GONE: Final = "REDACTED"
_NOISE: Final = frozenset({"managedFields", "kubectl.kubernetes.io/last-applied-configuration"})
_ENVIRONMENT: Final = frozenset({"env", "envFrom"})
_PATTERNS: Final = (
    # A URI with a password, a keyword of libpq or SQL, a header, a verifier, a key in PEM.
    (re.compile(r"(\w+://[^\s:/@]+:)[^\s@/]+(@)"), rf"\1{GONE}\2"),
    (
        re.compile(r"(?i)(pass(?:word|wd|phrase)?\b['\"]?\s*[:=]?\s*)('[^']*'|\"[^\"]*\"|(?<=[:=])[^\s,;]+)"),
        rf"\1{GONE}",
    ),
    (
        re.compile(
            r"(?i)((?:secret|token|api_?key|access_?key(?:_?id)?)\b['\"]?\s*[:=]\s*)['\"]?[^\s,;'\"]+"
        ),
        rf"\1{GONE}",
    ),
    (re.compile(r"(?i)(authorization:\s*\w+\s+)\S+"), rf"\1{GONE}"),
    (re.compile(r"SCRAM-SHA-256\$[^\s'\"]+"), GONE),
    (re.compile(r"\bmd5[0-9a-f]{32}\b"), GONE),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL), GONE),
)


def manifest(value: Any) -> Any:  # noqa: ANN401 - any part of a manifest
    """Return a manifest without what is secret, and without what only machines read."""
    if isinstance(value, list):
        return [manifest(each) for each in value]
    if not isinstance(value, Mapping):
        return text(value) if isinstance(value, str) else value
    kept = {}
    for key, each in value.items():
        if key not in _NOISE:
            kept[key] = _variables(each) if key in _ENVIRONMENT and isinstance(each, list) else manifest(each)
    return kept


def about(events: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return those of a namespace's events that are of a database: of it, its pods, claims and Jobs."""
    own = re.compile(rf"(?:data-)?{re.escape(name)}(?:-.*)?")
    found = events.get("items") or []
    return {"items": [each for each in found if own.fullmatch(str(each["involvedObject"].get("name")))]}


def _variables(given: list[Any]) -> list[Any]:
    """Keep the names of variables, and where they come from."""
    return [
        {key: GONE if key == "value" else each for key, each in variable.items()}
        if isinstance(variable, Mapping)
        else GONE
        for variable in given
    ]


def text(said: str) -> str:
    """Return a text without what looks like a secret."""
    for pattern, replacement in _PATTERNS:
        said = pattern.sub(replacement, said)
    return said
