"""Docker's daemon with a containerd, a network namespace and a control group of its own."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deploy.local import cgroups
from deploy.local.mounts import KERNEL_PARAMETERS, unmount_below
from deploy.local.network import entering, namespace_file
from deploy.local.processes import CommandError, Processes, Program, kill, run, wait_until
from deploy.local.state import state_root, write_atomically
from tests.docker.packages import programs

if TYPE_CHECKING:
    from collections.abc import Mapping

REGISTRY: Final = "10.250.255.2:5000"
"""Where this machine, its clusters and the engine reach a registry in the engine's namespace."""
_NAME: Final = "keddah-docker"
_HOST_LINK: Final = "keddah-docker0"
_HOST, _GUEST = "10.250.255.1", "10.250.255.2"
_OUT: Final = ("POSTROUTING", "-s", f"{_GUEST}/32", "!", "-o", _HOST_LINK, "-j", "MASQUERADE")
_MADE_BY_DOCKER: Final = (Path("/run/docker/plugins"), Path("/run/docker"), Path("/lib/modules"))
_PARAMETERS: Final = ("net/ipv4/ip_forward", *KERNEL_PARAMETERS)
"""What is changed of the whole machine's: here, and by the kubelets of kind's nodes."""
_SYSTEM: Final = Path("/proc/sys")
_START_SECONDS: Final = 60.0
_END_SECONDS: Final = 20.0
_RUNTIME: Final = """\
#!/bin/sh
# This machine's root lacks CAP_SYS_RESOURCE. Docker 20.10 asks for all that the kernel knows for a privileged
# container, and for each program that is to run in one, and runc then fails.
last=
for word; do
    case $last in
    --bundle) sed -i 's/"CAP_SYS_RESOURCE",\\?//g' "$word/config.json" ;;
    --process) sed -i 's/"CAP_SYS_RESOURCE",\\?//g' "$word" ;;
    esac
    last=$word
done
exec runc "$@"
"""
_SYS_RESOURCE: Final = 24
"""Its bit (linux/capability.h)."""
_CONTAINERD: Final = """\
version = 2
root = "{folder}/containerd"
state = "{folder}/containerd-state"
# The first would create /opt/containerd on the machine; the other is for Kubernetes.
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.grpc.v1.cri"]
[grpc]
address = "{folder}/containerd.sock"
"""


@dataclass(frozen=True)
class Engine:
    """The engine of this machine; there is one."""

    folder: Path

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> Engine:
        """Return the engine; nothing is started by asking for it."""
        return cls(state_root(environment).with_name(_NAME))

    @property
    def socket(self) -> Path:
        """Return where it listens."""
        return self.folder / "docker.sock"

    def environment(self) -> dict[str, str]:
        """Return what makes it the Docker that programs find: its client before others, and its address."""
        return {
            "DOCKER_HOST": f"unix://{self.socket}",
            "DOCKER_CONFIG": f"{self.folder}/client",
            "PATH": f"{programs()}:{os.environ['PATH']}",
        }

    def within(self, *command: str) -> tuple[str, ...]:
        """Return a command that runs another one where the engine's published ports are."""
        return (*entering(_NAME), *command)

    def processes(self) -> Processes:
        """Return what runs for it, in its namespace."""
        return Processes(self.folder / "pids", self.folder / "logs")

    def docker(self, *arguments: str | Path) -> str:
        """Run the engine's own client. Raises CommandError."""
        client = ("env", "DOCKER_BUILDKIT=1", programs() / "docker")
        return run(*client, "--host", f"unix://{self.socket}", *arguments)

    def up(self) -> None:
        """Start it, or what is missing of it. Raises CommandError, NotReadyError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._link()
        cgroups.create(f"/{_NAME}")
        self._configure()
        self.start(Program("containerd", ("containerd", "--config", f"{self.folder}/containerd.toml")))
        self._wait("containerd", self.folder / "containerd.sock")
        self.start(Program("dockerd", self._daemon()))
        wait_until(self.answers, f"Docker, {self.processes().tail('dockerd')}", _START_SECONDS)

    def _configure(self) -> None:
        (self.folder / "containerd.toml").write_text(_CONTAINERD.format(folder=self.folder))
        settings: dict[str, object] = {
            "deprecated-key-path": f"{self.folder}/key.json",
            "insecure-registries": [REGISTRY],
        }
        if not _has_sys_resource():
            runtime = self.folder / "runtime"
            runtime.write_text(_RUNTIME)
            runtime.chmod(0o755)
            settings |= {"runtimes": {"lesser": {"path": str(runtime)}}, "default-runtime": "lesser"}
        (self.folder / "daemon.json").write_text(json.dumps(settings))

    def start(self, program: Program) -> bool:
        """Start a program in the engine's namespace unless it runs."""
        command = Program(program.name, program.command, {**self.environment(), **program.environment})
        return self.processes().ensure(command.within(*entering(_NAME)))

    def _daemon(self) -> tuple[str, ...]:
        folder = self.folder
        return (
            "dockerd",
            *("--config-file", f"{folder}/daemon.json", "--pidfile", f"{folder}/docker.pid"),
            *("--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec"),
            *("--host", f"unix://{self.socket}", "--containerd", f"{folder}/containerd.sock"),
            *("--storage-driver", "overlay2", "--cgroup-parent", f"/{_NAME}"),
        )

    def answers(self) -> bool:
        """Whether the daemon answers."""
        if not self.socket.exists():
            return False
        try:
            self.docker("version")
        except CommandError:
            return False
        return True

    def _wait(self, name: str, socket: Path) -> None:
        wait_until(socket.exists, f"{name}, {self.processes().tail(name)}", _START_SECONDS)

    def _link(self) -> None:
        """Give it a namespace whose way out is the machine's."""
        if not namespace_file(_NAME).exists():
            run("ip", "netns", "add", _NAME)
        if not Path("/sys/class/net", _HOST_LINK).exists():
            run("ip", "link", "add", _HOST_LINK, "type", "veth", "peer", "name", "eth0", "netns", _NAME)
        run("ip", "address", "replace", f"{_HOST}/30", "dev", _HOST_LINK)
        run("ip", "link", "set", _HOST_LINK, "up")
        inside = ("link set lo up", "link set eth0 up", f"address replace {_GUEST}/30 dev eth0")
        run(
            "ip",
            "-n",
            _NAME,
            "-batch",
            "-",
            text="\n".join((*inside, f"route replace default via {_HOST}\n")),
        )
        before = self.folder / "kernel.json"
        # A second `up` must not take our values for the machine's.
        if not before.exists():
            values = {name: (_SYSTEM / name).read_text().strip() for name in _PARAMETERS}
            write_atomically(before, json.dumps(values))
        (_SYSTEM / _PARAMETERS[0]).write_text("1")
        if not _leads_out():
            run("iptables", "-w", "-t", "nat", "-A", *_OUT)

    def down(self) -> None:
        """Take all of it away but its logs, whatever of it there is. Raises CommandError, NotReadyError."""
        processes = self.processes()
        processes.stop(processes.names())
        cgroups.remove(f"/{_NAME}")
        wait_until(lambda: not _kill_members(), f"the end of what is in {_NAME}", _END_SECONDS)
        unmount_below(self.folder)
        if _leads_out():
            run("iptables", "-w", "-t", "nat", "-D", *_OUT)
        if (self.folder / "kernel.json").exists():
            for name, value in json.loads((self.folder / "kernel.json").read_text()).items():
                (_SYSTEM / name).write_text(value)
        if namespace_file(_NAME).exists():
            run("ip", "netns", "delete", _NAME)
        self._forget()

    def _forget(self) -> None:
        for folder in _MADE_BY_DOCKER:
            # Empty ones only: another engine's are in use.
            with suppress(OSError):
                folder.rmdir()
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            if path.is_dir() and path.name != "logs":
                shutil.rmtree(path)
            elif not path.is_dir():
                path.unlink()


def _has_sys_resource() -> bool:
    """Whether this process has the capability (proc(5), /proc/pid/status)."""
    status = Path("/proc/self/status").read_text()
    effective = next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff:"))
    return bool(int(effective, 16) >> _SYS_RESOURCE & 1)


def _leads_out() -> bool:
    try:
        run("iptables", "-w", "-t", "nat", "-C", *_OUT)
    except CommandError:
        return False
    return True


def _kill_members() -> set[int]:
    if not namespace_file(_NAME).exists():
        return set()
    found = {int(pid) for pid in run("ip", "netns", "pids", _NAME).split()}
    kill(found)
    return found
