"""Has the server be told no password, but its SCRAM verifier, which is computed here.

Patroni sends passwords as they are, and switches the log of statements off for that. Whatever else somebody
sets up (`log_transaction_sample_rate`, `debug_print_parse`, an extension) sees the statement all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Set = Callable[[str, str | None, list[str]], None]
"""Makes a role, or changes it: its name, its password, its attributes (Patroni's `create_or_update_role`)."""

APPLICATION = Path("/etc/keddah/app")
"""The Secret of the application."""


def verified(write: Set, encrypt: Callable[[str, str], str]) -> Set:
    """Return what writes a verifier where it is given a password. `encrypt`: of a password and a role."""

    def written(name: str, password: str | None, options: list[str]) -> None:
        write(name, encrypt(password, name) if password else None, options)

    return written


def encrypting(connection: Callable[[], Any]) -> Callable[[str, str], str]:
    """Return libpq's own computation (PQencryptPasswordConn), which asks the server for nothing."""

    def encrypt(password: str, name: str) -> str:
        verifier: bytes = connection().pgconn.encrypt_password(
            password.encode(), name.encode(), b"scram-sha-256"
        )
        return verifier.decode()

    return encrypt


def with_owner(
    prepare: Callable[[dict[str, Any]], bool], write: Set, secret: Path = APPLICATION
) -> Callable[[dict[str, Any]], bool]:
    """Return Patroni's `call_post_bootstrap`, after which the owner has the password of the Secret."""

    def prepared(config: dict[str, Any]) -> bool:
        if not prepare(config):
            return False
        write((secret / "username").read_text(), (secret / "password").read_text(), [])
        return True

    return prepared
