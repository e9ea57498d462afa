"""A whole cluster: its programs and its nodes. See `bringup`, `takedown` and `faults`."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from deploy.local import apiserver, cgroups, images, manifests, mounts, network
from deploy.local import node as nodes
from deploy.local.addresses import AddressPlan
from deploy.local.kube import Client
from deploy.local.node import Node, node_name
from deploy.local.processes import NotReadyError, Processes, Program, wait_until
from deploy.local.state import (
    Record,
    StateError,
    StateFolder,
    write_atomically,
    write_if_changed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CONTROL_PLANE = "control-plane"
_READY_SECONDS = 120.0
_NEEDED = {
    "containerd": "containerd",
    "conntrack": "conntrack",
    "gcc": "gcc",
    "ip": "iproute2",
    "iptables": "iptables",
    "losetup": "mount",
    "mkfs.xfs": "xfsprogs",
    "nsenter": "util-linux",
    "runc": "runc",
    "xfs_growfs": "xfsprogs",
}


def check_machine() -> None:
    """Check the requirements on the machine. Raises StateError, which names everything that is missing."""
    if os.geteuid() != 0:
        raise StateError("a local cluster makes namespaces and mounts: run it as root")
    packages = {package for program, package in _NEEDED.items() if not shutil.which(program)}
    if not Path(nodes.CNI_PROGRAMS, "ptp").exists():
        packages.add("containernetworking-plugins")
    if packages:
        raise StateError(f"not installed: {', '.join(sorted(packages))}; apt-get install them")


class Cluster:
    """One cluster, by its state folder."""

    def __init__(self, state: StateFolder, record: Record, programs: Path) -> None:
        self.state = state
        self.plan = AddressPlan(record.index)
        self.processes = Processes(state.pids, state.logs)
        self._binaries = programs
        address = str(self.plan.control_plane)
        self._place = apiserver.Place(address, 6443, 2379, 2380, 10257, 10259, self.plan.services)
        self._credentials = apiserver.Credentials.create(state.pki, self._place)
        pair = self._credentials.administrator
        self.client = Client(address, self._place.port, state.pki / "ca.crt", pair)
        self._count = record.nodes

    @property
    def nodes(self) -> list[Node]:
        """The nodes of the cluster."""
        return [self._node(number) for number in range(1, self._count + 1)]

    def _node(self, number: int) -> Node:
        folder = self.state.node(node_name(number))
        return Node(self.state.name, number, folder, self.plan.node(number), self.plan.pod_range(number))

    @property
    def _namespace(self) -> str:
        return network.namespace(self.state.name, CONTROL_PLANE)

    def _user(self, file: str, user: str) -> Path:
        """Return the kubeconfig of one of the components."""
        return self._credentials.authority.kubeconfig(
            self.state.pki / f"{file}.kubeconfig", self._place.url, user
        )

    def start_control_plane(self) -> None:
        """Start etcd and the API server, which may not be ready yet when this returns."""
        network.create_control_plane(self._namespace, self.plan)
        groups = (apiserver.ADMINISTRATORS,)
        url, name = self._place.url, f"keddah-{self.state.name}"
        authority = self._credentials.authority
        authority.kubeconfig(self.state.kubeconfig, url, "administrator", groups=groups, context=name)
        place, credentials = self._place, self._credentials
        self._ensure(apiserver.etcd(self._binaries, place, self.state.path / "etcd"))
        self._ensure(apiserver.api_server(self._binaries, place, credentials))

    def start_controllers(self) -> None:
        """Wait for the API, apply the manifests, and start the components that use it."""
        wait_until(self._api_ready, f"the API server, see {self.state.logs}", _READY_SECONDS)
        pki, place, credentials = self.state.pki, self._place, self._credentials
        self._ensure(apiserver.controller_manager(self._binaries, place, credentials, pki))
        self._ensure(apiserver.scheduler(self._binaries, place, credentials, pki))
        for document in (*manifests.cluster_objects(), *map(manifests.node, self.nodes)):
            self.client.apply(document)
        for program in (self._coredns(), self._provisioner()):
            self._ensure(program)
        self.start_proxy()

    def start_proxy(self) -> None:
        """Start the control plane's kube-proxy unless it runs: it ends when its node is deleted."""
        self._ensure(self._proxy())

    def _coredns(self) -> Program:
        file = self.state.path / "Corefile"
        access = self._user("coredns", manifests.COREDNS_USER)
        write_if_changed(file, manifests.corefile(self.plan.control_plane, access))
        return Program("coredns", (str(self._binaries / "coredns"), "-conf", str(file)))

    def _provisioner(self) -> Program:
        self._credentials.authority.issue("provisioner", manifests.PROVISIONER_USER)
        module = ("-m", "deploy.local.provisioner")
        where = (str(self.state.path), self._place.address, str(self._place.port))
        checkout = str(Path(__file__).parents[2])
        return Program("provisioner", (sys.executable, *module, *where), {"PYTHONPATH": checkout})

    def _proxy(self) -> Program:
        """Return the control plane's own kube-proxy: Services for the API server's webhooks and the host."""
        access = self._user("kube-proxy", "system:kube-proxy")
        file = self.state.path / "kube-proxy.yaml"
        # Its node must exist, or it waits for it for half a minute.
        configuration = nodes.proxy_configuration(access, self.plan.pods, node_name(1))
        write_if_changed(file, yaml.safe_dump(configuration, sort_keys=False))
        return Program("kube-proxy", (str(self._binaries / "kube-proxy"), f"--config={file}"))

    def _ensure(self, program: Program) -> None:
        self.processes.ensure(program.within(*network.entering(self._namespace)))

    def _api_ready(self) -> bool:
        for name in ("etcd", "kube-apiserver"):
            if self.processes.pid(name) is None:
                raise NotReadyError(f"{name} ended:\n{self.processes.tail(name)}")
        return self.client.healthy("/readyz")

    def start_containerd(self, node: Node, template: Path) -> None:
        """Make the node's namespaces and files, and start its containerd with the template's images."""
        network.create_node(self._namespace, node.namespace, node.name, node.number, self.plan, self._count)
        cgroups.create(cgroups.name(node.cluster, node.name))
        authority = self._credentials.authority
        nodes.write(node, authority, self._place.url, self.plan.control_plane, self.plan.pods)
        mount_namespace = mounts.create(self.state, node.name)
        root = node.folder / "containerd"
        if not root.exists():
            unfinished = node.folder / "containerd.new"
            shutil.rmtree(unfinished, ignore_errors=True)
            images.clone(template, unfinished)
            unfinished.rename(root)
        self.processes.ensure(nodes.containerd(node, mount_namespace))

    def start_kubelet(self, node: Node) -> None:
        """Start the kubelet and kube-proxy of a node; return when the kubelet serves. Raises NotReadyError.

        A kubelet ends unless containerd's CRI plugin is initialized, which containerd tells nobody of in
        advance: it is started again, as systemd would.
        """
        mount_namespace = self.state.namespaces / node.name
        self.processes.ensure(nodes.kube_proxy(node, mount_namespace, self._binaries))
        kubelet = nodes.kubelet(node, mount_namespace, self._binaries)
        log = self.processes.log(kubelet.name)
        wait_until(
            lambda: self._serves(kubelet, node), f"the kubelet of {node.name}, see {log}", _READY_SECONDS
        )

    def _serves(self, kubelet: Program, node: Node) -> bool:
        self.processes.ensure(kubelet)
        try:
            socket.create_connection((str(node.address), nodes.KUBELET_PORT), timeout=1).close()
        except OSError:
            return False
        return True

    def ready_nodes(self) -> set[str]:
        """Return the names of the nodes whose condition Ready is True."""
        items = self.client.call("GET", "/api/v1/nodes")["items"]
        return {item["metadata"]["name"] for item in items if _is_ready(item.get("status", {}))}

    def wait_for_nodes(self) -> None:
        """Return when every node is Ready. Raises NotReadyError."""
        wanted = {node.name for node in self.nodes}
        wait_until(
            lambda: wanted <= self.ready_nodes(), f"nodes Ready, see {self.state.logs}", _READY_SECONDS
        )

    def import_missing(self, node: Node, archives: Sequence[Path]) -> int:
        """Import the archives that the node lacks, and return their number."""
        missing = [archive for archive in archives if images.archive_identity(archive) not in _images(node)]
        if missing:
            wait_until(lambda: images.answers(node.socket), f"containerd of {node.name}", _READY_SECONDS)
        for archive in missing:
            images.import_archive(node.socket, archive)
            remember_images(node, [archive])
        return len(missing)


def _is_ready(status: dict[str, list[dict[str, str]]]) -> bool:
    conditions = status.get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _images(node: Node) -> set[str]:
    file = node.folder / "images.json"
    return set(json.loads(file.read_text())) if file.exists() else set()


def remember_images(node: Node, archives: Sequence[Path]) -> None:
    """Record that the node has the images of these archives."""
    known = _images(node) | {images.archive_identity(archive) for archive in archives}
    write_atomically(node.folder / "images.json", json.dumps(sorted(known)))


def elapsed_printer() -> Callable[[str], None]:
    """Return a function that prints a line on standard error, prefixed with the seconds since this call."""
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:6.1f} s] {text}", file=sys.stderr, flush=True)

    return say
