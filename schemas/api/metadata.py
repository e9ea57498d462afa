"""The parts of ObjectMeta that keddah reads."""

from __future__ import annotations

from typing import Final

from msgspec import UNSET, UnsetType, field

from schemas.api.fields import Name, Part

DELETION: Final = "keddah.dev/deletion"
"""The finalizer that holds an object whose data is to be deleted with it."""


class Metadata(Part, frozen=True, kw_only=True):
    """The parts of ObjectMeta that keddah reads."""

    name: Name = ""
    generate_name: str = ""
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    deletion_timestamp: str | UnsetType = UNSET
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    finalizers: list[str] = field(default_factory=list)
