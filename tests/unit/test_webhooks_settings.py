from __future__ import annotations

import logging
from pathlib import Path

import pytest

from schemas.processes import Address, Log, SettingsError
from webhooks.log import line
from webhooks.settings import read


def test_an_empty_environment_is_enough() -> None:
    settings = read({})
    assert settings.policy_file == Path("/etc/keddah/policy/policy.yaml")
    assert settings.tls_dir == Path("/etc/keddah/tls")
    assert (settings.listen, settings.metrics_listen) == (Address("", 8443), Address("", 8080))
    assert (settings.client_ca, settings.client_names) == (None, frozenset())
    assert (settings.log, settings.deadline, settings.drain) == (Log(logging.INFO, "JSON"), 10, 5)


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
        "KEDDAH_CLIENT_NAMES": "kube-apiserver,,",
    }
    with pytest.raises(SettingsError) as caught:
        read(wrong)
    assert [mistake.partition(":")[0] for mistake in caught.value.mistakes] == [
        "KEDDAH_LISTEN",
        "KEDDAH_METRICS_LISTEN",
        "KEDDAH_CLIENT_NAMES",
        "KEDDAH_LOG_LEVEL",
        "KEDDAH_DEADLINE_SECONDS",
        "KEDDAH_DRAIN_SECONDS",
        "KEDDAH_CLIENT_NAMES",
    ]


def test_names_of_clients_are_read_and_need_an_authority() -> None:
    given = {"KEDDAH_CLIENT_CA_FILE": "/ca.crt", "KEDDAH_CLIENT_NAMES": "kube-apiserver, a.example"}
    settings = read(given)
    assert settings.client_ca == Path("/ca.crt")
    assert settings.client_names == {"kube-apiserver", "a.example"}
    with pytest.raises(SettingsError, match="KEDDAH_CLIENT_NAMES: without KEDDAH_CLIENT_CA_FILE"):
        read({**given, "KEDDAH_CLIENT_CA_FILE": ""})


def test_a_log_line_is_one_line_whatever_the_values_hold() -> None:
    assert line("Refused", name="orders", fields="a\nERROR b", user="", count=3) == (
        'Refused name=orders fields="a\\nERROR b" user="" count=3'
    )
