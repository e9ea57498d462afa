"""What the audit of the locks makes of the index's answers."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.audit import Ask, api, report
from deploy.locks import LOCKS, Release, releases

GOOD, OTHER = "a" * 64, "b" * 64
RELEASE = Release("kopf", "1.0", frozenset({GOOD}))
LOCK = f"""kopf==1.0 ; python_version < '3.14' \\
    --hash=sha256:{GOOD} \\
    --hash=sha256:{OTHER}
    # via keddah
psycopg[binary]==3.3 \\
    --hash=sha256:{OTHER}
"""


def page(newest: str = "1.0", digest: str = GOOD, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return a project's page with one file."""
    file = {"digests": {"sha256": digest}, "yanked": False, "yanked_reason": None}
    return {"info": {"version": newest}, "vulnerabilities": [], "releases": {"1.0": [file | more]}}


def index(pages: dict[str, Any]) -> Ask:
    return pages.get


def vulnerable() -> list[dict[str, Any]]:
    return [{"id": "PYSEC-1", "fixed_in": ["1.1"]}, {"id": "PYSEC-2", "fixed_in": [], "withdrawn": "2026"}]


def test_a_lock_is_read_with_its_hashes() -> None:
    assert releases([LOCK, LOCK]) == [
        Release("kopf", "1.0", frozenset({GOOD, OTHER})),
        Release("psycopg", "3.3", frozenset({OTHER})),
    ]


def test_every_release_of_the_locks_is_read() -> None:
    for file in LOCKS.glob("*.txt"):
        text = file.read_text()
        found = releases([text])
        assert len(found) == len([line for line in text.splitlines() if line[:1].isalnum()])
        assert sum(len(each.hashes) for each in found) == text.count("--hash=")


@pytest.mark.parametrize(
    ("project", "said"),
    [
        (page(), []),
        (page(digest=OTHER), ["kopf==1.0: 1 of its locked hashes are not served any more"]),
        (page(yanked=True, yanked_reason="leaks"), ["kopf==1.0: yanked: leaks"]),
        (page() | {"releases": {}}, ["kopf==1.0: is not served any more"]),
        (page() | {"vulnerabilities": vulnerable()}, ["kopf==1.0: PYSEC-1, mended in 1.1"]),
    ],
)
def test_what_is_wrong_with_a_release_is_told(project: dict[str, Any], said: list[str]) -> None:
    found = report([RELEASE], index({"kopf": project}))
    assert (found.problems, found.unknown) == (said, [])


def test_what_is_known_of_the_newest_release_is_not_taken_for_another() -> None:
    newest = page("1.1") | {"vulnerabilities": vulnerable()}
    assert report([RELEASE], index({"kopf": newest})).unknown == [RELEASE]
    own = {"vulnerabilities": vulnerable()}
    assert report([RELEASE], index({"kopf": newest, "kopf/1.0": own})).problems != []


def test_a_mirror_is_asked_by_its_own_address() -> None:
    assert api({"index-url": "https://mirror.example/root/simple/"}) == "https://mirror.example/root/pypi"
