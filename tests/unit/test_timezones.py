from __future__ import annotations

import pytest

from schemas.kubernetes import timezones

EXAMPLE = "write an IANA name such as UTC or Europe/Berlin"


@pytest.mark.parametrize(
    "name", ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+1", "EST5EDT"]
)
def test_names_of_the_iana_database_are_time_zones(name: str) -> None:
    assert timezones.problem(name) is None


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", f"must not be empty; {EXAMPLE}, or leave the field out"),
        ("Local", f"differs from machine to machine; {EXAMPLE}"),
        ("LOCAL", f"differs from machine to machine; {EXAMPLE}"),
        ("/etc/localtime", f"is no time zone; {EXAMPLE}"),
        ("../UTC", f"is no time zone; {EXAMPLE}"),
        ("Europe/./Berlin", f"is no time zone; {EXAMPLE}"),
        ("Europe//Berlin", f"is no time zone; {EXAMPLE}"),
        ("-UTC", f"is no time zone; {EXAMPLE}"),
        ("UTC\n", f"is no time zone; {EXAMPLE}"),
        ("Fifteen_letters", f"is no time zone; {EXAMPLE}"),
        ("Europe", f"is not in the time zone database; {EXAMPLE}"),
        ("Mars/Olympus", f"is not in the time zone database; {EXAMPLE}"),
        ("europe/berlin", "is not in the time zone database; did you mean Europe/Berlin?"),
        ("right/UTC", f"is a variant that not every system has; {EXAMPLE}"),
    ],
)
def test_what_is_no_time_zone_says_what_is(name: str, message: str) -> None:
    assert timezones.problem(name) == message
