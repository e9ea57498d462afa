"""Mount namespaces of nodes: each has its own mounts, and its own files outside its folder.

containerd and the kubelet have paths built in (/run/containerd, /var/lib/cni, /var/lib/kubelet, /var/log);
in the node's namespace these are folders of the node. The kubelet also sets kernel parameters of the
machine: it finds them set, because it reads files of ours in their place, and leaves the machine's alone.
All mounts end with the namespace, so that nothing has to be unmounted one by one.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deploy.local.processes import CommandError, run

if TYPE_CHECKING:
    from deploy.local.state import StateFolder

PRIVATE_FOLDERS = ("/run", "/var/lib/cni", "/var/lib/kubelet", "/var/log")
# What kubelet 1.37 wants (k8s.io/component-helpers/node/util/sysctl).
KERNEL_PARAMETERS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}


def entering(file: Path) -> tuple[str, ...]:
    """Return the command that runs another one in a mount namespace."""
    return ("nsenter", f"--mount={file}", "--")


def create(state: StateFolder, node: str) -> Path:
    """Create the mount namespace of a node if it is missing, and return the file that it is bound to."""
    folder, file = state.namespaces, state.namespaces / node
    folder.mkdir(parents=True, exist_ok=True)
    if folder not in _mount_points():
        # The kernel binds a mount namespace to a file only below a private mount (unshare(1)).
        run("mount", "--bind", folder, folder)
        run("mount", "--make-private", folder)
    if not is_bound(file):
        file.touch()
        # `slave`: what the host unmounts later must not be kept alive by a copy in here.
        script = "\n".join(_script(state.node(node)))
        try:
            run("unshare", f"--mount={file}", "--propagation", "slave", "sh", "-e", text=script)
        except CommandError:
            # The next attempt must not take an incomplete one for finished.
            run("umount", file)
            raise
    return file


def _script(folder: Path) -> list[str]:
    # A copy of another engine's overlay would keep its layers busy after that engine unmounted them;
    # one that it is unmounting right now cannot be unmounted here any more.
    overlays = """awk '$3 == "overlay" && $2 != "/" {print $2}' /proc/self/mounts"""
    lines = [f"{overlays} | tac | xargs --no-run-if-empty umount --lazy || true"]
    for path in PRIVATE_FOLDERS:
        own = folder / "private" / path.strip("/").replace("/", "-")
        lines += [f"mkdir -p '{own}' {path}", f"mount --bind '{own}' {path}"]
    for key, value in KERNEL_PARAMETERS.items():
        own = folder / "kernel" / key
        lines += [
            f"mkdir -p '{own.parent}'",
            f"echo {value} > '{own}'",
            f"mount --bind '{own}' /proc/sys/{key}",
        ]
    return lines


def is_bound(file: Path) -> bool:
    """Whether a namespace is bound to this file; a bound one is on the kernel's own file system."""
    return file.exists() and file.stat().st_dev != file.parent.stat().st_dev


def unmount_below(folder: Path) -> None:
    """Unmount whatever the host has below a folder, the last first: it may hide or hold an earlier one.

    A mount namespace that was bound there ends when no process is left in it.
    """
    for point in reversed([point for point in _mount_points() if folder in point.parents]):
        try:
            run("umount", point)
        except CommandError:
            run("umount", "--lazy", point)


def _mount_points() -> list[Path]:
    """List where something is mounted, in the order of mounting.

    `os.path.ismount` does not see a folder that is bound to itself.
    """
    lines = Path("/proc/self/mounts").read_text().splitlines()
    return [Path(line.split()[1].encode().decode("unicode_escape")) for line in lines]
