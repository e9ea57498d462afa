"""A pod without Kubernetes: programs of the database image, in its root file system, with own volumes.

Each program runs in a mount namespace in which folders of the test lie over the image's, so nothing of the
image changes and nothing stays mounted. The network is the machine's own.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from controller.protocol.results import Result
from deploy.images.build import Naming, Workshop, build, unpacked
from deploy.images.inputs import POSTGRES
from deploy.local.state import cache_root
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from controller.protocol.settings import Settings

USER = 999
VOLUMES = {
    "volume": "/var/lib/postgresql",
    "repository": "/var/lib/keddah-repository",
    "etc": "/etc/keddah",
    "run": "/run/keddah-backup",
    "sockets": "/run/postgresql",
    "tmp": "/tmp",  # noqa: S108 - the pod's own
}


def image_root() -> Path:
    """Give the files of the database image, which is built unless it is in the cache."""
    month = datetime.now(tz=UTC).strftime("%Y-%m")
    workshop = Workshop(Path(__file__).parents[1], cache_root(os.environ), month, os.environ)
    return unpacked(build(POSTGRES, Naming(), workshop), workshop)


@dataclass
class Answer:
    """What a program said."""

    code: int
    output: str
    errors: str


@dataclass
class Machine:
    """One such pod. `root`: the image's files; `folder`: its volumes."""

    root: Path
    folder: Path
    hosts: Mapping[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, place in VOLUMES.items():
            (self.root / place.strip("/")).mkdir(parents=True, exist_ok=True)
            self.path(name).mkdir(parents=True, exist_ok=True)
            os.chown(self.path(name), USER, USER)
        self.resolve(self.hosts)

    def resolve(self, hosts: Mapping[str, str]) -> None:
        """Have these names, each with its address."""
        lines = ["127.0.0.1 localhost", *(f"{address} {name}" for name, address in hosts.items())]
        (self.folder / "hosts").write_text("\n".join([*lines, ""]))

    def path(self, *names: str) -> Path:
        """Return the path outside; first comes a volume's name."""
        return self.folder.joinpath(*names)

    def configure(self, settings: Settings, *, secrets: Mapping[str, str] | None = None) -> None:
        """Mount settings and secrets, by their path below /etc/keddah."""
        for name, content in {"backup/settings.json": settings.text(), **(secrets or {})}.items():
            self.mount(name, content)

    def mount(self, name: str, content: str) -> None:
        """Mount a file below /etc/keddah, as a Secret is with fsGroup: pgBackRest refuses keys for others."""
        file = self.path("etc", name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        file.write_text(content)
        os.chown(file, 0, USER)
        file.chmod(0o440)

    def share(self, name: str, other: Machine) -> None:
        """Have the same volume as another."""
        mine, theirs = self.path(name), other.path(name)
        if not mine.is_symlink():
            mine.rmdir()
            mine.symlink_to(theirs)

    def words(self, *command: str) -> list[str]:
        """Return the command line that runs this one inside, under the same process id."""
        mounts = "\n".join(f'mount --bind "$folder/{name}" "$root{path}"' for name, path in VOLUMES.items())
        script = f"""set -e; root=$1 folder=$2; shift 2
mount --rbind /dev "$root/dev"; mount --rbind /proc "$root/proc"
{mounts}
mount --bind "$folder/hosts" "$root/etc/hosts"
exec chroot --userspec={USER}:{USER} "$root" "$@" """
        variables = {
            "PATH": "/opt/patroni/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            **self.environment,
        }
        inside = ["env", "-i", *(f"{name}={value}" for name, value in variables.items()), *command]
        outside = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"]
        return [*outside, str(self.root), str(self.folder), *inside]

    def run(self, *command: str, text: str = "") -> Answer:
        """Run a program to its end."""
        done = subprocess.run(
            self.words(*command), input=text, capture_output=True, text=True, check=False, cwd="/"
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def must(self, *command: str, text: str = "") -> str:
        """Run a program that succeeds, and return its output."""
        answer = self.run(*command, text=text)
        assert answer.code == 0, f"{command}: {answer.output}{answer.errors}"
        return answer.output

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a program that goes on; what it says is in `log`."""
        with self.path("log").open("ab") as log:
            return subprocess.Popen(
                self.words(*command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
            )

    @contextmanager
    def running(self, *command: str) -> Iterator[subprocess.Popen[bytes]]:
        """Have a program run meanwhile."""
        process = self.start(*command)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(20)

    @contextmanager
    def killed(self, *command: str) -> Iterator[None]:
        """Start a program, and kill it with all that it has started, as the end of its container does."""
        process = self.start(*command)
        yield
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def backup(self, *arguments: str) -> Result:
        """Run `keddah-backup`, and return the result that the kubelet would show."""
        file = self.path("tmp", "termination")
        file.unlink(missing_ok=True)
        answer = self.run("keddah-backup", "--result=/tmp/termination", *arguments)
        assert file.is_file(), answer.output + answer.errors
        result = Result.read(file.read_text())
        assert result is not None
        assert (answer.code == 0) is (not result.reason), answer
        return result

    def told(self, *arguments: str) -> dict[str, Any]:
        """Run what prints JSON: `info`, `archiving`."""
        said: dict[str, Any] = json.loads(self.must("keddah-backup", *arguments))
        return said


class Database:
    """A PostgreSQL on a machine, archiving."""

    def __init__(self, machine: Machine, major: int = 18) -> None:
        self.machine = machine
        self.data = f"/var/lib/postgresql/{major}/data"
        self.bin = f"/usr/lib/postgresql/{major}/bin"

    def create(self) -> None:
        """Make it, as Patroni's configuration does, with an archive."""
        locale = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C.UTF-8")
        made = ("--username=postgres", "--auth=trust", "--no-sync", "--data-checksums", "--encoding=UTF8")
        self.machine.must(f"{self.bin}/initdb", f"--pgdata={self.data}", *made, *locale)
        settings = (
            "listen_addresses = ''",
            "fsync = off",
            "archive_mode = on",
            "archive_command = '/usr/lib/keddah/pgbackrest/archive %p'",
            "unix_socket_directories = '/run/postgresql'",
            "max_wal_size = '256MB'",
        )
        with self.file("postgresql.conf").open("a") as configuration:
            configuration.write("\n".join(["", *settings, ""]))

    def file(self, name: str) -> Path:
        """Return a file of the data directory, outside."""
        return self.machine.path("volume", *Path(self.data).parts[4:], name)

    @contextmanager
    def running(self, *options: str) -> Iterator[Database]:
        """Have it run, with further options, and stop it at once afterwards."""
        with self.machine.running(f"{self.bin}/postgres", "-D", self.data, *options) as process:
            until(lambda: self._ready(process), 30)
            try:
                yield self
            finally:
                # Any other shutdown would wait for the archive.
                process.send_signal(signal.SIGQUIT)
                process.wait(30)

    def _ready(self, process: subprocess.Popen[bytes]) -> bool:
        assert process.poll() is None, self.machine.path("log").read_text()[-2000:]
        return self.machine.run(f"{self.bin}/pg_isready", "--host=/run/postgresql").code == 0 and (
            self.sql("SELECT pg_is_in_recovery()") == "f"
        )

    def sql(self, *statements: str) -> str:
        """Run statements, each as a transaction of its own, and return what they gave."""
        options = ("--no-psqlrc", "--tuples-only", "--no-align", "--quiet", "--set=ON_ERROR_STOP=1")
        commands = [f"--command={each}" for each in statements]
        host = ("--host=/run/postgresql", "--username=postgres")
        return self.machine.must(f"{self.bin}/psql", *options, *host, *commands).strip()

    def archived(self) -> None:
        """Wait until all that was written is archived."""
        # A segment without a record is not switched.
        name = self.sql(
            "SELECT pg_logical_emit_message(true, 'test', '') IS NULL",
            "SELECT pg_walfile_name(pg_current_wal_lsn())",
            "SELECT pg_switch_wal()",
        ).split()[1]
        last = f"SELECT coalesce(last_archived_wal, '') >= '{name}' FROM pg_stat_archiver"  # noqa: S608 - a name
        until(lambda: self.sql(last) == "t", 30)
