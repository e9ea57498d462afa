"""Settings from environment variables, read once; all mistakes are reported together."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

HIGHEST_PORT = 65535
MOST_WORKERS = 256

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
# A DNS subdomain, as the name of a namespace or of the cluster's domain (RFC 1123).
_DOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


class SettingsError(Exception):
    """The environment is wrong; `mistakes` names every mistake, one a line of the text."""

    def __init__(self, mistakes: list[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(mistakes))


class Address(NamedTuple):
    """Where to listen. An empty host is every address, of IPv4 and IPv6; port 0 is any free one."""

    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of the controller."""

    policy_file: Path
    metrics_listen: Address
    namespace: str
    """Where the operator itself runs: of its Lease and of the webhooks' Service and Secrets."""
    identity: str
    """Names this replica in the Lease: the name of its pod."""
    cluster_domain: str
    kubeconfig: Path | None
    """How to reach the API server; None is the service account of the pod."""
    context: str | None
    workers: int
    """How many databases are reconciled at once."""
    log_level: int


def read(environment: Mapping[str, str], *, hostname: str) -> Settings:
    """Read the settings; raises SettingsError with every mistake at once."""
    mistakes: list[str] = []
    kubeconfig = environment.get("KUBECONFIG")
    settings = Settings(
        policy_file=Path(environment.get("KEDDAH_POLICY_FILE", "/etc/keddah/policy/policy.yaml")),
        metrics_listen=_address(environment, "KEDDAH_METRICS_LISTEN", ":8080", mistakes),
        namespace=_domain(environment, "KEDDAH_NAMESPACE", "keddah-system", mistakes),
        identity=environment.get("KEDDAH_IDENTITY") or hostname,
        cluster_domain=_domain(environment, "KEDDAH_CLUSTER_DOMAIN", "cluster.local", mistakes),
        kubeconfig=Path(kubeconfig) if kubeconfig else None,
        context=environment.get("KEDDAH_CONTEXT") or None,
        workers=_count(environment, "KEDDAH_WORKERS", "16", mistakes),
        log_level=_level(environment, mistakes),
    )
    if settings.kubeconfig is None and "KUBERNETES_SERVICE_HOST" not in environment:
        mistakes.append("KUBECONFIG: got nothing; a kubeconfig file, since this is not a pod of a cluster")
    if mistakes:
        raise SettingsError(mistakes)
    return settings


def _address(environment: Mapping[str, str], name: str, default: str, mistakes: list[str]) -> Address:
    text = environment.get(name, default)
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > HIGHEST_PORT:
        mistakes.append(f"{name}: got {text!r}; HOST:PORT or :PORT, such as :8080 or [::1]:8080")
        return Address("", 0)
    return Address(host.removeprefix("[").removesuffix("]"), int(port))


def _domain(environment: Mapping[str, str], name: str, default: str, mistakes: list[str]) -> str:
    text = environment.get(name, default)
    if not _DOMAIN.fullmatch(text):
        mistakes.append(f"{name}: got {text!r}; lower-case letters, digits, '-' and '.'")
    return text


def _count(environment: Mapping[str, str], name: str, default: str, mistakes: list[str]) -> int:
    text = environment.get(name, default)
    count = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= count <= MOST_WORKERS:
        mistakes.append(f"{name}: got {text!r}; a number from 1 to {MOST_WORKERS}")
    return count


def _level(environment: Mapping[str, str], mistakes: list[str]) -> int:
    text = environment.get("KEDDAH_LOG_LEVEL", "info")
    if text.lower() not in _LEVELS:
        mistakes.append(f"KEDDAH_LOG_LEVEL: got {text!r}; one of {', '.join(_LEVELS)}")
    return _LEVELS.get(text.lower(), logging.INFO)
