"""A PostgreSQL on restored files that nobody but this process can reach, with little memory."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from controller.protocol.settings import Reason
from controller.sessions import options

from . import reasons
from .pgbackrest import BackupError, Log

_SUPERUSER: Final = "postgres"
_PAUSE_SECONDS: Final = 0.5
_STOP_SECONDS: Final = 300.0

# The configuration that was restored stays in force where it decides what can be read (extensions that are
# preloaded know their own WAL). These would not work here, cost memory, or reach out.
OVERRIDES: Final = {
    "listen_addresses": "",
    "ssl": "off",
    "archive_mode": "off",
    "hot_standby": "off",
    "primary_conninfo": "",
    "synchronous_standby_names": "",
    "shared_buffers": "64MB",
    "huge_pages": "off",
    "max_wal_size": "1GB",
    "autovacuum": "off",
    "event_triggers": "off",
    # Users' jobs are run by their own server alone: a copy's would write to what the copy's data leads to.
    "cron.launch_active_jobs": "off",
    "default_transaction_read_only": "off",
    "logging_collector": "off",
    "log_destination": "stderr",
    "log_min_messages": "warning",
    "lc_messages": "C",
    "external_pid_file": "",
    "restore_command": "",
    "recovery_end_command": "",
    "archive_cleanup_command": "",
}

# Anchored, for a message can quote whatever a client sent.
# Whoever asks whether it is ready is refused with a FATAL of its own, at any time.
_GRAVE: Final = re.compile(r"\b(?:FATAL|PANIC): +(?! |the database system is )(.*)")
_ENDED_EARLY: Final = re.compile(
    r"WAL ends before|could not locate (?:a valid|required) checkpoint|recovery ended before"
    r"|requested timeline|could not restore file .* from archive|unexpected pageaddr"
)


@dataclass(frozen=True)
class Server:
    """A server that has ended its recovery and accepts connections."""

    bin: Path
    data: Path
    sockets: Path
    process: subprocess.Popen[bytes]

    def query(self, statement: str) -> list[list[str]]:
        """Return the rows of a statement, as the superuser. Raises BackupError."""
        form = "--no-psqlrc --no-align --tuples-only --quiet --field-separator=\t --set=ON_ERROR_STOP=1"
        done = self.run("psql", *form.split(" "), f"--command={statement}", "postgres")
        return [line.split("\t") for line in done.stdout.splitlines()]

    def run(self, program: str, *arguments: str, fails: bool = False) -> subprocess.CompletedProcess[str]:
        """Run a client program of the same release. Raises BackupError when it fails, unless it may."""
        words = [str(self.bin / program), f"--host={self.sockets}", f"--username={_SUPERUSER}", *arguments]
        done = subprocess.run(
            words,
            # What was restored has the users' settings of sessions, too.
            env={**os.environ, "PGOPTIONS": options(superuser=True)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode and not fails:
            raise BackupError(Reason.OTHER, f"{program}: {_last(done.stderr)}")
        return done

    def stop(self) -> None:
        """Stop it with a checkpoint, so that its files can be looked at."""
        self.process.terminate()
        self.process.wait(_STOP_SECONDS)


@contextmanager
def recovered(
    data: Path,
    restore_command: str,
    log: Log,
    pause: Callable[[float], None],
    extra: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Start PostgreSQL, wait until it has replayed all WAL, and stop it at the end. Raises BackupError.

    Without `hot_standby` it accepts no connection before its recovery has ended, and needs no settings as
    large as those of the server that wrote the WAL. `extra`: parameters that win over ours.
    """
    binaries = Path("/usr/lib/postgresql", (data / "PG_VERSION").read_text().strip(), "bin")
    with tempfile.TemporaryDirectory(prefix="verify-") as folder:
        rules, said = Path(folder, "pg_hba.conf"), Path(folder, "log")
        rules.write_text(f"local all {_SUPERUSER} trust\n")
        settings = OVERRIDES | {
            "restore_command": restore_command,
            "unix_socket_directories": folder,
            "hba_file": str(rules),
            **(extra or {}),
        }
        words = [f"--{name}={value}" for name, value in settings.items()]
        with said.open("wb") as output:
            process = subprocess.Popen(
                [binaries / "postgres", "-D", data, *words],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        server = Server(binaries, data, Path(folder), process)
        try:
            _wait(server, said, pause)
            yield server
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            for line in said.read_text(errors="replace").splitlines():
                log(line)


def _wait(server: Server, said: Path, pause: Callable[[float], None]) -> None:
    """Wait until the server accepts connections. The Job's deadline ends it when it never does."""
    while server.process.poll() is None:
        if server.run("pg_isready", "--quiet", fails=True).returncode == 0:
            return
        pause(_PAUSE_SECONDS)
    raise not_started(said.read_text(errors="replace"))


def not_started(log: str) -> BackupError:
    """Return why a server ended before its recovery did, from what it logged."""
    grave = [match[1] for line in log.splitlines() if (match := _GRAVE.search(line))]
    last = grave[-1] if grave else _last(log)
    if "No space left on device" in log:
        return BackupError(Reason.NO_ROOM, f"PostgreSQL did not start on the restored files: {last}")
    fetched = reasons.error(log.splitlines())
    if fetched is not None:
        # The command that fetches WAL failed, and recovery stopped rather than ended.
        return BackupError(reasons.reason_of(*fetched), reasons.sentence(fetched[1]))
    early = any(_ENDED_EARLY.search(line) for line in grave)
    reason = Reason.WAL_MISSING if early else Reason.OTHER
    return BackupError(reason, f"PostgreSQL did not start on the restored files: {last}")


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
