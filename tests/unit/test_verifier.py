"""SCRAM verifiers: those that PostgreSQL itself would make."""

from __future__ import annotations

import pytest

from controller.postgresql.verifier import Verifier, verifier


def test_one_fits_its_password_and_no_other() -> None:
    made = verifier("pa$$ word", b"salt of a role")
    assert made.fits("pa$$ word")
    assert not made.fits("pa$$ wore")
    assert made == verifier("pa$$ word", b"salt of a role")
    assert made != verifier("pa$$ word", b"salt of another")
    assert repr(made) == "Verifier(…)"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "md5d8578edf8458ce06fbc5bb76a58c5ca4",
        "SCRAM-SHA-256$1000000:YQ==$YQ==:YQ==",
        # The server stores any number that strtol reads.
        "SCRAM-SHA-256$0:YQ==$YQ==:YQ==",
        "SCRAM-SHA-256$00:YQ==$YQ==:YQ==",
        f"SCRAM-SHA-256${'9' * 5000}:YQ==$YQ==:YQ==",
        "SCRAM-SHA-256$1:a$b:c",
    ],
)
def test_what_is_none_fits_nothing(text: str) -> None:
    assert not Verifier(text).fits("x")


@pytest.mark.parametrize(("same", "as_this"), [("\u00aa", "a"), ("I\u00adX", "IX"), ("a\u00a0b", "a b")])
def test_passwords_are_prepared_as_clients_do(same: str, as_this: str) -> None:
    assert verifier(as_this, b"x").fits(same)
