"""Keys and values of labels, as Kubernetes takes them on objects and in selectors.

The rules are IsQualifiedName, IsValidLabelValue and IsDNS1123Subdomain in k8s.io/apimachinery,
pkg/util/validation.
"""

from __future__ import annotations

import re
from typing import Final

LONGEST_DOMAIN: Final = 253
LONGEST_LABEL: Final = 63
_NAME = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_KEY = re.compile(rf"({_DOMAIN.pattern}/)?{_NAME}")
_VALUE = re.compile(rf"({_NAME})?")


def key_problem(key: str) -> str | None:
    """Say what is wrong with the key of a label, None if nothing is."""
    if _KEY.fullmatch(key) and len(key.rpartition("/")[0]) <= LONGEST_DOMAIN:
        return None
    return "must be NAME or DOMAIN/NAME, with a NAME of at most 63 characters"


def value_problem(value: str) -> str | None:
    """Say what is wrong with the value of a label, None if nothing is."""
    if _VALUE.fullmatch(value):
        return None
    return "must be at most 63 letters, digits, - _ and ., a letter or digit at both ends"


def object_name_problem(name: str) -> str | None:
    """Say what is wrong with the name of an object such as a node, None if nothing is."""
    if _DOMAIN.fullmatch(name) and len(name) <= LONGEST_DOMAIN:
        return None
    return "must be an object's name: a-z, 0-9, - and ., a letter or digit at both ends"


def namespace_problem(name: str) -> str | None:
    """Say what is wrong with the name of a namespace, None if nothing is."""
    if re.fullmatch(_LABEL, name) and len(name) <= LONGEST_LABEL:
        return None
    return "must be a namespace's name: at most 63 of a-z, 0-9 and -, a letter or digit at both ends"
