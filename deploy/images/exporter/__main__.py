"""`python -m keddah_exporter --database=NAME [--queries=CONFIGMAP/KEY]…`: answer Prometheus until SIGTERM."""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from controller.desired.exporter.metrics import OWN
from controller.protocol.exporter import (
    CERTIFICATES,
    PORT,
    PROBLEMS_FILE,
    QUERIES_DIRECTORY,
    SOCKET,
    VOLUME_DIRECTORY,
)
from controller.sessions import EXPORTER, options

from .asking import Server
from .certificate import expiry
from .page import Page
from .server import listen, serve
from .users import FAILED, Users
from .wire import Connection

_METRICS: Final = {metric.name: metric for metric in OWN}
_ANSWER_SECONDS: Final = 3.0
_FRESH_SECONDS: Final = 1.0
"""A page is given again for so long: whoever asks often costs the server nothing."""
_AGAIN_SECONDS: Final = 10.0
_PINS: Final = "-c default_transaction_read_only=on -c lock_timeout=500 -c statement_timeout={timeout}"
_OWN_MILLISECONDS, _USERS_MILLISECONDS = 2000, 1500


class Exporter:
    """Makes the page."""

    def __init__(self, database: str, queries: list[str]) -> None:
        self._said: dict[str, str] = {}
        connect = partial(_connect, "postgres", _OWN_MILLISECONDS)
        self._server = Server(connect, time.monotonic, self._log)
        place = Path(QUERIES_DIRECTORY)
        self._users = Users(queries, place, partial(_connect_for_users, database), time.monotonic)
        self._made, self._page = -_FRESH_SECONDS, b""
        self._problems: dict[str, str] | None = None

    def page(self) -> bytes:
        """Return the page."""
        if time.monotonic() - self._made >= _FRESH_SECONDS:
            self._page = self._make()
            self._made = time.monotonic()
        return self._page

    def _make(self) -> bytes:
        began, page = time.monotonic(), Page()
        up, refused = self._server.ask(page)
        self._tell(self._users.ask(page, _METRICS[FAILED], primary=self._server.primary))
        page.add(_METRICS["pg_up"], str(int(up)))
        page.add(_METRICS["keddah_exporter_failed_queries"], refused)
        _of_volume(page)
        for name, file in CERTIFICATES.items():
            page.add(
                _METRICS["keddah_instance_certificate_expiry_timestamp_seconds"], expiry(Path(file)), (name,)
            )
        _of_process(page)
        page.add(_METRICS["keddah_exporter_scrape_seconds"], round(time.monotonic() - began, 6))
        return page.text()

    def _tell(self, problems: dict[str, str]) -> None:
        """Leave word for Patroni, which reports it, where anything has changed."""
        if problems == self._problems:
            return
        for name, words in problems.items():
            self._log(name, f"Custom query failed: {words}")
        file = Path(PROBLEMS_FILE)
        with suppress(OSError):
            draft = file.with_suffix(".new")
            draft.write_text(json.dumps(problems))
            draft.replace(file)
            self._problems = problems

    def _log(self, subject: str, words: str) -> None:
        """Write a line, unless the last one of this subject said the same; "" for nothing to say."""
        if words and self._said.get(subject) != words:
            log(f"{words} ({subject})")
        self._said[subject] = words


def _connect(database: str, timeout: int) -> Connection:
    settings = f"{options(superuser=False)} {_PINS.format(timeout=timeout)}"
    return Connection(SOCKET, EXPORTER, database, settings, _ANSWER_SECONDS)


def _connect_for_users(usual: str, database: str) -> Connection:
    return _connect(database or usual, _USERS_MILLISECONDS)


def _of_volume(page: Page) -> None:
    with suppress(OSError):
        found = os.statvfs(VOLUME_DIRECTORY)
        page.add(_METRICS["keddah_instance_volume_bytes"], found.f_blocks * found.f_frsize)
        page.add(_METRICS["keddah_instance_volume_available_bytes"], found.f_bavail * found.f_frsize)
        page.add(_METRICS["keddah_instance_volume_files"], found.f_files)
        page.add(_METRICS["keddah_instance_volume_available_files"], found.f_favail)


def _of_process(page: Page) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    page.add(_METRICS["process_cpu_seconds_total"], round(used.ru_utime + used.ru_stime, 4))
    with suppress(OSError, ValueError, IndexError):
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        page.add(_METRICS["process_resident_memory_bytes"], pages * resource.getpagesize())


def log(words: str) -> None:
    """Write a line of the log."""
    moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line = {"ts": moment, "level": "info", "logger": "exporter", "msg": words}
    sys.stderr.write(json.dumps(line) + "\n")
    sys.stderr.flush()


def main() -> None:
    """Serve until the pod ends. Trouble ends nothing: a container that ends makes its instance not ready."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--database", required=True)
    parser.add_argument("--queries", action="append", default=[])
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    exporter, listener = Exporter(given.database, given.queries), None
    while True:
        try:
            listener = listener or listen(PORT)
            serve(listener, exporter.page)
        except Exception as error:  # noqa: BLE001 - the process's edge
            log(f"Answered nobody for {_AGAIN_SECONDS:.0f} seconds: {type(error).__name__}: {error}")
            time.sleep(_AGAIN_SECONDS)


if __name__ == "__main__":
    main()
