"""keddah in cert-manager mode on real nodes: whatever becomes of the certificates, no call fails."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

import pytest

from controller.certificates.certificate import split
from controller.certificates.webhooks import CA_SECRET, TLS_SECRET
from controller.kube.kinds import WEBHOOK_CONFIGURATIONS, CertificateMode
from deploy.generate.objects import CONTROLLER, NAMESPACE, WEBHOOKS
from deploy.manifests import objects
from tests.cert_manager import renew
from tests.clusters import POLL, Cluster
from tests.databases import Database
from tests.mounted import await_mounted, hasten, loaded, logs, pods
from tests.reinstallation import with_cert_manager
from tests.serving import Calls, entries, leaf, trusted
from tests.waiting import until

pytestmark = pytest.mark.own_cluster("cert-manager is a process beside the cluster, and no pod of it")

SHORT = {"duration": "10m", "renewBefore": "9m30s"}
"""Renewed every half minute, and valid for longer than a kubelet takes to mount the next one."""
ROUNDS = 3


@pytest.fixture(scope="module")
def managed(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Give the cluster with keddah in that mode; afterwards it makes its certificates itself again."""
    own = leaf(cluster.rest)
    with ExitStack() as installed:
        with Calls(cluster.rest, every=0.2) as calls:
            installed.enter_context(with_cert_manager(cluster, tmp_path_factory.mktemp("cert-manager")))
            renew(cluster.rest, WEBHOOKS)
            await_mounted(cluster, own)
        assert calls.failed == []
        yield cluster


def test_the_controller_has_no_right_on_webhook_configurations(managed: Cluster) -> None:
    account = f"--as=system:serviceaccount:{NAMESPACE}:{CONTROLLER}"
    for kind in WEBHOOK_CONFIGURATIONS:
        for verb in ("get", "list", "watch", "patch", "update", "delete"):
            asked = managed("auth", "can-i", verb, f"{kind.lower()}s.admissionregistration.k8s.io", account)
            assert asked.out.strip() == "no"
    environment = (managed.rest.get("Deployment", NAMESPACE, CONTROLLER) or {})["spec"]["template"]["spec"]
    told = {each["name"]: each.get("value") for each in environment["containers"][0]["env"]}
    assert told["KEDDAH_CERTIFICATES"] == "cert-manager"


@pytest.mark.minutes(2)
def test_certificates_are_renewed_every_half_minute_without_a_failed_call(managed: Cluster) -> None:
    (usual,) = (
        item
        for item in objects(CertificateMode.CERT_MANAGER)
        if (item["kind"], item["metadata"]["name"]) == ("Certificate", WEBHOOKS)
    )
    before = {pod: len(loaded(managed, pod)) for pod in pods(managed)}
    with Calls(managed.rest, every=0.1) as calls:
        managed.rest.apply({**usual, "spec": {**usual["spec"], **SHORT}}, manager="kubectl").expect()

        def each_served_with_many() -> bool:
            hasten(managed)
            return all(len(loaded(managed, pod)) >= before[pod] + ROUNDS for pod in pods(managed))

        until(each_served_with_many, 60 * ROUNDS, partial(logs, managed), poll=2.0)
        last = leaf(managed.rest)
        managed.rest.apply(usual, manager="kubectl").expect()
        await_mounted(managed, last)
    assert calls.failed == []


def test_a_deleted_secret_comes_back_and_costs_no_call(managed: Cluster) -> None:
    former = leaf(managed.rest)
    with Calls(managed.rest, every=0.1) as calls:
        managed.rest.delete("Secret", NAMESPACE, TLS_SECRET).expect()
        await_mounted(managed, former)
    assert calls.failed == []


def test_a_rotated_authority_and_then_a_renewed_certificate_cost_no_call(managed: Cluster) -> None:
    rest = managed.rest
    former, old = leaf(rest), entries(rest, TLS_SECRET)["ca.crt"]
    with Calls(rest, every=0.1) as calls:
        renew(rest, f"{WEBHOOKS}-ca")
        until(lambda: split(entries(rest, CA_SECRET).get("tls.crt", "")) not in ((), split(old)), 60)
        new = entries(rest, CA_SECRET)["tls.crt"]
        made = calls.made
        until(lambda: calls.made > made + 20, 60)
        # cert-manager leaves what is served alone, and its CA stays trusted.
        assert leaf(rest) == former
        assert trusted(rest, old)
        renew(rest, WEBHOOKS)
        await_mounted(managed, former)
    assert calls.failed == []
    assert split(entries(rest, TLS_SECRET)["ca.crt"]) == split(new)
    until(lambda: trusted(rest, new), 60, poll=POLL)


SHOWN = """
import socket, ssl
line = socket.create_connection(("localhost", 5432))
line.sendall(bytes([0, 0, 0, 8, 4, 210, 22, 47]))
assert line.recv(1) == b"S"
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
print(ssl.DER_cert_to_PEM_cert(context.wrap_socket(line).getpeercert(True)))
"""
"""Prints what PostgreSQL shows to a client (Frontend/Backend Protocol, SSL Session Encryption)."""
VERIFIED = """PGPASSWORD=$(cat /etc/keddah/app/password) psql -XAtc 'SELECT 1' \
"host=$0 user=app dbname=app sslmode=verify-full sslrootcert=/etc/keddah/app/ca.crt" """
STARTED = "SELECT pg_postmaster_start_time()"


def everywhere_shown(database: Database) -> set[str]:
    command = ("/opt/patroni/bin/python", "-c", SHOWN)
    return {database.execute(pod, *command).out.strip() for pod in database.pod_names()}


def offered(database: Database) -> str:
    """Give what the issuer has signed newest."""
    data = (database.cluster.rest.get("Secret", database.namespace, f"{database.name}-server") or {}).get(
        "data"
    )
    text = base64.b64decode((data or {}).get("tls.crt", "")).decode()
    return split(text)[0].strip() if text else ""


@pytest.mark.minutes(3)
def test_an_issuers_certificate_is_shown_to_clients_and_renewed_without_a_restart(
    managed: Cluster, database: Database
) -> None:
    api, namespace = "cert-manager.io/v1", database.namespace
    rooted = {"isCA": True, "commonName": "x", "secretName": "corporate", "issuerRef": {"name": "self"}}
    for kind, name, spec in (
        ("Issuer", "self", {"selfSigned": {}}),
        ("Certificate", "corporate", rooted),
        ("Issuer", "corporate", {"ca": {"secretName": "corporate"}}),
    ):
        metadata = {"name": name, "namespace": namespace}
        managed.rest.create({"apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec}).expect()
    database.apply(replicas=2).expect()
    database.settled()
    uids = database.uids()
    database.change(tls={"issuerRef": {"name": "corporate"}})
    database.until_pods(
        lambda pods: not uids.items() & {(p["metadata"]["name"], p["metadata"]["uid"]) for p in pods}, 240
    )
    database.settled()

    def shown() -> bool:
        return everywhere_shown(database) == {offered(database)}

    until(shown, 240, database.story, POLL)
    started = database.everywhere(STARTED)
    host = f"{database.name}-ro.{namespace}.svc"
    done = database.execute(database.primary(), "sh", "-c", VERIFIED, host)
    assert done.out.strip() == "1", done.err
    before = offered(database)
    renew(managed.rest, f"{database.name}-server", namespace)
    until(lambda: offered(database) not in ("", before), 60, database.story, POLL)
    until(shown, 300, database.story, POLL)
    assert database.everywhere(STARTED) == started
    # The standby verifies whoever is primary, by what it shows now.
    database.switch_over(database.standbys()[0])
    secure = "SELECT bool_and(ssl) FROM pg_stat_replication JOIN pg_stat_ssl USING (pid)"
    assert database.superuser(database.primary(), secure) == "t"
