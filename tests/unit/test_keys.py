from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from controller.certificates import certificate
from controller.certificates.keys import DatabaseKeys
from controller.certificates.pki import Entropy, issue_server
from controller.certificates.rotation import Lifetimes

NOW = datetime(2026, 11, 23, tzinfo=UTC)
LIFETIMES = Lifetimes(timedelta(days=100), timedelta(days=10), timedelta(days=5))


def entropy(seed: int = 1) -> Entropy:
    return random.Random(seed).randbytes  # noqa: S311 - tests want the same keys each time


def test_passwords_differ_by_purpose_and_survive_the_secret() -> None:
    keys = DatabaseKeys.generate("orders", now=NOW, entropy=entropy())
    again = DatabaseKeys.decode(keys.encode())
    assert again == keys
    assert again.password("app") == keys.password("app")
    assert len({keys.password(p) for p in ("app", "superuser", "replication", "rewind")}) == 4
    assert len(keys.password("app")) == 32


@pytest.mark.parametrize(
    "damage", [{}, {"ca.crt": "", "ca.key": ""}, {"ca.crt": "?", "ca.key": "", "seed": ""}]
)
def test_damaged_keys_are_an_error(damage: dict[str, str]) -> None:
    with pytest.raises((KeyError, ValueError)):
        DatabaseKeys.decode(damage)


def test_no_key_shows_in_a_representation() -> None:
    keys = DatabaseKeys.generate("orders", now=NOW, entropy=entropy())
    assert "PRIVATE" not in repr(keys) + repr(keys.authority)
    assert keys.password("app") not in repr(keys)


def test_an_authority_is_followed_by_another_and_all_of_it_survives_the_secret() -> None:
    keys = DatabaseKeys.generate("orders", now=NOW, entropy=entropy(), lifetime=LIFETIMES.authority)
    old = issue_server(keys.authority, ["orders"], now=NOW, entropy=entropy(2), lifetime=LIFETIMES.leaf)

    def turned(held: DatabaseKeys, leaf: str, days: float) -> DatabaseKeys:
        moment = NOW + timedelta(days=days)
        found = held.turned([leaf], "orders", now=moment, entropy=entropy(int(days)), lifetimes=LIFETIMES)
        assert DatabaseKeys.decode(found.encode()) == found
        return found

    assert turned(keys, old.crt, 50) == keys
    prepared = turned(keys, old.crt, 67)
    assert prepared.authority == keys.authority
    assert prepared.upcoming is not None
    assert certificate.split(prepared.trusted) == (keys.ca_crt, prepared.upcoming.crt)
    assert turned(prepared, old.crt, 70) == prepared
    promoted = turned(prepared, old.crt, 72)
    assert promoted.authority == prepared.upcoming
    assert certificate.split(promoted.trusted) == (promoted.ca_crt, keys.ca_crt)
    assert promoted.signers == promoted.ca_crt
    then = NOW + timedelta(days=72)
    new = issue_server(promoted.authority, ["orders"], now=then, entropy=entropy(), lifetime=LIFETIMES.leaf)
    assert turned(promoted, new.crt, 76).trusted == promoted.trusted
    assert turned(promoted, new.crt, 77).trusted == promoted.ca_crt
    assert promoted.seed == keys.seed
