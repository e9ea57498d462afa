"""The Helm chart by the real helm: the same objects as the other installations, and data that outlives it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from controller.kube.kinds import WEBHOOK_CONFIGURATIONS, CertificateMode
from deploy.generate.chart import KEPT
from deploy.generate.policy import CATALOGUES
from deploy.local.build import HELM, binaries
from deploy.local.controlplane import DELETION, ControlPlane
from deploy.manifests import CHART, INSTALL, MONITORING, objects, overlay_files, write
from schemas.policy.extensions import available
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
ALL_OF_MONITORING = {
    ("PodMonitor", "keddah"),
    ("PodMonitor", "keddah-databases"),
    ("PrometheusRule", "keddah"),
    ("ConfigMap", "keddah-dashboard"),
}


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


def monitored() -> dict[tuple[str, str], Object]:
    files = [MONITORING / f"{name}.yaml" for name in ("pod-monitors", "prometheus-rule", "dashboard")]
    items = (item for file in files for item in yaml.safe_load_all(file.read_text()))
    return {(each["kind"], each["metadata"]["name"]): each for each in items}


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
        "logLevel": "debug",
        "logging": "Text",
        "env": {"controller": {"KEDDAH_CLUSTER_DOMAIN": "example.org"}},
        "webhookClients": {"configMap": "clients", "names": ["one", "two"]},
        "nodeSelector": {"disk": "fast"},
        "tolerations": [{"key": "infra", "operator": "Exists"}],
        "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": []}},
        "monitoring": {"podMonitor": True, "rules": True, "dashboard": True},
    }
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    rendered = helm.rendered("--values", str(file))
    deployment = rendered["Deployment", "keddah-webhooks"]
    assert deployment["spec"]["replicas"] == 3
    assert rendered["Deployment", "keddah-controller"]["spec"]["replicas"] == 2
    (container,) = rendered["Deployment", "keddah-controller"]["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"] == {"memory": "1Gi"}
    variables = {each["name"]: each.get("value") for each in container["env"]}
    assert variables["KEDDAH_CLUSTER_DOMAIN"] == "example.org"
    assert (variables["KEDDAH_LOG_LEVEL"], variables["KEDDAH_LOG_FORMAT"]) == ("debug", "Text")
    (server,) = deployment["spec"]["template"]["spec"]["containers"]
    variables = {each["name"]: each.get("value") for each in server["env"]}
    assert variables["KEDDAH_CLIENT_NAMES"] == "one,two"
    (mount,) = (each for each in server["volumeMounts"] if each["name"] == "clients")
    assert variables["KEDDAH_CLIENT_CA_FILE"] == f"{mount['mountPath']}/ca.crt"
    assert {"name": "clients", "configMap": {"name": "clients"}} in deployment["spec"]["template"]["spec"][
        "volumes"
    ]
    for value in ("nodeSelector", "tolerations", "affinity"):
        assert deployment["spec"]["template"]["spec"][value] == values[value]
    for kind, name in ALL_OF_MONITORING:
        item = monitored()[kind, name]
        item["metadata"]["labels"] |= values["extraLabels"]
        assert rendered[kind, name] == item
    policy = parse(rendered["ConfigMap", "keddah-policy"]["data"]["policy.yaml"])
    assert policy == factory.policy()
    labelled = [each["metadata"].get("labels", {}) for key, each in rendered.items() if key != CRD]
    pods = [rendered["Deployment", f"keddah-{n}"]["spec"]["template"] for n in ("controller", "webhooks")]
    for labels in (*labelled, *(pod["metadata"]["labels"] for pod in pods)):
        assert labels.items() >= values["extraLabels"].items()


def test_the_admission_server_listens_where_a_firewall_lets_the_api_server_through(helm: Helm) -> None:
    rendered = helm.rendered("--set", "webhookPort=10250")
    (container,) = rendered["Deployment", "keddah-webhooks"]["spec"]["template"]["spec"]["containers"]
    assert {"name": "KEDDAH_LISTEN", "value": ":10250"} in container["env"]
    assert {"name": "https", "containerPort": 10250, "protocol": "TCP"} in container["ports"]
    policy = rendered["NetworkPolicy", "keddah-webhooks"]["spec"]
    assert {"port": 10250, "protocol": "TCP"} in policy["ingress"][0]["ports"]
    assert rendered["Service", "keddah-webhooks"]["spec"]["ports"][0]["targetPort"] == "https"


@pytest.mark.parametrize(
    "wrong",
    [
        "certificates=vault",
        "replicas.webhooks=0",
        "replica=2",
        "image.name=x",
        "image.tag=100000",
        "env.webhooks.KEDDAH_TLS_DIR=/tmp",
        "env.webhooks.HOME=/tmp",
        "env.controller.KEDDAH_CLUSTER_DOMIAN=example.org",
        "extraLabels.app\\.kubernetes\\.io/component=other",
        "image.registry=registry.example/",
        "logLevel=loud",
        "watchedNamespaces[0]=No",
    ],
)
def test_values_that_nobody_could_mean_are_refused(helm: Helm, wrong: str) -> None:
    done = helm("template", "keddah", str(CHART), "--set", wrong)
    assert done.code != 0
    assert "values" in done.err


def test_with_a_list_of_namespaces_the_chart_has_their_roles_and_no_cluster_role(helm: Helm) -> None:
    names = ("team-a", "team-b")
    listed = [word for i, name in enumerate(names) for word in ("--set", f"watchedNamespaces[{i}]={name}")]
    printed = helm.good("template", "keddah", str(CHART), "--set", "certificates=cert-manager", *listed)
    made = [each for each in yaml.safe_load_all(printed) if each]
    said = list(objects(CertificateMode.CERT_MANAGER, names))

    def sorted_(items: list[Object]) -> list[Object]:
        found = [each for each in items if (each["kind"], each["metadata"]["name"]) not in (CRD, NAMESPACE)]
        return sorted(found, key=lambda each: str([each["kind"], each["metadata"]]))

    assert sorted_(made) == sorted_(said)
    assert not [each for each in made if each["kind"].startswith("ClusterRole")]


def test_in_some_namespaces_prometheus_looks_for_databases_in_these_only(
    helm: Helm, kubectl: Kubectl, tmp_path: Path
) -> None:
    chosen = ("certificates=cert-manager", "watchedNamespaces[0]=team-a", "monitoring.podMonitor=true")
    values = [word for value in (*chosen, "monitoring.rules=true") for word in ("--set", value)]
    printed = helm.good("template", "keddah", str(CHART), *values)
    made = {(each["kind"], each["metadata"]["name"]): each for each in yaml.safe_load_all(printed) if each}
    databases = made["PodMonitor", "keddah-databases"]["spec"]
    assert databases["namespaceSelector"] == {"matchNames": ["team-a"]}
    assert "--namespace keddah-system" in yaml.safe_dump(made["PrometheusRule", "keddah"])
    options: dict[str, Any] = {"certificates": "cert-manager", "namespaces": ("team-a",)}
    write(tmp_path, overlay_files(tmp_path, registry="keddah.dev", tag="0.1.0", monitored=True, **options))
    deployed = {(each["kind"], each["metadata"]["name"]): each for each in kustomized(kubectl, tmp_path)}
    assert deployed["PodMonitor", "keddah-databases"]["spec"] == databases


@pytest.mark.parametrize("docs", ["", "https://docs.example.com/keddah/"])
def test_make_deploy_and_the_chart_tell_prometheus_the_same(
    helm: Helm, kubectl: Kubectl, tmp_path: Path, docs: str
) -> None:
    write(tmp_path, overlay_files(tmp_path, registry="keddah.dev", tag="0.1.0", monitored=True, docs=docs))
    values = [f"monitoring.{name}=true" for name in ("podMonitor", "rules", "dashboard")]
    values.append(f"monitoring.docs={docs}")
    rendered = helm.rendered(*(word for value in values for word in ("--set", value)))
    assert rendered == charted(kustomized(kubectl, tmp_path))
    assert rendered.keys() >= ALL_OF_MONITORING


def test_a_list_of_namespaces_needs_cert_manager(helm: Helm) -> None:
    done = helm("template", "keddah", str(CHART), "--set", "watchedNamespaces[0]=team-a")
    assert done.code != 0
    assert "an installation for some namespaces needs certificates=cert-manager" in done.err


def test_entries_of_the_policy_take_the_place_of_the_usual_ones(helm: Helm) -> None:
    entry = ["--set", "policy.minorUpgrades.when=immediately", "--set", "policy.minorUpgrades.atOnce=5"]
    rendered = helm.rendered(*entry, "--set", "image.tag=7")
    made = parse(rendered["ConfigMap", "keddah-policy"]["data"]["policy.yaml"])
    usual = parse(helm.rendered("--set", "image.tag=7")["ConfigMap", "keddah-policy"]["data"]["policy.yaml"])
    assert made.minor_upgrades != usual.minor_upgrades
    assert made.catalogue == usual.catalogue
    assert made.replicas == usual.replicas


def test_the_larger_image_comes_with_what_it_has(helm: Helm) -> None:
    chosen = ["--set", "image.database=keddah-postgres-extensions", "--set", "policy.minorUpgrades.atOnce=5"]
    policies = [
        parse(helm.rendered(*values)["ConfigMap", "keddah-policy"]["data"]["policy.yaml"])
        for values in ([], chosen)
    ]
    found = [{each.image for each in policy.catalogue} for policy in policies]
    assert found == [{f"keddah.dev/{name}:0.1.0"} for name in CATALOGUES]
    assert ["postgis" not in (available(policy, "17") or {}) for policy in policies] == [True, False]
    assert helm("template", "keddah", str(CHART), "--set", "image.database=postgres").code != 0


def test_names_of_clients_whom_nobody_asks_for_a_certificate_are_refused(helm: Helm) -> None:
    done = helm("template", "keddah", str(CHART), "--set", "webhookClients.names[0]=one")
    assert done.code != 0
    assert "webhookClients.names without webhookClients.configMap" in done.err


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
