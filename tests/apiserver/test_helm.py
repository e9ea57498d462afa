"""The Helm chart by the real helm: the same objects as the other installations, and data that outlives it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from controller.kube.kinds import WEBHOOK_CONFIGURATIONS, CertificateMode
from deploy.generate.chart import KEPT
from deploy.local.build import HELM, binaries
from deploy.local.controlplane import DELETION, ControlPlane
from deploy.manifests import CHART, INSTALL, objects, overlay_files, write
from schemas.policy.policy import parse
from tests import factory
from tests.factory import POLICY
from tests.helm import Helm
from tests.kubectl import Kubectl
from tests.rest import Rest
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.rest import Object

CRD = ("CustomResourceDefinition", "postgresqldatabases.keddah.dev")
NAMESPACE = ("Namespace", "keddah-system")


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path_factory.mktemp("helm"), controllers=DELETION) as running:
        yield running


@pytest.fixture(scope="module")
def kubectl(plane: ControlPlane) -> Kubectl:
    return Kubectl(plane.programs / "kubectl", plane.kubeconfig)


@pytest.fixture(scope="module")
def helm(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    program = binaries(print, bundle=HELM) / "helm"
    return Helm(program, plane.kubeconfig, tmp_path_factory.mktemp("helms"))


@pytest.fixture
def rest(plane: ControlPlane) -> Iterator[Rest]:
    user = Rest(plane.kubeconfig)
    yield user
    user.close()


def charted(items: list[Object]) -> dict[tuple[str, str], Object]:
    """Return objects as the chart has them: without the namespace that Helm makes, and the CRD kept."""
    found = {(each["kind"], each["metadata"]["name"]): each for each in items}
    del found[NAMESPACE]
    metadata = found[CRD]["metadata"]
    metadata["annotations"] = metadata.get("annotations", {}) | KEPT
    return found


def kustomized(kubectl: Kubectl, folder: Path) -> list[Object]:
    return list(yaml.safe_load_all(kubectl.good("kustomize", str(folder))))


def test_the_chart_kustomize_and_make_deploy_yield_the_same_objects(
    helm: Helm, kubectl: Kubectl, tmp_path: Path
) -> None:
    write(tmp_path, overlay_files(tmp_path, registry="keddah.dev", tag="0.1.0"))
    rendered = helm.rendered()
    assert rendered == charted(kustomized(kubectl, INSTALL))
    assert rendered == charted(kustomized(kubectl, tmp_path))


def test_the_chart_has_the_other_mode_of_the_certificates_too(helm: Helm) -> None:
    rendered = helm.rendered("--set", "certificates=cert-manager")
    assert rendered == charted(list(objects(CertificateMode.CERT_MANAGER)))


def test_images_and_pull_secrets_reach_the_pods_and_the_policy(
    helm: Helm, kubectl: Kubectl, tmp_path: Path
) -> None:
    values = ["image.registry=registry.example", "image.tag=7", "imagePullSecrets[0].name=regcred"]
    rendered = helm.rendered(*(word for value in values for word in ("--set", value)))
    overlay = overlay_files(tmp_path, registry="registry.example", tag="7", pull_secret="regcred")
    write(tmp_path, overlay)
    deployed = charted(kustomized(kubectl, tmp_path))
    ours, theirs = (
        parse(each.pop(("ConfigMap", "keddah-policy"))["data"]["policy.yaml"])
        for each in (rendered, deployed)
    )
    assert ours == theirs
    assert rendered == deployed


def test_every_other_value_reaches_its_objects(helm: Helm, tmp_path: Path) -> None:
    values: dict[str, Any] = {
        "replicas": {"webhooks": 3},
        "policy": yaml.safe_load(POLICY),
        "resources": {"controller": {"limits": {"memory": "1Gi"}}},
        "extraLabels": {"team": "data", "cost-centre": "a-815"},
    }
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    rendered = helm.rendered("--values", str(file))
    deployment = rendered["Deployment", "keddah-webhooks"]
    assert deployment["spec"]["replicas"] == 3
    assert rendered["Deployment", "keddah-controller"]["spec"]["replicas"] == 2
    (container,) = rendered["Deployment", "keddah-controller"]["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"] == {"memory": "1Gi"}
    policy = parse(rendered["ConfigMap", "keddah-policy"]["data"]["policy.yaml"])
    assert policy == factory.policy()
    labelled = [each["metadata"].get("labels", {}) for key, each in rendered.items() if key != CRD]
    pods = [rendered["Deployment", f"keddah-{n}"]["spec"]["template"] for n in ("controller", "webhooks")]
    for labels in (*labelled, *(pod["metadata"]["labels"] for pod in pods)):
        assert labels.items() >= values["extraLabels"].items()


@pytest.mark.parametrize(
    "wrong", ["certificates=vault", "replicas.webhooks=0", "replica=2", "image.name=x", "image.tag=100000"]
)
def test_values_that_nobody_could_mean_are_refused(helm: Helm, wrong: str) -> None:
    done = helm("template", "keddah", str(CHART), "--set", wrong)
    assert done.code != 0
    assert "values" in done.err


def test_helm_finds_nothing_wrong_with_the_chart(helm: Helm) -> None:
    assert "0 chart(s) failed" in helm.good("lint", str(CHART))


def labels_of(rest: Rest) -> dict[str, str]:
    deployment = rest.get("Deployment", "keddah-system", "keddah-webhooks") or {}
    labels: dict[str, str] = deployment["metadata"]["labels"]
    return labels


def test_databases_and_their_definition_survive_the_release(helm: Helm, rest: Rest) -> None:
    helm.good("install", "keddah", str(CHART), "--create-namespace")
    helm.good("upgrade", "keddah", str(CHART), "--set", "extraLabels.team=data")
    assert labels_of(rest)["team"] == "data"
    helm.good("rollback", "keddah", "1")
    assert "team" not in labels_of(rest)
    for kind in WEBHOOK_CONFIGURATIONS:
        # Nobody serves them here, so the database was there before them.
        rest.delete(kind, None, "keddah").expect()
    until(lambda: rest.create(factory.submitted("orders", "default")).accepted)
    helm.good("uninstall", "keddah")
    assert rest.get("Deployment", "keddah-system", "keddah-webhooks") is None
    assert rest.get("ClusterRole", None, "keddah-controller") is None
    database = rest.get("PostgreSQLDatabase", "default", "orders")
    assert database is not None
    assert "deletionTimestamp" not in database["metadata"]
    # A release of the same name takes up the definition again.
    helm.good("install", "keddah", str(CHART))
    assert rest.get("PostgreSQLDatabase", "default", "orders") == database
