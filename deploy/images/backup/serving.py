"""Keeps the server running through which others reach this pod's data or repository."""

from __future__ import annotations

import hashlib
import signal
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn

from controller.protocol.settings import RUN_DIRECTORY, ProtocolError, Reason, S3Repository, Settings
from controller.sessions import options

from .archiving import PROBLEM_FILE, misses_archive
from .configuration import FILE, Place, write
from .contents import archive_of
from .pgbackrest import BackupError, Log, PgBackRest

LOOK_SECONDS: Final = 10.0
WAIT_SECONDS: Final = 1.0
SOON_SECONDS: Final = 3.0


def serve(
    settings: Callable[[], Settings],
    place: Place,
    environment: Mapping[str, str],
    pause: Callable[[float], None],
    log: Log,
) -> NoReturn:
    """Run the server until a signal ends this process, as soon as there are settings.

    It never ends by itself: a container that ends makes its pod not ready, and the database with it.
    Secrets and certificates that change are in force within seconds: the file is written again, and the
    server reads it and its certificate. Sessions that are open go on.
    """
    folder = Path(RUN_DIRECTORY)
    _configured(settings, place, environment, folder, pause, log)
    seen = _certificates(settings())
    words = ["pgbackrest", "server", f"--config={FILE}", "--log-level-stderr=warn"]
    # pgBackRest connects as the superuser.
    sessions = {**environment, "PGOPTIONS": options(superuser=True)}
    archive = Archive(place, sessions, log)
    while True:
        server = subprocess.Popen(words, env=sessions)
        try:
            while server.poll() is None:
                archive.prepare(settings)
                pause(LOOK_SECONDS if archive.prepared else SOON_SECONDS)
                before = seen
                seen, changed = _look(settings, place, environment, folder, before, log)
                if changed:
                    log("Server reads its configuration and certificate again")
                    server.send_signal(signal.SIGHUP)
        finally:
            server.terminate()
            server.wait()
        log(f"Server ended with code {server.returncode} and is started again")


class Archive:
    """Makes the archive, without which nothing is archived: the first backup may be far away.

    What keeps it from that is in `problem`, for the archiver does not find out.
    """

    def __init__(
        self, place: Place, environment: Mapping[str, str], log: Log, problem: Path = Path(PROBLEM_FILE)
    ) -> None:
        self._place, self._environment, self._log, self._problem = place, environment, log, problem
        self._name, self._said = "", ""

    @property
    def prepared(self) -> bool:
        """Whether it is known to be there."""
        return self._name != ""

    def prepare(self, settings: Callable[[], Settings]) -> None:
        """Make it, if it is not there; what keeps it from being made is logged once, and tried again.

        Only where the repository is: a volume's server does it, and beside a bucket every member, of which
        the one that is primary succeeds.
        """
        try:
            found = settings()
            if not self._here(found) or (found.archive == self._name and not misses_archive(found)):
                return
            program = PgBackRest(found.archive, log=lambda _: None, environment=self._environment)
            if archive_of(program.information(), found.archive) is None:
                program.run("stanza-create")
                self._log(f"Archive was made: {found.archive}")
            self._name, self._said = found.archive, ""
            self._problem.unlink(missing_ok=True)
        except (BackupError, ProtocolError, OSError) as error:
            if str(error) != self._said:
                self._log(f"Archive could not be made yet: {error}")
                self._tell(error)
            self._said = str(error)

    def _tell(self, error: Exception) -> None:
        reason = error.reason if isinstance(error, BackupError) else Reason.INVALID_SETTINGS
        with suppress(OSError):
            self._problem.write_text(f"{reason}\n{error}")

    def _here(self, settings: Settings) -> bool:
        here = self._place == "repository" or isinstance(settings.repository, S3Repository)
        if not here:
            self._name = settings.archive
        return here


def _configured(
    settings: Callable[[], Settings],
    place: Place,
    environment: Mapping[str, str],
    folder: Path,
    pause: Callable[[float], None],
    log: Log,
) -> None:
    """Write the configuration, as soon as all that it is made of is there; what is missing is logged once."""
    said = ""
    while True:
        try:
            found = settings()
            _certificates(found)
            write(found, place, environment, folder)
        except (ProtocolError, OSError) as error:
            if str(error) != said:
                log(f"Server waits for its settings: {error}")
            said = str(error)
            pause(WAIT_SECONDS)
        else:
            return


def _look(
    settings: Callable[[], Settings],
    place: Place,
    environment: Mapping[str, str],
    folder: Path,
    seen: str,
    log: Log,
) -> tuple[str, bool]:
    """Write the configuration again; return the certificates' digest, and whether anything changed."""
    try:
        found = settings()
        changed = write(found, place, environment, folder)
        now = _certificates(found)
    except (ProtocolError, OSError) as error:
        # Files that are being replaced; what is in force stays.
        log(f"Configuration was not read: {error}")
        return seen, False
    return now, changed or now != seen


def _certificates(settings: Settings) -> str:
    digest = hashlib.sha256()
    for name in ("ca.crt", "tls.crt", "tls.key"):
        digest.update(Path(settings.tls, name).read_bytes())
    return digest.hexdigest()
