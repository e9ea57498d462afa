"""spec.databases[].extensions: what the release's image has, in versions that it has, where they can be."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, NamedTuple

from schemas.api.access import extension
from schemas.policy.extensions import available
from schemas.postgresql.extensions import (
    CRON,
    CRON_DATABASE,
    LIBRARIES,
    PRELOAD,
    Asked,
    loaded,
    parameters,
)
from schemas.postgresql.parameters.strings import unknown_libraries
from schemas.verdict import Violation, field_path, got, listed, shown, warning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from schemas.api.types import Spec
    from schemas.policy.extensions import Provided
    from schemas.rules.review import Review

_PATH = "spec.databases"


class Place(NamedTuple):
    """An extension that is asked for, and where."""

    asked: Asked
    path: str


def places(spec: Spec) -> tuple[Place, ...]:
    """Return every extension that databases ask for, in the order of the spec."""
    return tuple(
        Place(
            Asked(database.name, each.name, each.version or "", each.schema or ""),
            field_path(_PATH, index, "extensions", place),
        )
        for index, database in enumerate(spec.databases)
        for place, each in enumerate(map(extension, database.extensions))
    )


def asked(spec: Spec) -> tuple[Asked, ...]:
    """Return every extension that databases ask for."""
    return tuple(place.asked for place in places(spec))


def violations(review: Review) -> Iterator[Violation]:
    """Refuse what could not be created, and what no server can have twice."""
    if not review.changed("databases", "version", "parameters"):
        return
    found = places(review.spec)
    yield from _unavailable(review, _changed(review, found))
    if review.changed("databases"):
        yield from _scheduled(found)
    yield from _elsewhere(review, found)


def _changed(review: Review, found: tuple[Place, ...]) -> list[Place]:
    """Return what is new or different; all where the version is, and so the image."""
    if review.before is None or review.changed("version"):
        return list(found)
    before = set(asked(review.before))
    return [place for place in found if place.asked not in before]


def _unavailable(review: Review, found: list[Place]) -> Iterator[Violation]:
    version = review.spec.version or review.policy.default_version
    provided, release = available(review.policy, version), review.policy.release(version)
    if provided is None or release is None:
        return
    for place in found:
        has = provided.get(place.asked.name)
        if has is None:
            allowed = f"must be what the image of {release.version} has: {_names(place.asked.name, provided)}"
            yield got(place.path, place.asked.name, allowed)
        else:
            yield from _impossible(place, has)


def _names(name: str, provided: Mapping[str, Provided]) -> str:
    """List what there is, the most similar first."""
    near = difflib.get_close_matches(name, provided, n=3, cutoff=0.5)
    rest = [each for each in sorted(provided) if each not in near]
    return listed([*near, *rest], most=100, joint="or") or "nothing"


def _impossible(place: Place, has: Provided) -> Iterator[Violation]:
    versions = (has.version, *has.others)
    if place.asked.version and place.asked.version not in versions:
        allowed = f"must be {listed([shown(each) for each in versions], most=12, joint='or')}"
        yield got(f"{place.path}.version", place.asked.version, allowed)
    if place.asked.schema and has.schema and place.asked.schema != has.schema:
        allowed = f"{place.asked.name} is always in {has.schema}; leave it out"
        yield got(f"{place.path}.schema", place.asked.schema, allowed)


def _scheduled(found: tuple[Place, ...]) -> Iterator[Violation]:
    """Refuse pg_cron in more than one database: a server has one that it reads jobs in."""
    asking = [place for place in found if place.asked.name == CRON]
    for place in asking[1:]:
        if place.asked.database != asking[0].asked.database:
            allowed = f"only one database can have it, and {shown(asking[0].asked.database)} asks for it"
            yield got(place.path, CRON, allowed)


def _elsewhere(review: Review, found: tuple[Place, ...]) -> Iterator[Violation]:
    """Refuse a parameter by which pg_cron could not be created where it is asked for."""
    given = review.settings.get(CRON_DATABASE)
    where = next((place.asked.database for place in found if place.asked.name == CRON), None)
    if given is not None and where is not None and given[1] != where:
        path = field_path("spec.parameters", given[0])
        yield got(path, given[1], f"must be {shown(where)}, which asks for pg_cron; leave it out")


def warnings(review: Review) -> Iterator[str]:
    """Warn of a library that may not be there, where nobody says what the image has."""
    version = review.spec.version or review.policy.default_version
    if not review.changed("databases") or available(review.policy, version) is not None:
        return
    for name in dict.fromkeys(place.asked.name for place in _changed(review, places(review.spec))):
        if name in LIBRARIES and unknown_libraries(LIBRARIES[name], review.major):
            yield warning(
                f"{_PATH}: {name}: keddah's own image lacks it; without it PostgreSQL does not start"
            )


def restarting(review: Review, before: Spec) -> Iterator[str]:
    """Say which parameters that only a start can set change with what databases ask for."""
    (own, old), (given, new) = _parameters(before), _parameters(review.spec)
    if own.get(PRELOAD) == given.get(PRELOAD):
        had, has = (loaded(each.get(PRELOAD, "")) for each in (old, new))
        if more := [library for library in has if library not in had]:
            yield f"{listed(more, most=3)} preloaded"
        if less := [library for library in had if library not in has]:
            yield f"{listed(less, most=3)} not preloaded any more"
    if CRON_DATABASE in old and CRON_DATABASE in new and old[CRON_DATABASE] != new[CRON_DATABASE]:
        yield f"{CRON_DATABASE} {old[CRON_DATABASE]} -> {new[CRON_DATABASE]}"


def _parameters(spec: Spec) -> tuple[dict[str, str], dict[str, str]]:
    """Return the user's own parameters, and those with what the extensions need."""
    own = {name.lower(): value for name, value in spec.parameters.items()}
    return own, own | parameters(asked(spec), own)
