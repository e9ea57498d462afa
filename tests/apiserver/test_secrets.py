"""Secrets that are lost: noticed at once without a right to watch them, and back with what fits the data."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests import factory
from tests.children import KIND, PAIRS, SECRETS, condition, events
from tests.rest import path
from tests.waiting import until, within

if TYPE_CHECKING:
    from tests.rest import Object, Rest

pytestmark = pytest.mark.usefixtures("controller")

OPERATOR = "keddah-system"
WATCH = "orders-secrets-watch"
SECONDS = 10
"""In which a deleted Secret must be back: the periodic check takes longer."""


@pytest.fixture
def shop(rest: Rest, restricted: str) -> str:
    """Give a namespace with a database whose Secrets are watched."""
    make(rest, restricted)
    return restricted


def make(rest: Rest, namespace: str, **spec: str) -> None:
    rest.create(factory.submitted("orders", namespace, version="17", **spec)).expect()
    until(lambda: len(watched(rest, namespace)) == len(SECRETS), 30)
    until(lambda: rest.get("PersistentVolumeClaim", namespace, "data-orders-0"))


def watched(rest: Rest, namespace: str) -> dict[str, str]:
    live = rest.get("ConfigMap", namespace, WATCH) or {"metadata": {}}
    return {owner["name"]: owner["uid"] for owner in live["metadata"].get("ownerReferences", [])}


def secrets(rest: Rest, namespace: str) -> dict[str, Object]:
    found = {name: rest.get("Secret", namespace, f"orders-{name}") for name in SECRETS}
    return {name: secret for name, secret in found.items() if secret}


def data(rest: Rest, namespace: str) -> dict[str, dict[str, str]]:
    return {name: secret["data"] for name, secret in secrets(rest, namespace).items()}


def copy(rest: Rest, namespace: str) -> Object | None:
    return rest.get("Secret", OPERATOR, f"keys.{namespace}.orders")


def test_all_secrets_of_a_namespace_are_back_within_seconds_as_they_were(rest: Rest, shop: str) -> None:
    before, uids = data(rest, shop), watched(rest, shop)
    rest.send("DELETE", path("Secret", shop)).expect()
    started = time.monotonic()
    within(lambda: len(secrets(rest, shop)) == len(SECRETS), SECONDS)
    print(f"all Secrets were back after {time.monotonic() - started:.2f} s")
    after = data(rest, shop)
    # A certificate was in its own Secret only; its authority is the same.
    for pair in PAIRS:
        assert after.pop(pair)["ca.crt"] == before.pop(pair)["ca.crt"]
    assert after == before
    until(lambda: len(watched(rest, shop)) == len(SECRETS))
    assert not set(watched(rest, shop).values()) & set(uids.values())
    told = until(lambda: next((e for e in events(rest, shop) if e.startswith("SecretsRestored")), ""))
    assert told.endswith(f"written again from the copy of orders-keys, keys.{shop}.orders")
    assert not [value for secret in data(rest, shop).values() for value in secret.values() if value in told]


def test_each_secret_is_back_within_seconds_when_it_alone_is_lost(rest: Rest, shop: str) -> None:
    for name in SECRETS:
        before = secrets(rest, shop)[name]
        rest.delete("Secret", shop, f"orders-{name}").expect()
        within(lambda name=name: name in secrets(rest, shop), SECONDS)  # type: ignore[misc]
        after = secrets(rest, shop)[name]
        assert after["metadata"]["uid"] != before["metadata"]["uid"]
        if name not in PAIRS:
            assert after["data"] == before["data"], name
        until(lambda after=after: after["metadata"]["uid"] in watched(rest, shop).values())  # type: ignore[misc]


def test_a_secret_that_somebody_made_again_at_once_is_looked_at(rest: Rest, shop: str) -> None:
    before = secrets(rest, shop)["app"]
    stolen = {key: before["metadata"][key] for key in ("name", "namespace", "labels")}
    rest.delete("Secret", shop, "orders-app").expect()
    said = {"password": "guessed", "username": "guessed"}
    again = {"apiVersion": "v1", "kind": "Secret", "type": before["type"], "metadata": stolen}
    rest.create({**again, "stringData": said})
    within(lambda: data(rest, shop).get("app") == before["data"], SECONDS, lambda: data(rest, shop))


def test_the_copy_of_the_keys_goes_with_the_data(rest: Rest, restricted: str) -> None:
    make(rest, restricted, deletionPolicy="Delete")
    kept = copy(rest, restricted)
    assert kept is not None
    assert kept["data"] == data(rest, restricted)["keys"]
    rest.delete(KIND, restricted, "orders").expect()
    until(lambda: rest.get(KIND, restricted, "orders") is None, 60)
    assert copy(rest, restricted) is None


def test_the_copy_of_the_keys_stays_with_kept_volumes_and_goes_with_the_namespace(
    rest: Rest,
) -> None:
    namespace = "keeps-its-copy"
    rest.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}).expect()
    make(rest, namespace)
    before = data(rest, namespace)
    rest.delete(KIND, namespace, "orders").expect()
    until(lambda: rest.get("StatefulSet", namespace, "orders") is None)
    assert copy(rest, namespace) is not None
    # A new object takes up what is left, and that is the copy.
    rest.send("DELETE", path("Secret", namespace)).expect()
    until(lambda: not watched(rest, namespace))
    make(rest, namespace)
    assert data(rest, namespace)["app"] == before["app"]
    rest.delete("Namespace", None, namespace).expect()
    until(lambda: copy(rest, namespace) is None, 60)


def test_passwords_that_are_lost_with_their_copy_are_told_until_they_are_set(rest: Rest, shop: str) -> None:
    before = data(rest, shop)
    rest.delete("Secret", OPERATOR, f"keys.{shop}.orders").expect()
    rest.send("DELETE", path("Secret", shop)).expect()
    within(lambda: len(secrets(rest, shop)) == len(SECRETS), SECONDS)
    assert data(rest, shop)["app"] != before["app"]
    until(lambda: len(watched(rest, shop)) == len(SECRETS))
    live = rest.get("ConfigMap", shop, WATCH)
    assert live is not None
    assert live["metadata"]["annotations"]["keddah.dev/renewed-passwords"] == "app,replication"
    assert copy(rest, shop) is not None
    forget = {"metadata": {"annotations": {"keddah.dev/renewed-passwords": None}}}
    rest.merge("ConfigMap", shop, WATCH, forget).expect()
    until(lambda: "renewed-passwords" not in data(rest, shop)["keys"], 60)
    live = rest.get("ConfigMap", shop, WATCH)
    assert live is not None
    assert "keddah.dev/renewed-passwords" not in live["metadata"]["annotations"]


def test_a_missing_key_of_the_repository_is_named_before_anything_runs_and_found_when_it_comes(
    rest: Rest, restricted: str
) -> None:
    def told() -> str:
        found = condition(rest, restricted, "ArchivingWAL")
        return f"{found.get('reason')}: {found.get('message')}"

    encryption = {"secret": {"name": "passphrase", "key": "p"}}
    backup = {"repository": {"volume": {"size": "1Gi"}, "encryption": encryption}}
    rest.create(factory.submitted("orders", restricted, version="17", backup=backup)).expect()
    named = f"Secret {restricted}/passphrase, which backup.repository.encryption.secret names,"
    until(lambda: told().startswith(f"InvalidSettings: {named} does not exist: create it with p"), 20, told)
    assert condition(rest, restricted, "BackedUp")["reason"] == "InvalidSettings"
    until(lambda: any(each.startswith("InvalidSettings: ") for each in events(rest, restricted)), 10)
    metadata = {"name": "passphrase", "namespace": restricted}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"key": "x"}}
    rest.create(secret).expect()
    until(lambda: "p is missing or empty (it has: key)" in told(), 60, told)
    rest.merge("Secret", restricted, "passphrase", {"stringData": {"p": "y"}}).expect()
    until(lambda: told() == "NoPrimary: No primary is known", 60, told)
