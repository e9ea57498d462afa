from __future__ import annotations

import logging
from pathlib import Path

import pytest

from schemas.processes import Address, SettingsError
from webhooks.log import line
from webhooks.settings import read


def test_an_empty_environment_is_enough() -> None:
    settings = read({})
    assert settings.policy_file == Path("/etc/keddah/policy/policy.yaml")
    assert settings.tls_dir == Path("/etc/keddah/tls")
    assert (settings.listen, settings.metrics_listen) == (Address("", 8443), Address("", 8080))
    assert (settings.log_level, settings.deadline, settings.drain) == (logging.INFO, 10, 5)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:0", Address("127.0.0.1", 0)),
        ("[::1]:8443", Address("::1", 8443)),
        (":1", Address("", 1)),
    ],
)
def test_an_address_is_read_and_written_alike(text: str, address: Address) -> None:
    assert read({"KEDDAH_LISTEN": text}).listen == address
    assert str(address) == text


def test_every_mistake_is_named_at_once() -> None:
    wrong = {
        "KEDDAH_LISTEN": "8443",
        "KEDDAH_METRICS_LISTEN": ":99999",
        "KEDDAH_LOG_LEVEL": "loud",
        "KEDDAH_DEADLINE_SECONDS": "soon",
        "KEDDAH_DRAIN_SECONDS": "nan",
    }
    with pytest.raises(SettingsError) as caught:
        read(wrong)
    assert [mistake.partition(":")[0] for mistake in caught.value.mistakes] == [
        "KEDDAH_LISTEN",
        "KEDDAH_METRICS_LISTEN",
        "KEDDAH_LOG_LEVEL",
        "KEDDAH_DEADLINE_SECONDS",
        "KEDDAH_DRAIN_SECONDS",
    ]


def test_a_log_line_is_one_line_whatever_the_values_hold() -> None:
    assert line("Refused", name="orders", fields="a\nERROR b", user="", count=3) == (
        'Refused name=orders fields="a\\nERROR b" user="" count=3'
    )
