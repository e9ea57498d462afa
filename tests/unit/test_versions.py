from __future__ import annotations

import pytest

from schemas.postgresql import versions


def test_a_major_means_its_newest_minor() -> None:
    version = versions.parse("17")
    assert (version.major, version.pinned, str(version)) == (17, False, "17")


def test_a_minor_release_is_pinned() -> None:
    version = versions.parse("17.6")
    assert (version.major, version.minor, version.pinned, str(version)) == (17, 6, True, "17.6")


@pytest.mark.parametrize(
    "text", ["", "latest", "17.6.1", " 17", "17 ", "017", "17.06", "17.", "9.6", "-17", "\u0661\u0667"]
)
def test_what_is_no_version_says_what_is(text: str) -> None:
    with pytest.raises(versions.VersionError) as caught:
        versions.parse(text)
    assert str(caught.value) == 'write a major version such as "17", or a minor release such as "17.6"'


def test_versions_are_ordered_by_number() -> None:
    texts = ["18", "17.10", "17.9", "17"]
    assert [str(version) for version in sorted(map(versions.parse, texts))] == ["17", "17.9", "17.10", "18"]


@pytest.mark.parametrize(
    ("older", "newer", "precedes"),
    [
        ("17.9", "17.10", True),
        ("17", "18", True),
        ("17.6", "18.0", True),
        ("17.6", "17", False),
        ("17", "17.6", False),
        ("17.6", "17.6", False),
        ("18", "17", False),
    ],
)
def test_a_bare_major_is_neither_older_nor_newer_than_its_minors(
    older: str, newer: str, *, precedes: bool
) -> None:
    assert versions.parse(older).precedes(versions.parse(newer)) is precedes
