"""The policy: what the administrators of the cluster allow, and the defaults that they choose.

One file for the admission server, the controller and the linter. Parsing is strict: an unknown or missing
field is a mistake, and all mistakes are reported at once.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Annotated, Any, cast

import msgspec
import yaml
from msgspec import UNSET, Meta, UnsetType, field

from schemas.api.fields import Instances, ObjectName, Section, VersionText
from schemas.kubernetes import amounts
from schemas.kubernetes.yaml import Loader
from schemas.policy.extensions import Provided
from schemas.policy.maintenance import MinorUpgrades, window_problems
from schemas.verdict import Violation, got, listed

ReleaseText = Annotated[
    str, Meta(pattern=r"^[1-9][0-9]?\.(0|[1-9][0-9]?)$", title='a minor release in quotes, such as "17.6"')
]


MOST_REPLICAS = 1000
"""Each database's Role names so many pods, and a primary has two connections for each."""


class PolicyError(ValueError):
    """The policy cannot be used; the message has one line for each mistake."""

    def __init__(self, violations: tuple[Violation, ...]) -> None:
        super().__init__("\n".join(map(str, violations)))
        self.violations = violations


class Release(Section, frozen=True, kw_only=True):
    """One allowed minor release and the image that runs it."""

    version: ReleaseText
    image: Annotated[str, Meta(min_length=1)]
    end_of_life: date | None = None
    deprecated: bool = False
    extensions: dict[str, Provided] | UnsetType = UNSET
    """By name, what databases can ask for; without it that is not known, and nothing is refused."""

    @property
    def number(self) -> tuple[int, int]:
        """Major and minor, to compare releases by."""
        return _number(self.version)


@cache
def _number(version: str) -> tuple[int, int]:
    major, minor = version.split(".")
    return int(major), int(minor)


class ReplicaBounds(Section, frozen=True, kw_only=True):
    """How many instances a database may have."""

    minimum: Instances = 1
    maximum: Annotated[int, Meta(ge=1, le=MOST_REPLICAS)] = 9
    default: Instances = 1


class ScheduleWindow(Section, frozen=True, kw_only=True):
    """When default backup schedules start: from startHour, spread over so many hours."""

    start_hour: Annotated[int, Meta(ge=0, le=23)] = 0
    hours: Annotated[int, Meta(ge=1, le=24)] = 6


class StorageDefaults(Section, frozen=True, kw_only=True):
    """The default volume of an instance."""

    size: str = "10Gi"


class PullSecret(Section, frozen=True, kw_only=True):
    """A Secret with which images are pulled; each namespace that has databases must have one of this name."""

    name: ObjectName


class Policy(Section, frozen=True, kw_only=True):
    """What is allowed, and the defaults of omitted fields."""

    catalogue: Annotated[tuple[Release, ...], Meta(min_length=1)]
    default_version: VersionText
    replicas: ReplicaBounds = field(default_factory=ReplicaBounds)
    schedule_window: ScheduleWindow = field(default_factory=ScheduleWindow)
    storage: StorageDefaults = field(default_factory=StorageDefaults)
    minor_upgrades: MinorUpgrades = field(default_factory=MinorUpgrades)
    image_pull_secrets: Annotated[tuple[PullSecret, ...], Meta(max_length=16)] = ()

    def release(self, version: str) -> Release | None:
        """Return the release that a version means: `17` the newest allowed minor, `17.6` exactly that."""
        if "." in version:
            return next((release for release in self.catalogue if release.version == version), None)
        prefix = f"{version}."
        minors = [release for release in self.catalogue if release.version.startswith(prefix)]
        return max(minors, key=lambda release: release.number, default=None)

    def versions(self) -> tuple[str, ...]:
        """Every version that a database may ask for, in rising order: each major, then its minors."""
        numbers = sorted(release.number for release in self.catalogue)
        majors = dict.fromkeys(major for major, _ in numbers)
        return tuple(
            version
            for major in majors
            for version in (str(major), *(f"{m}.{minor}" for m, minor in numbers if m == major))
        )


def parse(text: str) -> Policy:
    """Read a policy; raises PolicyError that names every mistake."""
    document = _load(text)
    try:
        policy = msgspec.convert(document, Policy)
    except msgspec.ValidationError as error:
        # Imported here: jsonschema is memory that a right policy never needs.
        from schemas.api import mistakes  # noqa: PLC0415

        found = mistakes.document_violations(document, Policy)
        raise PolicyError(found or (Violation("policy", str(error)),)) from None
    violations = tuple(_contradictions(policy))
    if violations:
        raise PolicyError(violations)
    return policy


class _Loader(Loader):
    """Safe YAML without double keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"{key.value} appears twice", problem_mark=key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _load(text: str) -> dict[str, Any]:
    try:
        document = yaml.load(text, _Loader)  # noqa: S506  a safe loader
        # What JSON cannot say, such as numbers as keys or an object within itself, no check expects.
        document = msgspec.json.decode(msgspec.json.encode(document))
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        where = f" in line {place.line + 1}" if place else ""
        problem = getattr(error, "problem", None) or "not readable"
        raise PolicyError((Violation("policy", f"is not YAML: {problem}{where}"),)) from None
    except (ValueError, TypeError, RecursionError):
        # What JSON cannot say: a list or nothing as a key, brackets without end.
        raise PolicyError((Violation("policy", "is not YAML that a policy is written in"),)) from None
    if not isinstance(document, dict):
        raise PolicyError((Violation("policy", "is empty or not a mapping"),))
    return cast("dict[str, Any]", document)


def _contradictions(policy: Policy) -> list[Violation]:
    found = []
    seen: set[str] = set()
    for index, release in enumerate(policy.catalogue):
        if release.version in seen:
            found.append(got(f"catalogue[{index}].version", release.version, "is already in the catalogue"))
        seen.add(release.version)
    if policy.release(policy.default_version) is None:
        allowed = f"must be in the catalogue: {listed(policy.versions(), joint='or')}"
        found.append(got("defaultVersion", policy.default_version, allowed))
    bounds = policy.replicas
    if bounds.minimum > bounds.maximum:
        found.append(got("replicas.minimum", bounds.minimum, f"must be at most maximum, {bounds.maximum}"))
    elif not bounds.minimum <= bounds.default <= bounds.maximum:
        allowed = f"must be from {bounds.minimum} to {bounds.maximum}"
        found.append(got("replicas.default", bounds.default, allowed))
    size = amounts.volume_problem(policy.storage.size)
    if size is not None:
        found.append(got("storage.size", policy.storage.size, size))
    found.extend(window_problems(policy.minor_upgrades))
    names = [secret.name for secret in policy.image_pull_secrets]
    found.extend(
        got(f"imagePullSecrets[{index}].name", name, "is there already")
        for index, name in enumerate(names)
        if name in names[:index]
    )
    return found
