"""The installation as people do it, against an API server of its own: its webhooks have nobody to call."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime
from operator import itemgetter
from secrets import token_bytes
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from controller.certificates.keys import DatabaseKeys
from controller.certificates.pki import issue_server
from controller.desired import instances
from controller.desired.secrets import secrets, server_names
from controller.kube.kinds import CertificateMode
from deploy.generate.document import documents
from deploy.local.build import binaries
from deploy.local.controlplane import ControlPlane
from deploy.manifests import CERT_MANAGER, INSTALL, objects, overlay_files, write
from tests.factory import typed_database
from tests.kubectl import Kubectl, Output

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    # Children without their database are tried here: a garbage collector would take them away.
    with ControlPlane(tmp_path_factory.mktemp("install"), controllers=["namespace-controller"]) as running:
        yield running


@pytest.fixture(scope="module")
def kubectl(bare: ControlPlane) -> Kubectl:
    return Kubectl(binaries(print) / "kubectl", bare.kubeconfig)


@pytest.fixture(scope="module")
def installed(kubectl: Kubectl) -> Kubectl:
    accept(kubectl("apply", "--server-side", "-k", str(INSTALL)))
    return kubectl


def apply(kubectl: Kubectl, items: tuple[dict[str, Any], ...], *options: str) -> None:
    accept(kubectl("apply", "--server-side", *options, "-f", "-", stdin=documents(items)))


def accept(done: Output) -> None:
    """Ask for success without a warning; kubectl's own remarks, as on a slow answer, are none."""
    assert done.code == 0, done.err
    assert "Warning:" not in done.err


def test_everything_installs_in_one_go_without_a_warning(installed: Kubectl) -> None:
    found = json.loads(installed.good("get", "deployments", "-n", "keddah-system", "-o", "json"))
    names = [item["metadata"]["name"] for item in found["items"]]
    assert names == ["keddah-controller", "keddah-webhooks"]


def test_installing_again_changes_nothing_and_keeps_the_ca_bundle(installed: Kubectl) -> None:
    configuration = "validatingwebhookconfiguration/keddah"
    patch = [{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": "Y2E="}]
    installed.good("patch", configuration, "--type=json", "-p", json.dumps(patch))
    before = json.loads(installed.good("get", configuration, "-o", "json"))
    installed.good("apply", "--server-side", "-k", str(INSTALL))
    after = json.loads(installed.good("get", configuration, "-o", "json"))
    assert after["webhooks"][0]["clientConfig"]["caBundle"] == "Y2E="
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


def test_a_policy_that_was_edited_stays_at_an_upgrade_and_is_told_of_until_it_is_in_the_overlay(
    installed: Kubectl, tmp_path: Path
) -> None:
    policy = ("configmap/keddah-policy", "-n", "keddah-system")
    edited = json.loads(installed.good("get", *policy, "-o", "json"))["data"]["policy.yaml"]
    edited = edited.replace("atOnce: 1", "atOnce: 7")
    patch = json.dumps({"data": {"policy.yaml": edited}})
    installed.good("patch", *policy, "--field-manager=kubectl-edit", "--type=merge", "-p", patch)
    changes, overlay = tmp_path / "changes.yaml", tmp_path / "overlay"
    changes.write_text("minorUpgrades: {when: immediately, atOnce: 7}\n")
    write(overlay, overlay_files(overlay, registry="registry.example", tag="2", changes=changes))
    applied = installed("apply", "--server-side", "-k", str(overlay))
    assert applied.code == 1
    assert 'conflict with "kubectl-edit"' in applied.err
    images = installed.good("get", "deployments", "-n", "keddah-system", "-o", "jsonpath={..image}")
    assert set(images.split()) == {"registry.example/keddah-operator:2"}
    assert installed.good("get", *policy, "-o", "jsonpath={.data}").count("keddah-postgres:0.1.0")
    installed.good("apply", "--server-side", "--force-conflicts", "-k", str(overlay))
    told = installed.good("get", *policy, "-o", "jsonpath={.data}")
    assert "keddah-postgres:2" in told
    assert "atOnce: 7" in told
    accept(installed("apply", "--server-side", "-k", str(overlay)))
    installed.good("apply", "--server-side", "-k", str(INSTALL))


def test_an_overlay_for_a_registry_installs(installed: Kubectl, tmp_path: Path) -> None:
    write(tmp_path, overlay_files(tmp_path, registry="registry.example", tag="7", catalogue=None))
    printed = installed.good("apply", "--server-side", "--dry-run=server", "-k", str(tmp_path), "-o", "yaml")
    items = yaml.safe_load(printed)["items"]
    deployments = [item for item in items if item["kind"] == "Deployment"]
    images = {d["spec"]["template"]["spec"]["containers"][0]["image"] for d in deployments}
    assert images == {"registry.example/keddah-operator:7"}


def test_an_overlay_for_a_private_registry_gives_every_pod_its_secret(
    installed: Kubectl, tmp_path: Path
) -> None:
    write(tmp_path, overlay_files(tmp_path, registry="registry.example", tag="7", pull_secret="regcred"))
    printed = installed.good("apply", "--server-side", "--dry-run=server", "-k", str(tmp_path), "-o", "yaml")
    items = yaml.safe_load(printed)["items"]
    pods = [item["spec"]["template"]["spec"] for item in items if item["kind"] == "Deployment"]
    assert [pod["imagePullSecrets"] for pod in pods] == [[{"name": "regcred"}]] * 2
    (policy,) = (i for i in items if i["metadata"]["name"] == "keddah-policy")
    assert "imagePullSecrets:\n- name: regcred\n" in policy["data"]["policy.yaml"]


@pytest.mark.parametrize(
    ("mode", "folder"), [(CertificateMode.KEDDAH, INSTALL), (CertificateMode.CERT_MANAGER, CERT_MANAGER)]
)
def test_kustomize_makes_what_the_code_says(kubectl: Kubectl, mode: CertificateMode, folder: Path) -> None:
    made, said = list(yaml.safe_load_all(kubectl.good("kustomize", str(folder)))), objects(mode)
    for item in (*made, *said):
        if item["kind"] == "Deployment":
            # kustomize begins with the variables of a patch; none of them refers to another.
            item["spec"]["template"]["spec"]["containers"][0]["env"].sort(key=itemgetter("name"))
    found = {(item["kind"], item["metadata"]["name"]): item for item in made}
    assert len(found) == len(made) == len(said)
    for item in said:
        assert found[item["kind"], item["metadata"]["name"]] == item


def test_an_overlay_for_a_registry_has_cert_managers_certificates(kubectl: Kubectl, tmp_path: Path) -> None:
    mode = CertificateMode.CERT_MANAGER
    write(tmp_path, overlay_files(tmp_path, registry="registry.example", tag="7", certificates=mode))
    made = list(yaml.safe_load_all(kubectl.good("kustomize", str(tmp_path))))
    assert {item["kind"] for item in made} >= {"Issuer", "Certificate"}
    pods = [item["spec"]["template"]["spec"] for item in made if item["kind"] == "Deployment"]
    assert {pod["containers"][0]["image"] for pod in pods} == {"registry.example/keddah-operator:7"}


def test_the_operators_pods_are_admitted_where_restricted_is_enforced(installed: Kubectl) -> None:
    for deployment in (item for item in objects() if item["kind"] == "Deployment"):
        apply(installed, (as_pod(deployment, "keddah-system"),), "--dry-run=server")


def test_every_child_is_accepted_where_restricted_is_enforced(installed: Kubectl) -> None:
    installed.good("create", "namespace", "shop")
    installed.good("label", "namespace", "shop", RESTRICTED, "pod-security.kubernetes.io/warn=restricted")
    db = typed_database(replicas=3, template={"nodeSelector": {"disk": "ssd"}})
    now = datetime.now(tz=UTC)
    keys = DatabaseKeys.generate("orders", now=now, entropy=token_bytes)
    hosts = server_names(db, "cluster.local")
    pair = issue_server(keys.authority, hosts, now=now, entropy=token_bytes, client_too=True)
    children = (
        *secrets(db, keys, pair),
        *instances.children(db, "postgres", instances=3, operator_namespace="keddah-system"),
    )
    apply(installed, children)
    apply(installed, (as_pod(children[-1], "shop"),), "--dry-run=server")


def test_undeploy_leaves_databases_and_their_definition(installed: Kubectl, bare: ControlPlane) -> None:
    # Nobody serves the webhooks here, so the database was there before them.
    installed.good("delete", "mutatingwebhookconfiguration,validatingwebhookconfiguration", "keddah")
    database = {
        "apiVersion": "keddah.dev/v1alpha1",
        "kind": "PostgreSQLDatabase",
        "metadata": {"name": "orders", "namespace": "default"},
    }
    apply(installed, (database,))
    program = f"{bare.programs / 'kubectl'} --kubeconfig {bare.kubeconfig}"
    told = subprocess.run(
        ["make", "undeploy", f"KUBECTL={program}"],
        check=True,
        cwd=INSTALL.parents[1],
        env={**os.environ, "HOME": str(bare.folder)},
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    assert "Databases go on running" in told
    assert "orders" in told
    assert installed("get", "namespace", "keddah-system").code != 0
    assert installed("get", "clusterrole", "keddah-controller").code != 0
    assert "orders" in installed.good("get", "postgresqldatabases")


def as_pod(workload: dict[str, Any], namespace: str) -> dict[str, Any]:
    """Return the pod that a workload would make; a claim's volume is no question of admission."""
    template = workload["spec"]["template"]
    spec = dict(template["spec"])
    claims = [c["metadata"]["name"] for c in workload["spec"].get("volumeClaimTemplates", [])]
    spec["volumes"] = [*spec["volumes"], *({"name": name, "emptyDir": {}} for name in claims)]
    metadata = {**template["metadata"], "name": "one", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
