"""The policy: what it means, and every mistake in it at once."""

from __future__ import annotations

from datetime import date

import pytest

from schemas.policy.policy import PolicyError, parse
from tests import factory


def test_a_major_means_its_newest_allowed_minor() -> None:
    release = factory.policy().release("17")
    assert release is not None
    assert release.version == "17.6"


def test_minors_are_numbers() -> None:
    more = factory.POLICY.replace('version: "18.1"', 'version: "17.10"').replace("18.1", "17.10")
    release = parse(more).release("17")
    assert release is not None
    assert release.version == "17.10"


def test_a_minor_means_itself() -> None:
    release = factory.policy().release("17.5")
    assert release is not None
    assert (release.version, release.image) == ("17.5", "keddah.dev/keddah-postgres:17.5")
    assert release.end_of_life == date(2029, 11, 8)


@pytest.mark.parametrize("version", ["1", "17.", "17.7", "latest", "", "19", "7"])
def test_what_is_not_in_the_catalogue_means_nothing(version: str) -> None:
    assert factory.policy().release(version) is None


def test_versions_are_listed_in_rising_order() -> None:
    assert factory.policy().versions() == ("16", "16.10", "17", "17.5", "17.6", "18", "18.1")


def test_little_is_required() -> None:
    policy = parse('{catalogue: [{version: "17.6", image: postgres}], defaultVersion: "17"}')
    assert (policy.replicas.minimum, policy.replicas.maximum, policy.replicas.default) == (1, 9, 1)
    assert (policy.schedule_window.start_hour, policy.schedule_window.hours) == (0, 6)
    assert policy.storage.size == "10Gi"


BROKEN = """\
catalogue:
  - {version: 17.6, image: postgres}
  - {version: "17", image: ""}
  - {version: "18.1", endOfLife: soon, deprecated: maybe}
defaultversion: "17"
replicas: {minimum: 0, maximum: "9"}
scheduleWindow: []
storage: {size: 10}
"""


def test_every_mistake_is_named_at_once() -> None:
    with pytest.raises(PolicyError) as refused:
        parse(BROKEN)
    assert sorted(map(str, refused.value.violations)) == [
        'catalogue[0].version: got 17.6; must be a minor release in quotes, such as "17.6"',
        'catalogue[1].image: got ""; must have at least 1 character',
        'catalogue[1].version: got "17"; must be a minor release in quotes, such as "17.6"',
        'catalogue[2].deprecated: got "maybe"; must be true or false, without quotes',
        'catalogue[2].endOfLife: got "soon"; must be a date, such as 2029-11-08',
        "catalogue[2].image: got nothing; must be a string of at least 1 character",
        'defaultVersion: got nothing; must be a version in quotes, such as "17" or "17.6"',
        'defaultversion: got "17"; is not a known field; did you mean defaultVersion?',
        'replicas.maximum: got "9"; must be a whole number from 1 to 1000, without quotes',
        "replicas.minimum: got 0; must be at least 1",
        "scheduleWindow: got []; must be a mapping of names to values",
        "storage.size: got 10; must be a string: put it in quotes",
    ]


@pytest.mark.parametrize(
    ("old", "new", "mistakes"),
    [
        ('"17.5"', '"17.6"', ['catalogue[2].version: got "17.6"; is already in the catalogue']),
        (
            'defaultVersion: "17"',
            'defaultVersion: "15"',
            ['defaultVersion: got "15"; must be in the catalogue: 16, 16.10, 17, 17.5, 17.6, 18 or 18.1'],
        ),
        ("minimum: 1", "minimum: 10", ["replicas.minimum: got 10; must be at most maximum, 9"]),
        ("maximum: 9", "maximum: 1001", ["replicas.maximum: got 1001; must be from 1 to 1000"]),
        ("default: 1", "default: 10", ["replicas.default: got 10; must be from 1 to 9"]),
        ("size: 10Gi", "size: -1Gi", ['storage.size: got "-1Gi"; must be from 256Mi to 64Ti']),
        ("size: 10Gi", "size: lots", ['storage.size: got "lots"; is not a quantity; write a number with']),
        (
            "replicas:",
            "imagePullSecrets: [{name: a}, {name: b}, {name: a}]\nreplicas:",
            ['imagePullSecrets[2].name: got "a"; is there already'],
        ),
        (
            "replicas:",
            "imagePullSecrets: [registry]\nreplicas:",
            ['imagePullSecrets[0]: got "registry"; must be a mapping'],
        ),
        ("startHour: 0", "startHour: 24", ["scheduleWindow.startHour: got 24; must be from 0 to 23"]),
    ],
)
def test_contradictions_are_mistakes(old: str, new: str, mistakes: list[str]) -> None:
    with pytest.raises(PolicyError) as refused:
        parse(factory.POLICY.replace(old, new))
    assert len(refused.value.violations) == len(mistakes)
    for violation, mistake in zip(refused.value.violations, mistakes, strict=True):
        assert str(violation).startswith(mistake)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "policy: is empty or not a mapping"),
        ("- a", "policy: is empty or not a mapping"),
        ("a: [", "policy: is not YAML: "),
        ("a: 1\na: 2", "policy: is not YAML: a appears twice in line 2"),
        ("a: \x00", "policy: is not YAML: "),
        ("a: !!int ''", "policy: is not YAML: found a value that is not of its type"),
        ("[a]: 1", "policy: is not YAML that a policy is written in"),
    ],
)
def test_what_is_no_mapping_is_refused(text: str, problem: str) -> None:
    with pytest.raises(PolicyError) as refused:
        parse(text)
    assert str(refused.value).startswith(problem)
