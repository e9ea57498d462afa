"""One node: the configuration and the programs of its containerd, kubelet and kube-proxy."""

from __future__ import annotations

import json
from dataclasses import dataclass
from string import Template
from typing import TYPE_CHECKING

import yaml

from deploy.local import cgroups, network
from deploy.local.processes import Program
from deploy.local.state import write_if_changed

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv4Network
    from pathlib import Path

    from deploy.local.kube import Object
    from deploy.local.pki import Authority, Pair

PAUSE_IMAGE = "keddah.local/pause:1"
CNI_PROGRAMS = "/usr/lib/cni"
KUBELET_PORT = 10250

_CONTAINERD = Template("""\
version = 2
root = "$folder/containerd"
state = "$folder/containerd-state"
# The first would create /opt/containerd on the machine; the others need file systems that are missing.
disabled_plugins = [
  "io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
]

[grpc]
address = "$folder/containerd.sock"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "$pause"
disable_apparmor = true
disable_hugetlb_controller = true
tolerate_missing_hugetlb_controller = true
# Without CAP_SYS_RESOURCE, as inside most sandboxes, runc may not lower the score of a container.
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "$cni"
conf_dir = "$folder/cni"
""")


@dataclass(frozen=True)
class Node:
    """The parameters in which nodes differ."""

    cluster: str
    number: int
    folder: Path
    address: IPv4Address
    pods: IPv4Network

    @property
    def name(self) -> str:
        """The node's name in the API."""
        return node_name(self.number)

    @property
    def namespace(self) -> str:
        """Its network namespace."""
        return network.namespace(self.cluster, self.name)

    @property
    def socket(self) -> Path:
        """Where its containerd listens."""
        return self.folder / "containerd.sock"

    @property
    def zone(self) -> str:
        """Its zone: zone-a for the first node, and so on, up to the end of the alphabet."""
        return f"zone-{chr(ord('a') + (self.number - 1) % 26)}"


def node_name(number: int) -> str:
    """Return a node's name."""
    return f"node-{number}"


def containerd_configuration(folder: Path) -> str:
    """Return the TOML of a containerd whose files are all in this folder."""
    return _CONTAINERD.substitute(folder=folder, pause=PAUSE_IMAGE, cni=CNI_PROGRAMS)


def pod_network(node: Node) -> Object:
    """Return the CNI configuration: each pod on a link of its own to the node, which routes.

    Not a bridge: two pods on one would speak past the node's rules for Services unless the kernel module
    br_netfilter is loaded.
    """
    addresses = {
        "type": "host-local",
        "dataDir": str(node.folder / "pod-addresses"),
        "ranges": [[{"subnet": str(node.pods)}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    return {
        "cniVersion": "1.0.0",
        "name": "keddah",
        "plugins": [
            {"type": "ptp", "ipMasq": False, "ipam": addresses},
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }


def kubelet_configuration(node: Node, authority: Path, serving: Pair, dns: IPv4Address) -> Object:
    """Return the kubelet's configuration."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": str(node.address),
        "port": KUBELET_PORT,
        "authentication": {"x509": {"clientCAFile": str(authority)}, "webhook": {"enabled": True}},
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(serving.certificate),
        "tlsPrivateKeyFile": str(serving.key),
        "containerRuntimeEndpoint": f"unix://{node.socket}",
        "clusterDomain": "cluster.local",
        "clusterDNS": [str(dns)],
        "resolvConf": str(node.folder / "resolv.conf"),
        "healthzBindAddress": "127.0.0.1",
        "maxPods": 250,
        "serializeImagePulls": False,
        "nodeStatusUpdateFrequency": "4s",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": cgroups.name(node.cluster, node.name),
        "failCgroupV1": False,
        "failSwapOn": False,
        "enforceNodeAllocatable": ["none"],
        "oomScoreAdj": 0,
        # It reads ours (see mounts), and fails rather than set the machine's.
        "protectKernelDefaults": True,
        # The disk is the machine's: other files on it must not lead to evictions or image garbage collection.
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
    }


def proxy_configuration(kubeconfig: Path, pods: IPv4Network, node: str) -> Object:
    """Return kube-proxy's configuration, for a node or for the control plane."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(kubeconfig)},
        "hostnameOverride": node,
        "mode": "iptables",
        "clusterCIDR": str(pods),
        "nodePortAddresses": ["primary"],
        # These are kernel parameters of the machine; zero leaves them alone.
        "conntrack": {"maxPerCore": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        "oomScoreAdj": 0,
    }


def write(node: Node, authority: Authority, server: str, dns: IPv4Address, pods: IPv4Network) -> None:
    """Write all files of the node."""
    (node.folder / "cni").mkdir(parents=True, exist_ok=True)
    user = f"system:node:{node.name}"
    serving = authority.issue(f"kubelet-{node.name}", user, serves=(node.name, str(node.address)))
    authority.kubeconfig(node.folder / "kubelet.kubeconfig", server, user, groups=("system:nodes",))
    access = authority.kubeconfig(node.folder / "kube-proxy.kubeconfig", server, "system:kube-proxy")
    kubelet = kubelet_configuration(node, authority.pair.certificate, serving, dns)
    proxy = proxy_configuration(access, pods, node.name)
    write_if_changed(node.folder / "resolv.conf", f"nameserver {dns}\n")
    write_if_changed(node.folder / "containerd.toml", containerd_configuration(node.folder))
    write_if_changed(node.folder / "cni" / "10-keddah.conflist", json.dumps(pod_network(node)))
    write_if_changed(node.folder / "kubelet.yaml", yaml.safe_dump(kubelet, sort_keys=False))
    write_if_changed(node.folder / "kube-proxy.yaml", yaml.safe_dump(proxy, sort_keys=False))


def containerd(node: Node, mount_namespace: Path) -> Program:
    """Return the node's containerd."""
    command = ("containerd", "--config", str(node.folder / "containerd.toml"))
    return _inside(node, mount_namespace, "containerd", command)


def kubelet(node: Node, mount_namespace: Path, binaries: Path) -> Program:
    """Return the node's kubelet."""
    folder = node.folder
    command = (
        str(binaries / "kubelet"),
        f"--config={folder / 'kubelet.yaml'}",
        f"--kubeconfig={folder / 'kubelet.kubeconfig'}",
        f"--root-dir={folder / 'kubelet'}",
        f"--hostname-override={node.name}",
        f"--node-ip={node.address}",
        f"--node-labels=topology.kubernetes.io/zone={node.zone}",
    )
    return _inside(node, mount_namespace, "kubelet", command)


def kube_proxy(node: Node, mount_namespace: Path, binaries: Path) -> Program:
    """Return the node's kube-proxy."""
    command = (str(binaries / "kube-proxy"), f"--config={node.folder / 'kube-proxy.yaml'}")
    return _inside(node, mount_namespace, "kube-proxy", command)


def _inside(node: Node, mount_namespace: Path, name: str, command: tuple[str, ...]) -> Program:
    namespaces = (
        "nsenter",
        f"--net={network.namespace_file(node.namespace)}",
        f"--mount={mount_namespace}",
        "--",
    )
    return Program(f"{node.name}-{name}", command).within(*namespaces)
