"""Which extensions a release's image has, as the catalogue says: written by the build of the image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, UnsetType

from schemas.api.fields import Section

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.policy.policy import Policy

VersionOfExtension = Annotated[
    str, Meta(min_length=1, max_length=63, title='an extension\'s version in quotes, such as "1.6"')
]


class Provided(Section, frozen=True, kw_only=True):
    """An extension that can be created (pg_available_extensions, pg_available_extension_versions)."""

    version: VersionOfExtension
    """That which is created, and updated to, where nobody names one."""
    others: Annotated[tuple[VersionOfExtension, ...], Meta(max_length=100)] = ()
    """Further versions that can be created, the newest first."""
    schema: Annotated[str, Meta(max_length=63)] = ""
    """Where its objects always are; "" where its user chooses."""


def available(policy: Policy, version: str) -> Mapping[str, Provided] | None:
    """Return by name the extensions of what a database's version means; None where nobody says."""
    release = policy.release(version)
    return None if release is None or isinstance(release.extensions, UnsetType) else release.extensions
