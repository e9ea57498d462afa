from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from controller.certificates import certificate, pki
from controller.certificates.webhooks import TRUSTED_BEFORE_SIGNING, Certificates, Held, names, wanted

NOW = datetime(2026, 11, 23, tzinfo=UTC)
HOSTS = names("keddah-system", "cluster.local")
ENTROPY = random.Random(1).randbytes  # noqa: S311 - tests want the same keys each time
DAY = timedelta(days=1)


def due(authority: Held, serving: Held, now: datetime = NOW) -> Certificates:
    return wanted(authority, serving, HOSTS, now=now, entropy=ENTROPY)


def trusted(state: Certificates) -> bool:
    """Whether the API server, knowing the bundle, believes who serves."""
    return certificate.serves(certificate.Pair(state.serving.crt, state.serving.key), state.bundle, HOSTS)


def test_from_nothing_comes_a_trusted_pair_for_the_service() -> None:
    state = due(Held(), Held())
    assert trusted(state)
    assert HOSTS[0] == "keddah-webhooks.keddah-system.svc"
    assert "keddah-webhooks.keddah-system.svc.cluster.local" in HOSTS


def test_nothing_changes_while_nothing_is_due() -> None:
    state = due(Held(), Held())
    assert due(state.authority, state.serving) == state
    assert due(state.authority, state.serving, NOW + 200 * DAY) == state


def test_the_pair_is_renewed_before_it_ends_and_the_authority_stays() -> None:
    state = due(Held(), Held())
    later = due(state.authority, state.serving, NOW + 250 * DAY)
    assert later.authority == state.authority
    assert later.serving.crt != state.serving.crt
    assert trusted(later)


def test_a_pair_for_other_names_is_replaced() -> None:
    state = due(Held(), Held())
    elsewhere = names("elsewhere", "cluster.local")
    moved = wanted(state.authority, state.serving, elsewhere, now=NOW, entropy=ENTROPY)
    assert moved.serving.crt != state.serving.crt


@pytest.mark.parametrize("lost", [Held(), Held("broken", "broken", "broken")])
def test_a_lost_pair_comes_back_from_the_same_authority(lost: Held) -> None:
    state = due(Held(), Held())
    again = due(state.authority, lost)
    assert again.authority == state.authority
    assert trusted(again)


def test_a_lost_authority_is_replaced_and_what_still_serves_stays_trusted() -> None:
    state = due(Held(), Held())
    again = due(Held(), state.serving)
    assert again.authority.crt != state.authority.crt
    assert trusted(again)
    assert certificate.serves(certificate.Pair(state.serving.crt, state.serving.key), again.bundle, HOSTS)


def test_an_authority_without_its_key_is_replaced() -> None:
    state = due(Held(), Held())
    other = due(Held(), Held())
    mixed = Held(state.authority.crt, other.authority.key, state.authority.trusted)
    again = due(mixed, state.serving)
    assert again.authority.crt != state.authority.crt
    assert trusted(again)


def test_a_rotation_trusts_before_it_signs_and_after_at_every_step() -> None:
    begun = due(Held(), Held())
    time = NOW + pki.AUTHORITY_LIFETIME * 0.7
    prepared = due(begun.authority, due(begun.authority, begun.serving, time).serving, time)
    assert prepared.authority.crt == begun.authority.crt
    assert prepared.authority.next_crt in certificate.split(prepared.bundle)

    soon = due(prepared.authority, prepared.serving, time + TRUSTED_BEFORE_SIGNING / 2)
    assert soon == prepared

    turned = due(prepared.authority, prepared.serving, time + TRUSTED_BEFORE_SIGNING)
    assert turned.authority.crt == prepared.authority.next_crt
    assert not turned.authority.next_crt
    assert trusted(turned)
    before = certificate.Pair(prepared.serving.crt, prepared.serving.key)
    assert certificate.serves(before, turned.bundle, HOSTS), (
        "pods that have not read the new pair yet are believed"
    )
    assert certificate.serves(
        certificate.Pair(turned.serving.crt, turned.serving.key), prepared.bundle, HOSTS
    ), "API servers that have not read the new bundle yet believe the new pair"


def test_an_authority_that_ended_is_trusted_no_more() -> None:
    begun = due(Held(), Held())
    time = NOW + pki.AUTHORITY_LIFETIME + DAY
    again = due(begun.authority, begun.serving, time)
    assert begun.authority.crt not in certificate.split(again.bundle)
    assert trusted(again)


def test_no_key_shows_in_a_representation() -> None:
    assert "PRIVATE" not in repr(due(Held(), Held()))
