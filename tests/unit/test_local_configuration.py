from __future__ import annotations

import tomllib
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509

from deploy.local import apiserver, build, cluster, manifests, mounts
from deploy.local import node as nodes
from deploy.local.addresses import AddressPlan
from deploy.local.node import Node
from deploy.local.pki import Authority, Pair
from deploy.local.state import StateError, StateFolder

PLAN = AddressPlan(0)


def node(number: int = 1, cluster: str = "keddah") -> Node:
    folder = Path(f"/state/{cluster}/nodes/node-{number}")
    return Node(cluster, number, folder, PLAN.node(number), PLAN.pod_range(number))


def test_containerd_writes_only_below_the_folder_of_its_node() -> None:
    configuration = tomllib.loads(nodes.containerd_configuration(node().folder))
    paths = [configuration["root"], configuration["state"], configuration["grpc"]["address"]]
    assert all(path.startswith(f"{node().folder}/") for path in paths)


def test_kubelets_have_a_control_group_and_an_address_of_their_own() -> None:
    pair = Pair(Path("c"), Path("k"))
    one, other = (
        nodes.kubelet_configuration(member, Path("ca"), pair, IPv4Address("10.64.0.1"))
        for member in (node(1), node(2))
    )
    assert one["cgroupRoot"] != other["cgroupRoot"]
    assert one["address"] != other["address"]


def test_a_kubelet_never_sets_kernel_parameters_of_the_machine() -> None:
    pair = Pair(Path("c"), Path("k"))
    configuration = nodes.kubelet_configuration(node(), Path("ca"), pair, PLAN.control_plane)
    assert configuration["protectKernelDefaults"]
    assert "vm/overcommit_memory" in mounts.KERNEL_PARAMETERS


def test_every_node_is_in_a_zone() -> None:
    assert [node(number).zone for number in (1, 2, 27)] == ["zone-a", "zone-b", "zone-a"]


def test_one_storage_class_is_the_default() -> None:
    classes = [one for one in manifests.cluster_objects() if one["kind"] == "StorageClass"]
    key = "storageclass.kubernetes.io/is-default-class"
    defaults = [one["metadata"]["name"] for one in classes if one["metadata"]["annotations"][key] == "true"]
    assert defaults == ["keddah-local"]


def test_the_provisioner_may_not_read_secrets() -> None:
    roles = [one for one in manifests.cluster_objects() if one["kind"] == "ClusterRole"]
    assert not any("secrets" in rule["resources"] for role in roles for rule in role["rules"])


def test_the_build_reports_the_version_it_is_of() -> None:
    flags = build.linker_flags("1.37.2")
    assert "-X k8s.io/component-base/version.gitVersion=v1.37.2" in flags
    assert "-X k8s.io/component-base/version.gitMinor=37" in flags


def test_another_compiler_or_another_module_is_another_build(tmp_path: Path) -> None:
    (tmp_path / "kubernetes").mkdir()
    (tmp_path / "kubernetes" / "go.mod").write_text("module kubernetes\n")
    first = build.build_key(tmp_path, "go1.26.1")
    assert build.build_key(tmp_path, "go1.26.2") != first
    (tmp_path / "kubernetes" / "go.sum").write_text("changed\n")
    assert build.build_key(tmp_path, "go1.26.1") != first


def test_certificates_carry_what_strict_verification_asks_for(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ca")
    leaf = authority.issue("server", "server", serves=("localhost", "127.0.0.1"))
    parsed = [x509.load_pem_x509_certificate(p.certificate.read_bytes()) for p in (authority.pair, leaf)]
    assert parsed[0].extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    subject_key = parsed[0].extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    issuer_key = parsed[1].extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert issuer_key.key_identifier == subject_key


def test_credentials_stay_the_same_when_asked_for_again(tmp_path: Path) -> None:
    place = apiserver.Place("127.0.0.1", 1, 2, 3, 4, 5, PLAN.services)
    first = apiserver.Credentials.create(tmp_path, place).administrator.certificate.read_bytes()
    assert apiserver.Credentials.create(tmp_path, place).administrator.certificate.read_bytes() == first


def test_keys_are_for_their_owner_only(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ca")
    file = authority.kubeconfig(tmp_path / "kubeconfig", "https://localhost", "jane")
    assert {path.stat().st_mode & 0o077 for path in (authority.pair.key, file)} == {0}


def test_a_cluster_has_its_folder_below_the_state_folder() -> None:
    assert StateFolder(Path("/state/keddah/blue")).name == "blue"


def test_a_cluster_asks_for_root_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(StateError, match="run it as root"):
        cluster.check_machine()


def test_a_machine_without_go_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(build.BuildError, match="install Go"):
        build.binaries(print)


def test_missing_programs_are_named_by_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(StateError, match=r"not installed: .*containerd, .*xfsprogs; apt-get install them"):
        cluster.check_machine()
