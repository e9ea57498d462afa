from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.certificates.certificate import Pair, expiry, serves, split
from controller.plan.credentials import credentials, database_keys
from tests.factory import typed_database

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def entropy(start: int = 0) -> Any:  # noqa: ANN401 - a function of how many bytes
    count = iter(range(start, start + 1000))
    return lambda size: bytes((next(count) * 7 + i) % 251 for i in range(size))


def made(
    live: dict[str, dict[str, Any]] | None = None, *, now: datetime = NOW, start: int = 0
) -> dict[str, dict[str, Any]]:
    secrets = credentials(typed_database(), live or {}, now=now, entropy=entropy(start))
    return {secret["metadata"]["name"]: secret for secret in secrets}


def text(secret: dict[str, Any], entry: str) -> str:
    return base64.b64decode(secret["data"][entry]).decode()


def test_existing_credentials_are_never_changed() -> None:
    first = made()
    assert made(first, start=500) == first


@pytest.mark.parametrize("lost", ["orders-app", "orders-superuser", "orders-replication"])
def test_a_lost_secret_comes_back_with_the_password_that_fits_the_data(lost: str) -> None:
    first = made()
    rest = {name: secret for name, secret in first.items() if name != lost}
    assert made(rest, start=500)[lost] == first[lost]


def test_when_the_keys_are_lost_the_passwords_are_saved_from_the_other_secrets() -> None:
    first = made()
    rest = {name: secret for name, secret in first.items() if name != "orders-keys"}
    second = made(rest, start=500)
    for name in ("orders-app", "orders-superuser", "orders-replication"):
        assert text(second[name], "password") == text(first[name], "password")
    third = made(second, start=900)
    assert third == second


def without(secrets: dict[str, dict[str, Any]], *lost: str) -> dict[str, dict[str, Any]]:
    return {name: secret for name, secret in secrets.items() if name not in lost}


def authorities(secrets: dict[str, dict[str, Any]]) -> tuple[str, ...]:
    return split(text(secrets["orders-tls"], "ca.crt"))


def test_when_the_keys_are_lost_members_serve_on_and_learn_whom_to_trust_next() -> None:
    first = made()
    second = made(without(first, "orders-keys"), start=500)
    assert text(second["orders-tls"], "tls.crt") == text(first["orders-tls"], "tls.crt")
    assert authorities(second) == (text(second["orders-keys"], "ca.crt"), *authorities(first))
    assert text(second["orders-keys"], "former.key") == text(first["orders-tls"], "tls.key")


def test_a_lost_authority_is_trusted_until_its_last_certificate_ends() -> None:
    first = made()
    second = made(without(first, "orders-keys"), start=500)
    renewed = made(second, now=NOW + timedelta(days=250), start=700)
    assert serves(tls(renewed), text(renewed["orders-keys"], "ca.crt"), ())
    assert authorities(renewed) == authorities(second)
    late = made(renewed, now=NOW + timedelta(days=366), start=900)
    assert authorities(late) == (text(second["orders-keys"], "ca.crt"),)
    assert "former.key" not in late["orders-keys"]["data"]
    assert text(late["orders-tls"], "tls.crt") == text(renewed["orders-tls"], "tls.crt")


def test_keys_lost_twice_keep_the_certificate_that_is_served() -> None:
    first = made()
    second = made(without(first, "orders-keys"), start=500)
    third = made(without(second, "orders-keys"), start=900)
    assert tls(third) == tls(first)
    assert authorities(third)[1:] == authorities(second)


def test_when_nothing_of_the_authority_is_left_everything_is_new() -> None:
    second = made(without(made(), "orders-keys", "orders-tls"), start=500)
    assert authorities(second) == (text(second["orders-keys"], "ca.crt"),)
    assert serves(tls(second), text(second["orders-keys"], "ca.crt"), ())


def test_a_damaged_remnant_is_dropped() -> None:
    second = made(without(made(), "orders-keys"), start=500)
    second["orders-keys"]["data"]["former.crt"] = "eA=="
    third = made(second, start=900)
    assert "former.crt" not in third["orders-keys"]["data"]
    assert len(authorities(third)) == 1


def tls(secrets: dict[str, dict[str, Any]]) -> Pair:
    return Pair(text(secrets["orders-tls"], "tls.crt"), text(secrets["orders-tls"], "tls.key"))


def test_a_certificate_is_renewed_before_it_ends_and_the_authority_stays() -> None:
    first = made()
    later = made(first, now=NOW + timedelta(days=300), start=500)
    assert expiry(text(later["orders-tls"], "tls.crt")) > expiry(text(first["orders-tls"], "tls.crt"))
    assert later["orders-keys"] == first["orders-keys"]


def test_a_password_that_somebody_edited_is_put_back() -> None:
    first = made()
    edited = {**first, "orders-app": {**first["orders-app"], "data": {"password": "eA=="}}}
    assert made(edited)["orders-app"] == first["orders-app"]


@pytest.mark.parametrize("data", [{}, {"ca.crt": "!"}, {"ca.crt": "eA==", "ca.key": "eA=="}])
def test_damaged_keys_are_told_from_good_ones(data: dict[str, str]) -> None:
    assert database_keys({"data": data}) is None
