"""The server is told verifiers of passwords, never a password."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deploy.images.patroni.passwords import encrypting, verified, with_owner

Written = list[tuple[str, str | None, list[str]]]


@pytest.fixture
def written() -> Written:
    """Give what Patroni has been asked to write."""
    return []


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """Give the Secret of the application, as it is mounted."""
    (tmp_path / "username").write_text('Ann "O"')
    (tmp_path / "password").write_text("clear")
    return tmp_path


def encrypt(password: str, name: str) -> str:
    return f"SCRAM of {len(password)} letters for {name}"


def test_a_role_gets_the_verifier_of_its_password(written: Written) -> None:
    write = verified(lambda *given: written.append(given), encrypt)
    write("replicator", "secret", ["REPLICATION"])
    write("other", None, [])
    assert written == [
        ("replicator", "SCRAM of 6 letters for replicator", ["REPLICATION"]),
        ("other", None, []),
    ]


def test_the_verifier_is_scram_by_libpq() -> None:
    asked: list[Any] = []

    def encrypt_password(*given: bytes) -> bytes:
        asked.append(given)
        return b"SCRAM-SHA-256$4096:salt$stored:server"

    connection = SimpleNamespace(pgconn=SimpleNamespace(encrypt_password=encrypt_password))
    assert encrypting(lambda: connection)("pä", "app") == "SCRAM-SHA-256$4096:salt$stored:server"
    assert asked == [("pä".encode(), b"app", b"scram-sha-256")]


def test_the_owner_gets_its_password_after_the_script_has_made_it(written: Written, secret: Path) -> None:
    prepared = with_owner(lambda _: not written, lambda *given: written.append(given), secret)
    assert prepared({})
    assert written == [('Ann "O"', "clear", [])]


def test_a_script_that_failed_leaves_nothing_to_give_a_password_to(written: Written, secret: Path) -> None:
    prepared = with_owner(lambda _: False, lambda *given: written.append(given), secret)
    assert not prepared({})
    assert written == []


def test_the_script_itself_reads_no_password() -> None:
    folder = Path(__file__).parents[2] / "deploy" / "images" / "postgres"
    for name in ("post-bootstrap.sql", "keddah-post-bootstrap"):
        assert "app/password" not in (folder / name).read_text()
