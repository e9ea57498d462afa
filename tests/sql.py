"""The parts of a controller that reach servers by SQL, for tests whose databases declare nothing in them."""

from __future__ import annotations

from datetime import UTC, datetime
from secrets import token_bytes
from typing import TYPE_CHECKING

from controller.act.provisioner import Provisioner
from controller.observe.access.reader import AccessReader
from controller.observe.secrets import SecretReader
from controller.postgresql.client import PostgreSQL

if TYPE_CHECKING:
    from controller.kube.client import Kube


def reader(kube: Kube) -> AccessReader:
    """Give what reads."""
    return AccessReader(SecretReader(kube, "keddah-system"), _client())


def provisioner(kube: Kube) -> Provisioner:
    """Give what executes."""
    return Provisioner(SecretReader(kube, "keddah-system"), _client())


def _client() -> PostgreSQL:
    return PostgreSQL(now=lambda: datetime.now(UTC), entropy=token_bytes)
