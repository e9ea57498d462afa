from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from controller.certificates.certificate import Pair
from controller.certificates.keys import DatabaseKeys
from controller.desired import names
from controller.desired.secrets import Shown, app_secret, secrets, server_names
from schemas.api.types import PostgreSQLDatabase
from tests.factory import typed_database

KEYS = DatabaseKeys("a CA's certificate", "a CA's key", b"seed")


def values(manifest: dict[str, Any]) -> dict[str, str]:
    return {key: base64.b64decode(text).decode() for key, text in manifest["data"].items()}


def with_password(password: str) -> DatabaseKeys:
    return replace(KEYS, passwords={"app": password})


def whole(db: PostgreSQLDatabase) -> dict[str, dict[str, Any]]:
    found = secrets(db, KEYS, Pair("a certificate", "a key"))
    return {manifest["metadata"]["name"]: manifest for manifest in found}


def test_the_keys_come_first_and_every_secret_outlives_the_database() -> None:
    found = whole(typed_database())
    assert tuple(found) == names.secrets("orders")
    assert next(iter(found)) == "orders-keys"
    for manifest in found.values():
        assert "ownerReferences" not in manifest["metadata"]
        assert manifest["metadata"]["labels"]["keddah.dev/database"] == "orders"
        assert "app.kubernetes.io/instance" not in manifest["metadata"]["labels"]
        assert "Prune=false" in manifest["metadata"]["annotations"]["argocd.argoproj.io/sync-options"]


def test_a_lost_secret_comes_back_the_same() -> None:
    db = typed_database()
    assert whole(db)["orders-app"] == app_secret(db, KEYS, KEYS.trusted)


def test_each_role_has_a_password_of_its_own() -> None:
    found = whole(typed_database())
    roles = ("orders-app", "orders-superuser", "orders-replication")
    assert len({values(found[name])["password"] for name in roles}) == 3


def test_an_application_finds_every_part_and_the_usual_spellings() -> None:
    found = values(
        app_secret(typed_database(owner="shop", database="orders"), with_password("secret"), KEYS.trusted)
    )
    assert found["host"] == "orders.shop.svc"
    assert found["port"] == "5432"
    assert found["dbname"] == "orders"
    assert (found["username"], found["role"]) == ("shop", "shop")
    assert found["uri"] == "postgresql://shop:secret@orders.shop.svc:5432/orders?sslmode=require"
    expected = "jdbc:postgresql://orders.shop.svc:5432/orders?user=shop&password=secret&sslmode=require"
    assert found["jdbc-uri"] == expected
    assert found["pgpass"] == "orders.shop.svc:5432:orders:shop:secret\n"
    assert found["ca.crt"] == "a CA's certificate"


def test_every_client_has_the_ca_of_the_certificate_that_it_is_shown() -> None:
    db = typed_database(roles=[{"name": "reader"}])
    shown = Shown(Pair("an issuer's certificate", "a key"), "both authorities")
    found = secrets(db, KEYS, Pair("a certificate", "a key"), shown=shown)
    clients = [each for each in found if "uri" in each.get("data", {})]
    told = {each["metadata"]["name"]: values(each).get("ca.crt") for each in clients}
    assert told["orders-app"] == told["orders-role-reader"] == "both authorities"


def test_an_application_is_given_no_key() -> None:
    assert not [key for key in whole(typed_database())["orders-app"]["data"] if key.endswith(".key")]


def test_odd_characters_survive_every_spelling() -> None:
    odd = r"p:a@s/s?w&o%r d\#"
    found = values(
        app_secret(typed_database(owner="ow:ner", database="da/ta"), with_password(odd), KEYS.trusted)
    )
    uri = urlsplit(found["uri"])
    assert unquote(uri.password or "") == odd
    assert unquote(uri.username or "") == "ow:ner"
    assert unquote(uri.path) == "/da/ta"
    jdbc = urlsplit(found["jdbc-uri"].removeprefix("jdbc:"))
    assert parse_qs(jdbc.query)["password"] == [odd]
    assert found["pgpass"] == "orders.shop.svc:5432:da/ta:ow\\:ner:p\\:a@s/s?w&o%r d\\\\#\n"


def test_the_server_is_known_by_every_name_that_leads_to_it() -> None:
    found = server_names(typed_database(), "k8s.example")
    assert found[0] == "orders.shop.svc"
    assert {"orders", "orders-ro.shop.svc", "orders.shop.svc.k8s.example", "localhost"} <= set(found)
    assert {"*.orders-pods.shop.svc", "*.orders-pods.shop.svc.k8s.example"} <= set(found)
    assert not any("cluster.local" in host for host in found)
