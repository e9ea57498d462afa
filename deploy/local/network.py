"""Network namespaces, the links between them, and the host's link and routes.

The control plane's namespace holds a bridge that every node has a link to, and routes between the nodes'
pods, the Services and the host. Everything is stated, not changed: to do it again alters nothing.
"""

from __future__ import annotations

import json
from ipaddress import IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.local.processes import CommandError, run, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.local.addresses import AddressPlan

_RUN = Path("/run/netns")
_BRIDGE = "bridge"
_TO_HOST = "host"
_REMOVE_SECONDS = 10.0
# In a new namespace these have the kernel's defaults, not the host's values.
_SETTINGS = {
    "net/ipv4/ip_forward": "1",
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
    # Frames between nodes are switched, not filtered; the file is there only where br_netfilter is loaded.
    "net/bridge/bridge-nf-call-iptables": "0",
}


def namespace(cluster: str, member: str) -> str:
    """Name the network namespace of a node or of the control plane."""
    return f"keddah-{cluster}-{member}"


def namespace_file(name: str) -> Path:
    """Return the file that a network namespace is bound to."""
    return _RUN / name


def entering(name: str) -> tuple[str, ...]:
    """Return the command that runs another one in a network namespace.

    Not `ip netns exec`: that mounts another /sys, and a kubelet then finds no control groups.
    """
    return ("nsenter", f"--net={namespace_file(name)}", "--")


def host_routes() -> list[IPv4Network]:
    """List the networks that the host has a route to."""
    routes = json.loads(run("ip", "-json", "-4", "route", "show", "table", "all"))
    found = (str(route.get("dst", "")) for route in routes)
    return [IPv4Network(text) for text in found if text[:1].isdigit()]


def create_control_plane(name: str, plan: AddressPlan) -> None:
    """Make the control plane's namespace with its bridge, and the link to the host with the host's routes."""
    _create_namespace(name)
    if not _has_link(name, _BRIDGE):
        run("ip", "-n", name, "link", "add", _BRIDGE, "type", "bridge")
    if not _has_link(name, _TO_HOST):
        # If its namespace is gone, so are both ends of the link: there is nothing to remove.
        peer = ("peer", "name", plan.host_interface)
        run("ip", "-n", name, "link", "add", _TO_HOST, "type", "veth", *peer, "netns", "1")
    _batch(
        name,
        "link set lo up",
        f"link set {_BRIDGE} up",
        f"link set {_TO_HOST} up",
        f"address replace {plan.control_plane}/{plan.segment.prefixlen} dev {_BRIDGE}",
        f"address replace {plan.host_gateway}/30 dev {_TO_HOST}",
        # What the API server itself sends to a Service is rewritten only after a route was found for it.
        f"route replace {plan.services} dev {_BRIDGE} src {plan.control_plane}",
    )
    _refuse_unknown_services(name, plan)
    run("ip", "link", "set", plan.host_interface, "up")
    run("ip", "address", "replace", f"{plan.host}/30", "dev", plan.host_interface)
    for target in (plan.nodes, plan.pods, plan.services):
        run("ip", "route", "replace", str(target), "via", str(plan.host_gateway))


def create_node(control_plane: str, name: str, node: str, number: int, plan: AddressPlan, count: int) -> None:
    """Make a node's namespace and its link, with the routes to the pods of all `count` nodes."""
    _create_namespace(name)
    if not _has_link(name, "eth0"):
        peer = ("peer", "name", "eth0", "netns", name)
        run("ip", "-n", control_plane, "link", "add", node, "type", "veth", *peer)
    to_pods = [f"route replace {plan.pod_range(n)} via {plan.node(n)}" for n in range(1, count + 1)]
    _batch(control_plane, f"link set {node} master {_BRIDGE} up", to_pods[number - 1])
    _batch(
        name,
        "link set lo up",
        "link set eth0 up",
        f"address replace {plan.node(number)}/{plan.segment.prefixlen} dev eth0",
        f"route replace default via {plan.control_plane}",
        *(route for n, route in enumerate(to_pods, start=1) if n != number),
    )
    _refuse_unknown_services(name, plan)


def set_link(control_plane: str, node: str, state: str) -> None:
    """Cut a node off (`down`) or connect it again (`up`), as a pulled cable would."""
    run("ip", "-n", control_plane, "link", "set", node, state)


def remove(cluster: str, plan: AddressPlan | None) -> None:
    """Remove every namespace of the cluster, and with them their links; then the host's end and routes."""
    for file in namespaces(cluster):
        run("ip", "netns", "delete", file.name)
    if plan:
        # The kernel removes the link with the namespace, but asynchronously.
        link = Path("/sys/class/net", plan.host_interface)
        wait_until(
            lambda: not link.exists() or _delete(link.name), f"the end of {link.name}", _REMOVE_SECONDS
        )


def namespaces(cluster: str) -> Iterator[Path]:
    """Yield the files of the cluster's network namespaces."""
    prefix = namespace(cluster, "")
    for file in sorted(_RUN.glob(f"{prefix}*")):
        # `keddah-a-` is also how the namespaces of a cluster called `a-b` begin.
        member = file.name.removeprefix(prefix)
        if member == "control-plane" or member.removeprefix("node-").isdigit():
            yield file


def _create_namespace(name: str) -> None:
    if not namespace_file(name).exists():
        run("ip", "netns", "add", name)
    settings = "".join(
        f"[ ! -e /proc/sys/{key} ] || echo {value} > /proc/sys/{key}\n" for key, value in _SETTINGS.items()
    )
    run(*entering(name), "sh", "-e", text=settings)


def _refuse_unknown_services(name: str, plan: AddressPlan) -> None:
    """Refuse connections that are still for a Service's address when they are about to be sent on.

    kube-proxy sends them to a pod before that, once it has heard of the Service. A Service's first pod takes
    two steps: no longer to be refused (table filter), then to be led there (nat). A first packet in between
    would pass, and its repetitions with it, for conntrack knows the connection: the client hangs for minutes.
    With nftables kube-proxy takes one step, and stops such packets itself.
    """
    rule = f"FORWARD -d {plan.services} -p tcp -j REJECT --reject-with tcp-reset"
    script = f"iptables -w -C {rule} 2> /dev/null || iptables -w -A {rule}"
    run(*entering(name), "sh", "-e", text=script)


def _delete(link: str) -> bool:
    try:
        run("ip", "link", "delete", link)
    except CommandError:
        return False
    return True


def _has_link(name: str, link: str) -> bool:
    links = json.loads(run("ip", "-json", "-n", name, "link", "show") or "[]")
    return any(found["ifname"] == link for found in links)


def _batch(name: str, *commands: str) -> None:
    run("ip", "-n", name, "-batch", "-", text="\n".join(commands) + "\n")
