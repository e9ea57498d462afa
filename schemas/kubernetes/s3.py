"""Names that S3 services take: buckets, endpoints, regions and folders.

The rules of buckets are Amazon's (S3 User Guide, Bucket naming rules), which other services follow; those of
folders are its characters that are safe in keys (Object key naming).
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

PLAIN = "http://"
_SECURE = "https://"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
_LABEL = r"[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?")
_REGION = re.compile(r"[A-Za-z0-9][-A-Za-z0-9_.]*")
_FOLDER = re.compile(r"/|(/[A-Za-z0-9!_.*'()-]+)+")
_LAST_PORT = 65535

_REGION_NAME = "a region's name of letters, digits, - _ and ., such as us-east-1"
_ENDPOINT = "must be a host with an optional port, such as s3.example.com or https://10.0.0.1:9000"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an S3 service listens."""

    host: str
    """Without the brackets of an IPv6 address."""
    port: int | None
    plain: bool
    """Whether it is reached without TLS."""

    @property
    def is_address(self) -> bool:
        """Whether the host is an IP address, before which no bucket's name can be put."""
        return _is_address(self.host)


def bucket_problem(name: str) -> str | None:
    """Say why no bucket can have this name; None if one can."""
    if not _BUCKET.fullmatch(name):
        return "must be 3 to 63 of a-z, 0-9, - and ., from a letter or digit to a letter or digit"
    if ".." in name:
        return "must not have two dots side by side"
    if _is_address(name):
        return "must not look like an IP address"
    for words, where, has in ((_PREFIXES, "begin", name.startswith), (_SUFFIXES, "end", name.endswith)):
        reserved = next((word for word in words if has(word)), "")
        if reserved:
            return f"must not {where} with {reserved}, which S3 keeps for itself"
    return None


def endpoint(text: str) -> Endpoint | None:
    """Read an endpoint; None for what is none. Without a scheme it is reached by TLS."""
    plain = text.startswith(PLAIN)
    rest = text.removeprefix(PLAIN) if plain else text.removeprefix(_SECURE)
    if rest.startswith("["):
        host, closed, tail = rest[1:].partition("]")
        found = bool(closed) and _is_address(host) and ":" in host
    else:
        host, colon, port = rest.partition(":")
        tail = f"{colon}{port}"
        found = _HOST.fullmatch(host) is not None and not (_numeric(host) and not _is_address(host))
    if not found or (tail and not _is_port(tail)):
        return None
    return Endpoint(host, int(tail[1:]) if tail else None, plain)


def endpoint_problem(text: str) -> str | None:
    """Say why a text is no endpoint; None for one that is."""
    if endpoint(text) is not None:
        return None
    scheme, separator, rest = text.rpartition("://")
    if separator and f"{scheme}://" not in {PLAIN, _SECURE}:
        return f"has an unknown scheme; {_ENDPOINT}"
    host, slash, _ = rest.partition("/")
    if slash and endpoint(host) is not None:
        return f"must be {scheme}{separator}{host}: a folder goes into path, a bucket into bucket"
    return _ENDPOINT


def region_problem(name: str) -> str | None:
    """Say why no region can have this name; None if one can."""
    return None if _REGION.fullmatch(name) else f"must be {_REGION_NAME}"


def folder_problem(path: str) -> str | None:
    """Say why no folder of a bucket can have this path; None if one can."""
    if not path.startswith("/"):
        return "must begin with /, such as /backups/orders"
    if path != "/" and path.endswith("/"):
        return "must not end with /"
    if not _FOLDER.fullmatch(path):
        return "must be folders of letters, digits and ! - _ . * ' ( ), each behind one /"
    if {".", ".."} & set(path.split("/")):
        return "must not have . or .. as a folder"
    return None


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def _numeric(host: str) -> bool:
    """Whether a host ends as an address does: no top-level domain is a number."""
    return host.rstrip(".").rpartition(".")[2].isdecimal()


def _is_port(text: str) -> bool:
    digits = text.removeprefix(":")
    return (
        text.startswith(":")
        and digits.isascii()
        and digits.isdecimal()
        and len(digits) <= len(str(_LAST_PORT))
        and 1 <= int(digits) <= _LAST_PORT
    )
