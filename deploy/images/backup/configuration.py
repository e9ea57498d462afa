"""pgBackRest's configuration file (pgbackrest.org, Configuration Reference), from keddah's settings."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from controller.protocol.settings import (
    RUN_DIRECTORY,
    ProtocolError,
    S3Repository,
    Settings,
    VolumeRepository,
)

FILE: Final = f"{RUN_DIRECTORY}/pgbackrest.conf"
"""The image has a link to it where pgBackRest looks, so that both ends of a connection find their own."""
ENVIRONMENT_FILE: Final = f"{RUN_DIRECTORY}/environment"

Place = Literal["member", "repository"]
"""Where a program runs: beside an instance's data, or where backups are made.

A member reaches a volume through that volume's server, a Job has it mounted. Both reach a bucket directly.
"""

_SUPERUSER = "postgres"
_IPV6: Final = Path("/proc/sys/net/ipv6/bindv6only")

# Whatever does not answer for this long is gone: a lost node sends no end of its connections, and until then
# a backup would hold its lock.
_DEAD_PEER = {"tcp-keep-alive-idle": 15, "tcp-keep-alive-interval": 5, "tcp-keep-alive-count": 3}
_ARCHIVING_SECONDS = 20
_IDENTITY = (
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
)
"""Variables with which the clouds' webhooks name a pod's identity; none of them is a secret."""

_COMMAND_SECONDS = 10
_URGENT_PROCESSES = 2
"""At the least, of what somebody waits for, as nobody does for a backup."""


@dataclass(frozen=True)
class Secrets:
    """What must not be in settings, logs or command lines."""

    access_key: str = ""
    secret_key: str = ""
    encryption_key: str = ""

    @classmethod
    def read(cls, settings: Settings, place: Place) -> Secrets:
        """Read the files that the settings name, if the place needs them.

        Raises ProtocolError for one that cannot be read.
        """
        repository = settings.repository
        key = "" if _behind_server(settings, place) else settings.encryption_key_file
        folder = repository.credentials if isinstance(repository, S3Repository) else ""
        return cls(
            _content(Path(folder, "accessKeyId")) if folder else "",
            _content(Path(folder, "secretAccessKey")) if folder else "",
            _content(Path(key)) if key else "",
        )

    def __repr__(self) -> str:
        return "Secrets(...)"


def render(settings: Settings, place: Place, secrets: Secrets, environment: Mapping[str, str]) -> str:
    """Return the configuration file; `environment` says how the pod proves its identity to the cloud.

    Raises ProtocolError for a value that no line can hold.
    """
    lines = ["[global]"]
    for name, value in _options(settings, place, secrets, environment):
        text = str(value)
        if not text.isprintable() or text != text.strip():
            raise ProtocolError(f"{name}: it has blanks at its ends, or characters that cannot be printed")
        lines.append(f"{name}={text}")
    # What does not answer is tried again for this long before the reason is told: a minute by default.
    lines += ["[global:archive-push]", f"io-timeout={_ARCHIVING_SECONDS}"]
    # The archive command itself gives up earlier than what it started: a server does not stop before it.
    lines += [f"archive-timeout={_COMMAND_SECONDS}"]
    urgent = f"process-max={max(_URGENT_PROCESSES, settings.processes)}"
    lines += [urgent, "[global:archive-get]", urgent, "[global:restore]", urgent]
    lines += [f"[{settings.archive}]", *(f"{name}={value}" for name, value in _servers(settings, place))]
    return "\n".join([*lines, ""])


def environment_file(settings: Settings, environment: Mapping[str, str]) -> str:
    """Return what the archive and fetch commands of PostgreSQL read: they start no Python.

    Patroni starts PostgreSQL without the variables by which a cloud tells a pod who it is.
    """
    lines = [f"archive={settings.archive}"]
    lines += [f"export {name}={shlex.quote(environment[name])}" for name in _IDENTITY if name in environment]
    return "\n".join([*lines, ""])


def _options(
    settings: Settings, place: Place, secrets: Secrets, environment: Mapping[str, str]
) -> Iterator[tuple[str, object]]:
    yield from _DEAD_PEER.items()
    yield from {
        "log-level-file": "off",
        "log-level-console": "off",
        "log-level-stderr": "warn",
        "log-timestamp": "n",
        "lock-path": f"{RUN_DIRECTORY}/lock",
        "process-max": settings.processes,
        "compress-type": "zst",
        "compress-level": 3,
        "start-fast": "y",
        "checksum-page": "y",
        "archive-timeout": settings.archive_timeout_seconds,
        "archive-async": "y",
        "spool-path": settings.spool,
    }.items()
    if place == "repository":
        yield "backup-standby", "prefer"
    yield from _repository(settings, place, environment)
    yield from _secret(settings, place, secrets)
    yield from _server(settings, place)


def _repository(
    settings: Settings, place: Place, environment: Mapping[str, str]
) -> Iterator[tuple[str, object]]:
    repository = settings.repository
    yield "repo1-bundle", "y"
    yield "repo1-block", "y"
    yield "repo1-retention-full-type", "time"
    yield "repo1-retention-full", settings.retention_days
    if isinstance(repository, S3Repository):
        yield from _bucket(repository, environment)
    elif place == "repository":
        yield "repo1-path", repository.path
    else:
        yield from _remote("repo1", repository.host, repository.port, settings.tls)


def _bucket(repository: S3Repository, environment: Mapping[str, str]) -> Iterator[tuple[str, object]]:
    yield "repo1-type", "s3"
    yield "repo1-path", repository.path
    yield "repo1-s3-bucket", repository.bucket
    yield "repo1-s3-endpoint", repository.endpoint
    yield "repo1-s3-region", repository.region
    yield "repo1-s3-uri-style", "path" if repository.addressing == "Path" else "host"
    if repository.ca_file:
        yield "repo1-storage-ca-file", repository.ca_file
    if not repository.credentials:
        yield "repo1-s3-key-type", _identity(environment)


def _identity(environment: Mapping[str, str]) -> str:
    """Return how a pod gets credentials without a Secret: what the cloud's webhook has put into it."""
    if "AWS_WEB_IDENTITY_TOKEN_FILE" in environment:
        return "web-id"
    if "AWS_CONTAINER_CREDENTIALS_FULL_URI" in environment:
        return "pod-id"
    return "auto"


def _secret(settings: Settings, place: Place, secrets: Secrets) -> Iterator[tuple[str, object]]:
    if isinstance(settings.repository, S3Repository) and settings.repository.credentials:
        yield "repo1-s3-key", secrets.access_key
        yield "repo1-s3-key-secret", secrets.secret_key
    if secrets.encryption_key and not _behind_server(settings, place):
        yield "repo1-cipher-type", "aes-256-cbc"
        yield "repo1-cipher-pass", secrets.encryption_key


def _behind_server(settings: Settings, place: Place) -> bool:
    """Whether the repository is reached through its server, which knows the key, and tells it."""
    return place == "member" and isinstance(settings.repository, VolumeRepository)


def _server(settings: Settings, place: Place) -> Iterator[tuple[str, object]]:
    beside = settings.repository if place == "repository" else settings
    yield "tls-server-address", _everywhere(_IPV6)
    yield "tls-server-port", settings.port if isinstance(beside, S3Repository) else beside.port
    yield "tls-server-ca-file", f"{settings.tls}/ca.crt"
    yield "tls-server-cert-file", f"{settings.tls}/tls.crt"
    yield "tls-server-key-file", f"{settings.tls}/tls.key"
    # A repository may also hold archives of former databases of the name, which can be restored from.
    archives = "*" if place == "repository" else settings.archive
    for client in settings.clients:
        yield "tls-server-auth", f"{client}={archives}"


def _everywhere(ipv6: Path) -> str:
    """Return the address by which pgBackRest's server listens on all of the pod's, of both families.

    By `*` it takes those of one family (pgBackRest 2.60: the first that the system names). `::` is both, but
    where the kernel has no IPv6, or keeps the families apart; `ipv6` is where Linux says that.
    """
    try:
        return "::" if ipv6.read_text().strip() == "0" else "*"
    except OSError:
        return "*"


def _servers(settings: Settings, place: Place) -> Iterator[tuple[str, object]]:
    """Yield where PostgreSQL is."""
    if place == "member":
        yield "pg1-path", settings.data
        yield "pg1-socket-path", settings.socket
        yield "pg1-user", _SUPERUSER
        return
    for number, host in enumerate(settings.members, 1):
        group = f"pg{number}"
        yield f"{group}-path", settings.data
        yield f"{group}-socket-path", settings.socket
        yield f"{group}-user", _SUPERUSER
        yield from _remote(group, host, settings.port, settings.tls)


def _remote(group: str, host: str, port: int, tls: str) -> Iterator[tuple[str, object]]:
    yield f"{group}-host", host
    yield f"{group}-host-type", "tls"
    yield f"{group}-host-port", port
    yield f"{group}-host-ca-file", f"{tls}/ca.crt"
    yield f"{group}-host-cert-file", f"{tls}/tls.crt"
    yield f"{group}-host-key-file", f"{tls}/tls.key"


def write(
    settings: Settings, place: Place, environment: Mapping[str, str], folder: Path = Path(RUN_DIRECTORY)
) -> bool:
    """Write both files, each at once; return whether one changed. Raises ProtocolError, OSError."""
    rendered = render(settings, place, Secrets.read(settings, place), environment)
    changed = _replace(folder / Path(FILE).name, rendered)
    return _replace(folder / Path(ENVIRONMENT_FILE).name, environment_file(settings, environment)) or changed


def _replace(file: Path, text: str) -> bool:
    if file.is_file() and file.read_text() == text:
        return False
    draft = file.with_suffix(".new")
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.replace(file)
    return True


def _content(file: Path) -> str:
    try:
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ProtocolError(f"{file}: {type(error).__name__}") from None
