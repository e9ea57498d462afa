from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.certificates.certificate import Pair, expiry, serves, split
from controller.desired.secrets_watch import RENEWED, complete, secrets_watch, watched
from controller.observe.state import Leadership, ObservedState
from controller.plan.credentials import credentials, database_keys, lost_passwords
from tests.factory import typed_database
from tests.states import claim

WATCH = "orders-secrets-watch"
COPY = "keys.shop.orders"
DATA: dict[str, Any] = {"claims": (claim(0),)}
NOW = datetime(2026, 11, 23, tzinfo=UTC)


def entropy(start: int = 0) -> Any:  # noqa: ANN401 - a function of how many bytes
    count = iter(range(start, start + 1000))
    return lambda size: bytes((next(count) * 7 + i) % 251 for i in range(size))


def written(
    live: dict[str, dict[str, Any]] | None = None,
    *,
    now: datetime = NOW,
    start: int = 0,
    domain: str = "cluster.local",
    watch: dict[str, Any] | None = None,
    spec: dict[str, Any] | None = None,
    **around: Any,  # noqa: ANN401
) -> dict[str, dict[str, Any]]:
    """Give all that is to be written, given the Secrets that are there, which get UIDs here."""
    there = {name: with_uid(secret) for name, secret in (live or {}).items()}
    children = {"Secret": there, "ConfigMap": {WATCH: watch} if watch else {}}
    state = ObservedState(children=children, **around)
    wanted = credentials(
        typed_database(**spec or {}),
        state,
        operator="keddah-system",
        cluster_domain=domain,
        now=now,
        entropy=entropy(start),
    )
    return {manifest["metadata"]["name"]: manifest for manifest in wanted}


def with_uid(secret: dict[str, Any]) -> dict[str, Any]:
    return {**secret, "metadata": {**secret["metadata"], "uid": f"uid-of-{secret['metadata']['name']}"}}


def made(
    live: dict[str, dict[str, Any]] | None = None,
    *,
    now: datetime = NOW,
    start: int = 0,
    domain: str = "cluster.local",
    spec: dict[str, Any] | None = None,
    **around: Any,  # noqa: ANN401
) -> dict[str, dict[str, Any]]:
    wanted = written(live, now=now, start=start, domain=domain, spec=spec, **around)
    return {name: manifest for name, manifest in wanted.items() if manifest["kind"] == "Secret"}


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


def test_another_domain_of_the_cluster_renews_the_servers_certificate_and_nothing_else() -> None:
    first = made()
    second = made(first, start=500, domain="k8s.example")
    assert [name for name in first if second[name] != first[name]] == ["orders-tls"]
    pair = Pair(text(second["orders-tls"], "tls.crt"), text(second["orders-tls"], "tls.key"))
    hosts = ("orders.shop.svc.k8s.example", "*.orders-pods.shop.svc.k8s.example")
    assert serves(pair, text(first["orders-tls"], "ca.crt"), hosts)
    assert made(second, start=900, domain="k8s.example") == second


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


ALL = (
    "orders-keys",
    "orders-superuser",
    "orders-replication",
    "orders-tls",
    "orders-app",
    "orders-repository-tls",
)


@pytest.mark.parametrize(
    "around", [DATA, {"leadership": Leadership(initialized=True)}], ids=["volumes", "initialized"]
)
def test_when_all_secrets_of_a_namespace_are_lost_the_copy_brings_back_what_fits_the_data(
    around: dict[str, Any],
) -> None:
    first = made()
    second = made(without(first, *ALL), start=500, **around)
    for name in ("orders-keys", "orders-app", "orders-superuser", "orders-replication", COPY):
        assert second[name] == first[name]
    assert authorities(second) == authorities(first)


def test_the_copy_of_keys_that_are_lost_alone_saves_the_authority_too() -> None:
    first = made()
    assert made(without(first, "orders-keys"), start=500, **DATA) == first


def test_what_the_other_secrets_say_is_newer_than_the_copy() -> None:
    older, newer = made(), made(start=500)
    second = made({**without(newer, "orders-keys"), COPY: older[COPY]}, start=900, **DATA)
    for name in ("orders-app", "orders-superuser", "orders-replication"):
        assert text(second[name], "password") == text(newer[name], "password")
    assert tls(second) == tls(newer)
    assert authorities(second) == (*authorities(older), *authorities(newer))
    assert made(second, start=1300, **DATA) == second


def test_a_copy_that_is_left_of_a_database_without_data_is_a_strangers() -> None:
    first = made()
    second = made(without(first, *ALL), start=500)
    assert second["orders-app"] != first["orders-app"]
    assert second[COPY]["data"] == second["orders-keys"]["data"]


@pytest.mark.parametrize("data", [{}, {"ca.crt": "eA==", "ca.key": "eA==", "seed": "eA=="}])
def test_a_damaged_copy_is_of_no_use(data: dict[str, str]) -> None:
    first = made()
    second = made({COPY: {**first[COPY], "data": data}}, start=500, **DATA)
    assert second[COPY]["data"] == second["orders-keys"]["data"] != first[COPY]["data"]


def test_the_copy_goes_with_the_namespace() -> None:
    owner = {"apiVersion": "v1", "kind": "Namespace", "name": "shop", "uid": "uid-of-shop"}
    first = made(namespace=(owner,))
    assert first[COPY]["metadata"]["namespace"] == "keddah-system"
    assert first[COPY]["metadata"]["ownerReferences"] == [owner]
    assert made(first, start=500)[COPY] == first[COPY]


def test_passwords_that_nothing_holds_any_more_are_told_until_somebody_says_that_they_are_set() -> None:
    lost = made(start=500, **DATA)
    first = written(lost, start=900, **DATA)
    watch = first[WATCH]
    assert watch["metadata"]["annotations"][RENEWED] == "app,replication"
    told = lost_passwords(typed_database(owner="shop"), ObservedState(children={"ConfigMap": {WATCH: watch}}))
    assert told is not None
    assert told.reason == "PasswordsLost"
    assert "psql -c '\\password shop'" in told.message
    assert f"kubectl annotate configmap {WATCH} -n shop {RENEWED}-" in told.message
    for password in (text(lost[name], "password") for name in ("orders-app", "orders-replication")):
        assert password not in told.message
    assert written(lost, start=900, watch=watch, **DATA) == first
    # Lost again before that: the copy remembers.
    again = made(without(lost, *ALL), start=900, **DATA)
    assert again["orders-keys"] == lost["orders-keys"]
    annotations = {k: v for k, v in watch["metadata"]["annotations"].items() if k != RENEWED}
    said = {**watch, "metadata": {**watch["metadata"], "annotations": annotations}}
    after = written(lost, start=900, watch=said, **DATA)
    assert RENEWED not in after[WATCH]["metadata"]["annotations"]
    assert "renewed-passwords" not in after["orders-keys"]["data"]
    assert after["orders-app"] == lost["orders-app"]
    assert lost_passwords(typed_database(), ObservedState(children={"ConfigMap": {WATCH: said}})) is None


def test_passwords_are_told_to_be_lost_before_that_is_noted() -> None:
    lost = made(start=500, **DATA)
    first = {
        name: {**secret, "metadata": {**secret["metadata"], "uid": name}} for name, secret in lost.items()
    }
    told = lost_passwords(typed_database(), ObservedState(children={"Secret": first}))
    assert told is not None
    assert told.reason == "PasswordsLost"


def test_a_note_that_was_made_for_other_secrets_says_nothing_of_these() -> None:
    lost = made(start=500, **DATA)
    others = {name: with_uid(secret) for name, secret in lost.items()}
    others["orders-app"]["metadata"]["uid"] = "uid-of-a-former"
    earlier = secrets_watch(typed_database(), others)
    assert RENEWED in written(lost, watch=earlier, **DATA)[WATCH]["metadata"]["annotations"]


def test_a_new_database_has_lost_nothing() -> None:
    assert "renewed-passwords" not in made()["orders-keys"]["data"]


def test_one_object_refers_to_every_secret_so_that_its_deletion_is_seen() -> None:
    first = made()
    watch = written(first)[WATCH]
    assert watched(watch) == {name: f"uid-of-{name}" for name in ALL}
    assert complete(watch, "orders")
    # Its controller is nobody: it is kept with the Secrets.
    assert not [owner for owner in watch["metadata"]["ownerReferences"] if owner.get("controller")]
    assert watch["metadata"]["labels"]["keddah.dev/database"] == "orders"
    assert "data" not in watch


@pytest.mark.parametrize("lost", ALL)
def test_a_reference_that_kubernetes_took_out_is_missed(lost: str) -> None:
    watch = written(made())[WATCH]
    owners = [owner for owner in watch["metadata"]["ownerReferences"] if owner["name"] != lost]
    assert not complete({**watch, "metadata": {**watch["metadata"], "ownerReferences": owners}}, "orders")
    assert WATCH not in written(without(made(), lost))


def test_no_object_at_all_is_a_loss() -> None:
    assert not complete(None, "orders")


ENCRYPTED: dict[str, Any] = {"backup": {"repository": {"encryption": {}}}}


def test_the_repository_and_the_jobs_have_one_certificate_which_is_renewed_in_time() -> None:
    first = made()
    pair = Pair(
        text(first["orders-repository-tls"], "tls.crt"), text(first["orders-repository-tls"], "tls.key")
    )
    assert serves(pair, text(first["orders-repository-tls"], "ca.crt"), ("orders-repository.shop.svc",))
    later = made(first, start=500, now=expiry(pair.crt) - timedelta(days=10))
    assert later["orders-repository-tls"] != first["orders-repository-tls"]
    assert "orders-repository-tls" not in made(spec={"backupSchedule": ""})


def test_a_generated_encryption_key_comes_back_whichever_secret_is_lost() -> None:
    first = made(spec=ENCRYPTED)
    key = text(first["orders-encryption"], "key")
    assert len(key) == 32
    for lost in ("orders-encryption", "orders-keys"):
        again = made(without(first, lost), start=500, spec=ENCRYPTED, **DATA)
        assert text(again["orders-encryption"], "key") == key
    own = {"backup": {"repository": {"encryption": {"secret": {"name": "own"}}}}}
    assert "orders-encryption" not in made(spec=own)
    assert "orders-encryption" not in made()


def test_a_lost_encryption_key_is_seen_as_every_other_secret() -> None:
    watch = written(made(spec=ENCRYPTED), spec=ENCRYPTED)[WATCH]
    assert "orders-encryption" in watched(watch)
    assert complete(watch, "orders", ("orders-repository-tls", "orders-encryption"))
    # Encryption was declared after the Secrets were looked at.
    assert not complete(written(made())[WATCH], "orders", ("orders-repository-tls", "orders-encryption"))
