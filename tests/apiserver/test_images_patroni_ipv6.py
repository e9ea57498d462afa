"""The image's Patroni and PostgreSQL on IPv6: two members, with keddah's own configuration."""

from __future__ import annotations

import json
import secrets
import shutil
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from controller.certificates.keys import DatabaseKeys
from controller.certificates.pki import issue_server
from controller.desired import labels
from controller.desired.instances.account import account
from controller.desired.instances.patroni import configuration, data_directory, static
from controller.desired.secrets import server_names
from controller.patroni import Patroni
from tests import factory
from tests.backup_machine import Machine, image_root
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deploy.local.controlplane import ControlPlane
    from schemas.api.types import PostgreSQLDatabase
    from tests.rest import Rest

pytestmark = [
    pytest.mark.minutes(1),
    pytest.mark.skipif(not shutil.which("unshare"), reason="programs of the image need namespaces"),
]

ADDRESS = "::1"
KEYS = DatabaseKeys.generate("orders", now=datetime.now(UTC), entropy=secrets.token_bytes)


@dataclass
class Member:
    """An instance without Kubernetes' kubelet: its pod is an object only."""

    name: str
    machine: Machine
    postgresql: int
    api: int

    def status(self, rest: Rest, namespace: str) -> dict[str, Any]:
        """Read what Patroni has written to the pod."""
        pod = rest.get("Pod", namespace, self.name) or {"metadata": {}}
        said: dict[str, Any] = json.loads((pod["metadata"].get("annotations") or {}).get("status", "{}"))
        return said

    def client(self) -> Patroni:
        """Give the controller's client of this member."""
        return Patroni(now=lambda: datetime.now(UTC), entropy=secrets.token_bytes, port=self.api)

    def sql(self, statement: str) -> str:
        """Run a statement as an application does: by TLS and a password, at this address."""
        self.machine.environment["PGPASSWORD"] = KEYS.password("app")
        where = f"host={ADDRESS} port={self.postgresql} user=app dbname=app sslmode=verify-ca"
        trust = "sslrootcert=/etc/keddah/tls/ca.crt"
        return self.machine.must("psql", "-XAtc", statement, f"{where} {trust}").strip()


def free_port() -> int:
    with socket.socket(socket.AF_INET6) as line:
        line.bind((ADDRESS, 0))
        return int(line.getsockname()[1])


@pytest.fixture
def declared(rest: Rest, unguarded: str) -> PostgreSQLDatabase:
    """Give a database whose ConfigMap, account and pods are there, and nothing that would run them."""
    db = factory.typed_database("orders", unguarded, replicas=2, backupSchedule="")
    pod_labels = labels.common("orders") | labels.patroni("orders")
    for manifest in (configuration(db, instances=2, members=2), *account(db, maximum=2)):
        manifest["metadata"].pop("ownerReferences", None)
        rest.apply(manifest).expect()
    for number in range(2):
        metadata = {"name": f"orders-{number}", "namespace": unguarded, "labels": pod_labels}
        spec = {"containers": [{"name": "postgres", "image": "none"}], "serviceAccountName": "orders-patroni"}
        rest.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}).expect()
    return db


@pytest.fixture
def members(
    plane: ControlPlane, rest: Rest, declared: PostgreSQLDatabase, tmp_path: Path
) -> Iterator[list[Member]]:
    """Give both members, running; they are killed afterwards, as when their containers end."""
    root = image_root()
    tmp_path.chmod(0o755)
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    where = f"/api/v1/namespaces/{declared.metadata.namespace}/serviceaccounts/orders-patroni/token"
    token = rest.send("POST", where, request).expect()["status"]["token"]
    found = []
    with ExitStack() as running:
        for number in range(2):
            member = made(declared, f"orders-{number}", root, tmp_path / str(number), plane, token)
            running.enter_context(
                member.machine.killed("keddah-log", "keddah-patroni", "/etc/keddah/patroni.yml")
            )
            found.append(member)
        yield found


def made(
    db: PostgreSQLDatabase, name: str, root: Path, folder: Path, plane: ControlPlane, token: str
) -> Member:
    folder.mkdir()
    member = Member(name, Machine(root, folder), free_port(), free_port())
    machine, document = member.machine, yaml.safe_load(static(db))
    # Both are on one machine, so each has ports of its own; the rest is as in a pod.
    document["postgresql"]["listen"] = f"*:{member.postgresql}"
    document["restapi"]["listen"] = f"*:{member.api}"
    document["kubernetes"]["context"] = "test"
    machine.mount("patroni.yml", yaml.safe_dump(document))
    pair = issue_server(
        KEYS.authority,
        server_names(db, "cluster.local"),
        now=datetime.now(UTC),
        entropy=secrets.token_bytes,
        client_too=True,
    )
    for file, content in (("tls.crt", pair.crt), ("tls.key", pair.key), ("ca.crt", KEYS.trusted)):
        machine.mount(f"tls/{file}", content)
    for file, content in (("username", "app"), ("dbname", "app"), ("password", KEYS.password("app"))):
        machine.mount(f"app/{file}", content)
    machine.mount("kube-ca.crt", plane.authority.read_text())
    kubeconfig = machine.path("tmp", ".kube", "config")
    kubeconfig.parent.mkdir()
    kubeconfig.write_text(
        yaml.safe_dump(
            {
                "current-context": "test",
                "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
                "clusters": [
                    {
                        "name": "test",
                        "cluster": {"server": plane.url, "certificate-authority": "/etc/keddah/kube-ca.crt"},
                    }
                ],
                "users": [{"name": "test", "user": {"token": token}}],
            }
        )
    )
    machine.environment = {
        "HOME": "/tmp",  # noqa: S108 - the pod's own
        "PATRONI_NAME": name,
        "PATRONI_KUBERNETES_NAMESPACE": db.metadata.namespace,
        "PATRONI_KUBERNETES_POD_IP": ADDRESS,
        # As the pod's environment has it, in which no address has brackets.
        "PATRONI_POSTGRESQL_CONNECT_ADDRESS": f"{ADDRESS}:{member.postgresql}",
        "PATRONI_RESTAPI_CONNECT_ADDRESS": f"{ADDRESS}:{member.api}",
        "PATRONI_SUPERUSER_PASSWORD": KEYS.password("superuser"),
        "PATRONI_REPLICATION_PASSWORD": KEYS.password("replication"),
        "PATRONI_REWIND_PASSWORD": KEYS.password("replication"),
    }
    return member


async def test_members_find_each_other_replicate_and_switch_over_on_ipv6(
    rest: Rest, declared: PostgreSQLDatabase, members: list[Member]
) -> None:
    namespace = declared.metadata.namespace

    def logs() -> str:
        return "\n".join(member.machine.path("log").read_text()[-3000:] for member in members)

    def statuses() -> list[dict[str, Any]]:
        return [member.status(rest, namespace) for member in members]

    def streaming() -> bool:
        return sorted(each.get("replication_state", "") for each in statuses()) == ["", "streaming"] and all(
            each.get("state") == "running" for each in statuses()
        )

    until(streaming, 90, logs)
    for member, said in zip(members, statuses(), strict=True):
        assert said["conn_url"] == f"postgres://[{ADDRESS}]:{member.postgresql}/postgres"
        assert said["api_url"] == f"https://[{ADDRESS}]:{member.api}/patroni"
        told = await member.client().member(ADDRESS)
        assert told is not None
        assert told["state"] == "running"
    roles = [each["role"] for each in statuses()]
    primary, standby = sorted(members, key=lambda each: roles[members.index(each)] != "primary")
    primary.sql("CREATE TABLE kept AS SELECT generate_series(1, 100) AS n")
    until(lambda: standby.sql("SELECT count(*) FROM pg_tables WHERE tablename = 'kept'") == "1", 20, logs)
    sync = "orders-sync"
    until(
        lambda: (
            standby.name
            in (
                (rest.get("ConfigMap", namespace, sync) or {})["metadata"]["annotations"].get("sync_standby")
                or ""
            )
        ),
        30,
        logs,
    )
    answer = await standby.client().switchover(ADDRESS, primary.name, None, KEYS)
    assert answer.accepted, (answer, logs())
    until(lambda: standby.status(rest, namespace).get("role") == "primary" and streaming(), 60, logs)
    assert standby.sql("SELECT count(*) FROM kept") == "100"
    for member in members:
        lines = [json.loads(line) for line in member.machine.path("log").read_text().splitlines()]
        assert {line["instance"] for line in lines} == {member.name}
        assert {line["database"] for line in lines} == {f"{namespace}/orders"}
        assert {"postgres", "patroni"} <= {line["logger"].partition(".")[0] for line in lines}
    assert (
        members[0].machine.path("volume") / data_directory(declared).removeprefix("/var/lib/postgresql/")
    ).is_dir()
