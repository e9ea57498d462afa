from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.kubernetes import quantity

EXAMPLE = "write a number with a suffix, such as 10Gi, 500M or 1.5"


def error(text: str | int) -> str:
    with pytest.raises(quantity.QuantityError) as caught:
        quantity.parse(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("10Gi", 10 * 1024**3),
        ("1Ki", 1024),
        ("1Ei", 1024**6),
        ("500M", 500_000_000),
        ("2k", 2000),
        ("1E", 10**18),
        ("1e3", 1000),
        ("1E3", 1000),
        ("12e-1", Decimal("1.2")),
        ("100m", Decimal("0.1")),
        ("7u", Decimal("0.000007")),
        ("3n", Decimal("0.000000003")),
        ("1.5Gi", 1536 * 1024**2),
        (".5", Decimal("0.5")),
        ("5.", 5),
        ("+1", 1),
        ("-1", -1),
        ("0", 0),
        ("00", 0),
        ("0e99", 0),
        (3, 3),
        ("9223372036854775807", 2**63 - 1),
        ("0.0000000001", Decimal("0.000000001")),  # Kubernetes rounds up to a billionth
    ],
)
def test_an_amount_is_what_kubernetes_reads(text: str | int, amount: Decimal | int) -> None:
    assert quantity.parse(text) == amount


def test_equal_amounts_are_equal_however_they_are_written() -> None:
    assert quantity.parse("1Gi") == quantity.parse("1024Mi") == quantity.parse("1073741824")
    assert quantity.parse("1") == quantity.parse("1000m") == quantity.parse("1e0")
    assert quantity.parse("1G") < quantity.parse("1Gi")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("10GB", 'suffix "GB" is not known; write Gi for powers of 1024 or G for 1000'),
        ("10gi", 'suffix "gi" is not known; write Gi for powers of 1024 or G for 1000'),
        ("10K", 'suffix "K" is not known; write Ki for powers of 1024 or k for 1000'),
        (
            "4foo",
            'suffix "foo" is not known; use Ki Mi Gi Ti Pi Ei (powers of 1024), n u m k M G T P E, or none',
        ),
        ("", f"is empty; {EXAMPLE}"),
        (" 10Gi", f"must not contain white space; {EXAMPLE}"),
        ("10 Gi", f"must not contain white space; {EXAMPLE}"),
        ("1,5Gi", f"takes a dot as its decimal point, no comma; {EXAMPLE}"),
        ("ten", f"is not a quantity; {EXAMPLE}"),
        ("+", f"is not a quantity; {EXAMPLE}"),
        (".", f"is not a quantity; {EXAMPLE}"),
        ("\u0661Gi", f"is not a quantity; {EXAMPLE}"),
        (True, f"is not a quantity; {EXAMPLE}"),
        ("9Ei", "is more than 2^63-1, the most that Kubernetes counts to"),
        ("1e99999", f"exponent 99999 is out of range; {EXAMPLE}"),
    ],
)
def test_an_error_says_what_would_be_right(text: str, message: str) -> None:
    assert error(text) == message


@settings(max_examples=60)
@given(st.integers(0, 2**40), st.sampled_from(("", "Ki", "k", "m", "e2")))
def test_more_is_more(number: int, suffix: str) -> None:
    assert quantity.parse(f"{number}{suffix}") < quantity.parse(f"{number + 1}{suffix}")


@settings(max_examples=100)
@given(st.text("0123456789.+-eEinumkKMGTP ", max_size=12))
def test_no_text_is_a_crash(text: str) -> None:
    try:
        assert quantity.parse(text).is_finite()
    except quantity.QuantityError as refused:
        assert str(refused)  # noqa: PT017
