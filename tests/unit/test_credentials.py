from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.credentials import credentials, database_keys
from controller.pki import expiry
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


def test_when_the_authority_is_new_the_server_gets_a_new_certificate() -> None:
    first = made()
    rest = {name: secret for name, secret in first.items() if name != "orders-keys"}
    second = made(rest, start=500)
    assert text(second["orders-tls"], "ca.crt") == text(second["orders-keys"], "ca.crt")
    assert text(second["orders-tls"], "tls.crt") != text(first["orders-tls"], "tls.crt")


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
