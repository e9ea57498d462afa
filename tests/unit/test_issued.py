"""What PostgreSQL shows to clients where cert-manager has an issuer sign it (tls.issuerRef)."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from controller.certificates.certificate import Pair, split
from controller.certificates.pki import Authority, issue_authority, issue_server
from controller.desired import names
from controller.desired.instances.parameters import parameters
from controller.desired.instances.patroni import static
from controller.desired.instances.pod import pod_template
from controller.desired.secrets import server_names
from controller.observe.state import ObservedState
from controller.plan.actions import Delete
from controller.plan.credentials import credentials
from controller.plan.issued import everywhere, given_up, problem
from schemas.api.types import PostgreSQLDatabase
from tests import factory
from tests.verdicts import refused

NOW = datetime(2026, 11, 23, tzinfo=UTC)
DOMAIN = "cluster.local"
ISSUER: dict[str, Any] = {
    "tls": {"issuerRef": {"name": "corporate"}, "names": ["db.example.com", "192.0.2.7"]}
}
Secrets = dict[str, dict[str, Any]]


def entropy(start: int) -> Any:  # noqa: ANN401 - a function of how many bytes
    count = iter(range(start, start + 1000))
    return lambda size: bytes((next(count) * 7 + i) % 251 for i in range(size))


def authority(start: int = 1) -> Authority:
    return issue_authority("corporate", now=NOW, entropy=entropy(start))


def database(**spec: Any) -> PostgreSQLDatabase:  # noqa: ANN401
    return factory.typed_database(**(ISSUER | spec))


def offered(
    by: Authority, *, now: datetime = NOW, start: int = 5, wanted: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Give the Secret that cert-manager makes."""
    pair = issue_server(by, wanted or server_names(database(), DOMAIN), now=now, entropy=entropy(start))
    data = {"tls.crt": pair.crt, "tls.key": pair.key, "ca.crt": by.crt}
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return {"kind": "Secret", "metadata": {"name": "orders-server"}, "data": encoded}


def observed(secrets: Secrets, certificates: Any = None, **others: Any) -> ObservedState:  # noqa: ANN401
    live = {
        name: {**each, "metadata": {"uid": f"uid-{name}", **each["metadata"]}}
        for name, each in secrets.items()
    }
    return ObservedState(children={"Secret": live, **others}, certificates=certificates or {})


def written(secrets: Secrets, db: PostgreSQLDatabase | None = None, **others: Any) -> Secrets:  # noqa: ANN401
    """Give all that is to be written, given the Secrets that are there."""
    now = others.pop("now", NOW)
    made = credentials(
        db or database(),
        observed(secrets, **others),
        operator="keddah-system",
        cluster_domain=DOMAIN,
        now=now,
        entropy=entropy(len(secrets) * 37 + 100),
    )
    return {each["metadata"]["name"]: each for each in made if each["kind"] != "ConfigMap"}


def entry(secret: dict[str, Any], name: str) -> str:
    return base64.b64decode(secret["data"][name]).decode() if name in secret["data"] else ""


def test_cert_manager_is_asked_for_all_names_of_the_database() -> None:
    certificate = written({})["orders-server"]
    spec = certificate["spec"]
    assert (certificate["kind"], spec["secretName"]) == ("Certificate", "orders-server")
    assert spec["issuerRef"] == {"group": "cert-manager.io", "kind": "Issuer", "name": "corporate"}
    assert {"orders", "orders-ro.shop.svc", "db.example.com"} <= set(spec["dnsNames"])
    assert spec["ipAddresses"] == ["192.0.2.7"]
    assert "orders-server" not in written({}, factory.typed_database())


def test_until_the_issuer_has_signed_postgresql_shows_a_certificate_of_its_own_ca() -> None:
    first = written({})
    tls = first["orders-tls"]
    assert entry(tls, "server.crt") == entry(tls, "tls.crt")
    assert entry(first["orders-app"], "ca.crt") == entry(tls, "ca.crt")
    assert written(secrets_of(first)) == first
    state = observed({})
    assert (
        problem(database(), state, DOMAIN, NOW)
        == "Certificate orders-server is not issued yet: nothing is said"
    )
    told = {
        "status": {"conditions": [{"type": "Ready", "status": "False", "message": "no Issuer corporate"}]}
    }
    state = observed({}, Certificate={"orders-server": told})
    assert problem(database(), state, DOMAIN, NOW).endswith("no Issuer corporate")


def secrets_of(found: Secrets) -> Secrets:
    return {name: each for name, each in found.items() if each["kind"] == "Secret"}


def taken() -> tuple[Secrets, Authority]:
    """Give the Secrets after the issuer's certificate was taken over, and the issuer."""
    issuer = authority()
    trusted = written({**secrets_of(written({})), "orders-server": offered(issuer)})
    return written({**secrets_of(trusted), "orders-server": offered(issuer)}), issuer


def test_an_issuers_ca_is_trusted_by_all_before_anything_of_it_is_shown() -> None:
    issuer, first = authority(), secrets_of(written({}))
    own = entry(first["orders-tls"], "server.crt")
    state = {**first, "orders-server": offered(issuer)}
    trusted = written(state)
    tls = trusted["orders-tls"]
    assert split(entry(tls, "server-ca.crt"))[0] == issuer.crt
    assert entry(trusted["orders-app"], "ca.crt") == entry(tls, "server-ca.crt")
    # By a new pair of their own the members tell that they have read it; until then nothing changes.
    assert entry(tls, "tls.crt") != own
    assert entry(tls, "server.crt") == entry(tls, "tls.crt")
    state = {**secrets_of(trusted), "orders-server": offered(issuer)}
    late = {"orders-0": entry(tls, "tls.crt"), "orders-1": own}
    assert written(state, certificates=late)["orders-tls"] == tls
    assert "read the issuer's CA first" in problem(database(), observed(state), DOMAIN, NOW)
    read = dict.fromkeys(late, entry(tls, "tls.crt"))
    shown = written(state, certificates=read)["orders-tls"]
    assert entry(shown, "server.crt") == entry(offered(issuer), "tls.crt")
    assert problem(database(), observed({**state, "orders-tls": shown}), DOMAIN, NOW) == ""


def test_what_the_issuer_has_signed_is_shown_to_clients_alone() -> None:
    before = written({})["orders-tls"]
    found, issuer = taken()
    tls, app = found["orders-tls"], found["orders-app"]
    assert entry(tls, "server.crt") == entry(offered(issuer), "tls.crt")
    assert split(entry(app, "ca.crt"))[0] == issuer.crt
    # Who may command Patroni, and connect with a certificate, the issuer does not decide.
    assert issuer.crt not in entry(tls, "ca.crt")
    assert entry(tls, "tls.crt") != entry(before, "tls.crt")
    state = secrets_of(found)
    assert written({**state, "orders-server": offered(issuer)}) == found


def test_a_renewed_certificate_is_taken_over_at_once_if_its_ca_is_trusted_already() -> None:
    found, issuer = taken()
    later = NOW + timedelta(hours=1)
    again = offered(issuer, start=60)
    renewed = written({**secrets_of(found), "orders-server": again}, now=later)
    assert entry(renewed["orders-tls"], "server.crt") == entry(again, "tls.crt")
    assert entry(renewed["orders-tls"], "tls.crt") != entry(found["orders-tls"], "tls.crt")


def test_another_ca_is_trusted_before_it_is_shown_and_the_former_one_stays_trusted() -> None:
    found, issuer = taken()
    other, later = authority(50), NOW + timedelta(hours=1)
    again = offered(other, start=60)
    first = written({**secrets_of(found), "orders-server": again}, now=later)
    assert split(entry(first["orders-app"], "ca.crt"))[:2] == (other.crt, issuer.crt)
    assert entry(first["orders-tls"], "server.crt") == entry(found["orders-tls"], "server.crt")
    second = written({**secrets_of(first), "orders-server": again}, now=later)
    assert entry(second["orders-tls"], "server.crt") == entry(again, "tls.crt")


def test_what_becomes_of_the_issuers_secret_takes_no_certificate_away() -> None:
    found, issuer = taken()
    state = secrets_of(found)
    kept = entry(found["orders-tls"], "server.crt")
    lacking = offered(issuer, start=70, wanted=("orders",))
    foreign = {**offered(issuer), "data": {**offered(issuer)["data"], "ca.crt": ""}}
    damaged = {**offered(issuer), "data": {}}
    for secret in ({}, {"orders-server": lacking}, {"orders-server": foreign}, {"orders-server": damaged}):
        assert entry(written({**state, **secret})["orders-tls"], "server.crt") == kept
        assert problem(database(), observed({**state, **secret}), DOMAIN, NOW)
    late = written(state, now=NOW + timedelta(days=400))
    assert entry(late["orders-tls"], "server.crt") == entry(late["orders-tls"], "tls.crt")


def test_an_issuer_that_signs_without_a_hash_is_told_for_members_could_not_verify() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    made = authority()
    signer = Pair(made.crt, pem)
    secret = offered(Authority(*self_signed(signer)))
    assert "SCRAM needs a hash" in problem(database(), observed({"orders-server": secret}), DOMAIN, NOW)


def self_signed(pair: Pair) -> tuple[str, str]:
    """Give an authority of that key."""
    from cryptography import x509  # noqa: PLC0415
    from cryptography.x509.oid import NameOID  # noqa: PLC0415

    key = serialization.load_pem_private_key(pair.key.encode(), None)
    assert isinstance(key, ed25519.Ed25519PrivateKey)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "corporate")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=900))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, None)
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), pair.key


def test_servers_read_an_issuers_files_once_every_pod_has_them() -> None:
    db = database()
    template, former = pod_template(db, "image"), pod_template(factory.typed_database(), "image")
    state = ObservedState(children={"Pod": {}})
    assert everywhere(state, template)
    assert not everywhere(state, former)
    labels = former["metadata"]["labels"]
    old = {"metadata": {"name": "orders-0", "labels": labels, "annotations": {}}}
    assert not everywhere(replace(state, children={"Pod": {"orders-0": old}}), template)
    assert parameters(db, issued=True)["ssl_cert_file"] == "/etc/keddah/tls/server.crt"
    assert parameters(db)["ssl_cert_file"] == "/etc/keddah/tls/tls.crt"
    assert parameters(db, issued=True)["ssl_ca_file"] == parameters(db)["ssl_ca_file"]


def test_members_verify_each_other_by_the_issuers_ca_too_and_command_by_their_own() -> None:
    files = yaml.safe_load(static(database()))
    bundle = {"sslmode": "verify-ca", "sslrootcert": "/etc/keddah/tls/server-ca.crt"}
    for role in ("replication", "rewind"):
        assert files["postgresql"]["authentication"][role].items() >= bundle.items()
    assert files["restapi"]["cafile"] == "/etc/keddah/tls/ca.crt"
    usual = yaml.safe_load(static(factory.typed_database()))
    assert usual["postgresql"]["authentication"]["rewind"]["sslrootcert"] == "/etc/keddah/tls/ca.crt"


def test_an_issuer_that_is_not_declared_any_more_leaves_nothing_once_no_server_reads_its_files() -> None:
    found, _ = taken()
    plain = factory.typed_database()
    secrets = secrets_of(found)
    used = {"parameters": {"ssl_cert_file": "/etc/keddah/tls/server.crt"}}
    config = {"metadata": {"annotations": {"config": json.dumps(used)}}}
    still = written(secrets, plain, ConfigMap={names.config("orders"): config})
    assert entry(still["orders-tls"], "server.crt") == entry(found["orders-tls"], "server.crt")
    template = pod_template(database(), "image")
    pod = {"metadata": {**template["metadata"], "name": "orders-0"}}
    still = written(secrets, plain, Pod={"orders-0": pod})
    assert entry(still["orders-tls"], "server-ca.crt")
    assert entry(written(secrets, plain)["orders-tls"], "server.crt") == ""
    mine = {"ownerReferences": [{"uid": plain.metadata.uid}], "uid": "c", "resourceVersion": "5"}
    state = observed({}, Certificate={"orders-server": {"metadata": mine}})
    assert [type(each) for each in given_up(plain, state)] == [Delete]
    assert given_up(database(), state) == []
    theirs = observed({}, Certificate={"orders-server": {"metadata": {**mine, "ownerReferences": []}}})
    assert given_up(plain, theirs) == []


def test_an_issuer_is_of_two_kinds() -> None:
    (violation,) = refused(tls={"issuerRef": {"name": "x", "kind": "CA"}})
    assert violation == 'spec.tls.issuerRef.kind: got "CA"; must be ClusterIssuer or Issuer'
