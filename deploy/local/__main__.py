"""The command line: `python -m deploy.local up | down | status | load | binaries`, and three faults."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.local import bringup, faults
from deploy.local.build import CERT_MANAGER, HELM, PROMETHEUS, BuildError, binaries
from deploy.local.cluster import Cluster, check_machine, elapsed_printer
from deploy.local.images import ImageError
from deploy.local.kube import ApiError
from deploy.local.processes import CommandError, NotReadyError
from deploy.local.prometheus import PrometheusError, prometheus
from deploy.local.state import StateError, StateFolder, cluster_folder, locked
from deploy.local.takedown import take_down

if TYPE_CHECKING:
    from collections.abc import Callable

_FAILURES = (
    StateError,
    BuildError,
    PrometheusError,
    ImageError,
    CommandError,
    NotReadyError,
    ApiError,
    OSError,
)


def _folder(given: argparse.Namespace) -> StateFolder:
    return cluster_folder(given.name, os.environ)


def _running(state: StateFolder, say: Callable[[str], None]) -> Cluster:
    record = state.read()
    if record is None:
        raise StateError(f"there is no cluster {state.name}; `up` makes it")
    return Cluster(state, record, binaries(say))


def _up(given: argparse.Namespace, say: Callable[[str], None]) -> int:
    state = _folder(given)
    bringup.up(state, given.nodes, given.image, say)
    say(f"{given.nodes} nodes are Ready; kubectl and the rest are in {binaries(say)}")
    print(f"export KUBECONFIG={state.kubeconfig}")
    return 0


def _down(given: argparse.Namespace, say: Callable[[str], None]) -> int:
    check_machine()
    state = _folder(given)
    with locked(state.path.with_suffix(".lock")):
        take_down(state)
    say(f"{state.name} is gone; its logs are in {state.logs}")
    return 0


def _status(given: argparse.Namespace, say: Callable[[str], None]) -> int:
    return 0 if _report(_running(_folder(given), say)) else 1


def _report(cluster: Cluster) -> bool:
    """Print a line for each process and each node; return whether all run and are Ready."""
    try:
        ready = cluster.ready_nodes()
    except (ApiError, OSError) as error:
        print(f"{'API server':34} {error}")
        ready = set()
    processes = {name: cluster.processes.pid(name) for name in cluster.processes.names()}
    for name, pid in processes.items():
        print(f"{name:34} {f'running, process {pid}' if pid else f'dead, see {cluster.processes.log(name)}'}")
    for node in cluster.nodes:
        print(f"{node.name:34} {'Ready' if node.name in ready else 'not Ready'}, {node.address}, {node.zone}")
    return bool(processes) and all(processes.values()) and all(node.name in ready for node in cluster.nodes)


def _load(given: argparse.Namespace, say: Callable[[str], None]) -> int:
    check_machine()
    state = _folder(given)
    with locked(state.path.with_suffix(".lock")):
        bringup.load(_running(state, say), given.image, say)
    return 0


def _binaries(given: argparse.Namespace, say: Callable[[str], None]) -> int:
    if given.tests:
        for bundle in (CERT_MANAGER, HELM, PROMETHEUS):
            binaries(say, bundle=bundle)
        prometheus(say)
    print(binaries(say))
    return 0


def _node_link(given: argparse.Namespace, say: Callable[[str], None]) -> int:
    check_machine()
    faults.set_node_link(_folder(given), given.node, given.state)
    say(f"the link of {given.node} is {given.state}")
    return 0


def _node_power(given: argparse.Namespace, say: Callable[[str], None]) -> int:
    check_machine()
    switch = faults.power_on if given.state == "on" else faults.power_off
    switch(_folder(given), given.node)
    say(f"{given.node} is {given.state}")
    return 0


def _api_server(given: argparse.Namespace, say: Callable[[str], None]) -> int:
    check_machine()
    switch = faults.start_api_server if given.state == "on" else faults.stop_api_server
    switch(_folder(given))
    say(f"the API server is {given.state}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.local", description="A real Kubernetes on this machine."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    named = argparse.ArgumentParser(add_help=False)
    named.add_argument("--name", default="keddah", help="the cluster's name; several can run at once")
    up = commands.add_parser("up", parents=[named], help="bring a cluster up, or what is missing of it")
    up.add_argument("--nodes", type=int, default=3, help="how many nodes (3)")
    up.add_argument(
        "--image", type=Path, nargs="+", action="extend", default=[], help="OCI archives for its nodes"
    )
    down = commands.add_parser("down", parents=[named], help="take it away without a trace; its logs stay")
    status = commands.add_parser(
        "status", parents=[named], help="list processes and nodes; fails unless all is well"
    )
    load = commands.add_parser("load", parents=[named], help="import OCI archives into a running cluster")
    load.add_argument("image", type=Path, nargs="+")
    build = commands.add_parser("binaries", help="build the programs if need be, and print their folder")
    build.add_argument(
        "--tests",
        action="store_true",
        help="build what their tests need, too: cert-manager, Helm, Prometheus",
    )
    link = commands.add_parser(
        "node-link", parents=[named], help="cut a node off the network, or connect it again"
    )
    link.add_argument("node")
    link.add_argument("state", choices=["down", "up"])
    power = commands.add_parser("node-power", parents=[named], help="end a node at once, or start it again")
    power.add_argument("node")
    power.add_argument("state", choices=["off", "on"])
    server = commands.add_parser("api-server", parents=[named], help="kill the API server, or start it again")
    server.add_argument("state", choices=["off", "on"])
    actions = {
        up: _up,
        down: _down,
        status: _status,
        load: _load,
        build: _binaries,
        link: _node_link,
        power: _node_power,
        server: _api_server,
    }
    for command, action in actions.items():
        command.set_defaults(action=action)
    return parser


def main() -> int:
    """Carry out the command and give the exit code."""
    given = _parser().parse_args()
    try:
        return int(given.action(given, elapsed_printer()))
    except _FAILURES as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; the same command again goes on from here", file=sys.stderr)
        return 130  # as a shell reports a process that SIGINT ended


if __name__ == "__main__":
    sys.exit(main())
