"""spec.monitoring: ConfigMaps with queries, and who reads the metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from schemas.api.monitoring import Monitoring
from schemas.rules import environment, network
from schemas.verdict import Violation, got, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.api.monitoring import CustomQueries
    from schemas.api.types import Spec
    from schemas.rules.review import Review

_PATH: Final = "spec.monitoring"


def violations(review: Review) -> Iterator[Violation]:
    """Refuse entries that no ConfigMap can have, or that are there twice, and clients that nobody can be."""
    given = review.spec.monitoring
    if not given or not review.changed("monitoring"):
        return
    for index, entry in enumerate(given.queries):
        path = f"{_PATH}.queries[{index}]"
        yield from environment.key(f"{path}.key", entry.key)
        if entry in given.queries[:index]:
            yield got(f"{path}.key", entry.key, f"is there already, of ConfigMap {entry.config_map}")
    for index, client in enumerate(given.clients or []):
        yield from network.client(client, f"{_PATH}.clients[{index}]")


def restarting(spec: Spec) -> tuple[bool, list[CustomQueries]]:
    """Return what of it is in the pods, so that a change restarts them."""
    given = spec.monitoring or Monitoring()
    return given.enabled, given.queries


def warnings(review: Review) -> Iterator[str]:
    """Warn where queries are declared that nobody asks."""
    given = review.spec.monitoring
    if given and not given.enabled and given.queries and review.changed("monitoring"):
        yield warning(f"{_PATH}.queries: not asked while enabled is false")
