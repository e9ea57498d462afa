"""`keddah-backup`: back a database up, restore it, prove that it can be restored."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from controller.protocol.results import RESULT_FILE, Command, Result
from controller.protocol.settings import (
    FINAL,
    RUN_DIRECTORY,
    SETTINGS_FILE,
    ProtocolError,
    Reason,
    RestoreRequest,
    Settings,
)

from . import archiving, backups, recovering, refusal, restoring, serving, verification
from .configuration import FILE, Place, write
from .contents import moment, survey
from .pgbackrest import BackupError, PgBackRest, to_standard_error


def main(arguments: Sequence[str]) -> int:
    """Run one command, and give the exit code."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _exit if options.command == "serve" else _end)
    if options.command in ("configure", "serve", "info", "archiving"):
        return _plain(options)
    return _reported(options)


def _plain(options: argparse.Namespace) -> int:
    """Run what has no result to report."""
    try:
        return _PLAIN[options.command](options)
    except (BackupError, ProtocolError, OSError) as error:
        print(f"keddah-backup {options.command}: {error}", file=sys.stderr)
        return 1


def _reported(options: argparse.Namespace) -> int:
    """Run what ends with a result, and write that where the kubelet reads it."""
    command: Command = options.command
    began = moment(_now().timestamp())
    try:
        result = _REPORTED[command](options)
    except BackupError as error:
        result = Result(command, began, moment(_now().timestamp()), error.reason, str(error))
    except (ProtocolError, OSError) as error:
        result = Result(command, began, moment(_now().timestamp()), Reason.INVALID_SETTINGS, str(error))
    print(result.text())
    Path(options.result).write_text(result.text())
    return 1 if result.reason else 0


def _exit(*_: object) -> None:
    raise SystemExit(0)


def _end(*_: object) -> None:
    raise BackupError(Reason.INTERRUPTED, "it was told to end")


def _now() -> datetime:
    return datetime.now(UTC)


def _settings(options: argparse.Namespace) -> Settings:
    return Settings.read(Path(options.settings).read_text())


def _configured(options: argparse.Namespace, place: Place) -> tuple[Settings, PgBackRest]:
    settings = _settings(options)
    Path(RUN_DIRECTORY).mkdir(exist_ok=True)
    write(settings, place, os.environ)
    return settings, PgBackRest(settings.archive)


def _configure(options: argparse.Namespace) -> int:
    _configured(options, options.place)
    return 0


def _serve(options: argparse.Namespace) -> int:
    serving.serve(lambda: _settings(options), options.place, os.environ, time.sleep, to_standard_error)


def _info(options: argparse.Namespace) -> int:
    settings, program = _configured(options, options.place)
    print(json.dumps(asdict(survey(program, settings.archive)[2])))
    return 0


def _archiving(options: argparse.Namespace) -> int:
    print(json.dumps(asdict(archiving.queue(_settings(options)))))
    return 0


def _backup(options: argparse.Namespace) -> Result:
    settings, program = _configured(options, "repository")
    return backups.back_up(settings, program, _now, time.sleep, full=options.full)


def _expire(options: argparse.Namespace) -> Result:
    settings, program = _configured(options, "repository")
    return backups.expire(settings, program, _now)


def _restore(options: argparse.Namespace) -> Result:
    if options.request:
        refusal.wait(Path(options.request).read_text, time.sleep, to_standard_error)
        asked = Path(options.request).read_text()
        try:
            return _requested(options, RestoreRequest.read(asked))
        except BackupError as error:
            if error.reason in FINAL:
                refusal.note(asked)
            raise
    source = Settings.read(Path(options.source or options.settings).read_text())
    if options.into:
        source = replace(source, data=options.into)
    folder = Path(recovering.SOURCE_DIRECTORY)
    folder.mkdir(parents=True, exist_ok=True)
    write(source, "member", os.environ, folder)
    program = PgBackRest(source.archive, file=str(folder / Path(FILE).name))
    target = restoring.Target(options.time, options.lsn, options.name, options.timeline)
    return restoring.restore(source, program, target, _now, aside=options.aside)


def _requested(options: argparse.Namespace, request: RestoreRequest) -> Result:
    into = options.into or request.source.data
    clock = (_now, time.sleep)
    if request.back:
        # From its own archive, as ever after.
        Path(RUN_DIRECTORY).mkdir(exist_ok=True)
        write(request.source, "member", os.environ)
        return recovering.begin_timeline(Path(into), *clock, to_standard_error)
    return recovering.recover(request, into, os.environ, *clock, to_standard_error, aside=options.aside)


def _verify(options: argparse.Namespace) -> Result:
    settings = replace(_settings(options), data=options.scratch)
    Path(RUN_DIRECTORY).mkdir(exist_ok=True)
    write(settings, "member", os.environ)
    program = PgBackRest(settings.archive)
    return verification.verify(settings, program, _now, time.sleep, to_standard_error)


_PLAIN: dict[str, Callable[[argparse.Namespace], int]] = {
    "configure": _configure,
    "serve": _serve,
    "info": _info,
    "archiving": _archiving,
}
_REPORTED: dict[str, Callable[[argparse.Namespace], Result]] = {
    "backup": _backup,
    "expire": _expire,
    "restore": _restore,
    "verify": _verify,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="keddah-backup", description=__doc__)
    parser.add_argument("--settings", default=SETTINGS_FILE)
    parser.add_argument("--result", default=RESULT_FILE, help="where the result is written, as JSON")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, said in (
        ("configure", "write the configuration that PostgreSQL's archive and restore commands read"),
        ("serve", "write it, and serve this pod's data or repository to the other side"),
        ("info", "print what the repository holds, as JSON"),
    ):
        commands.add_parser(name, help=said).add_argument(
            "--place", choices=("member", "repository"), default="member"
        )
    commands.add_parser("archiving", help="print what waits for the archive, and why, as JSON")
    making = commands.add_parser("backup", help="make a backup, and remove what is too old")
    making.add_argument("--full", action="store_true", help="a full one, whenever the last was made")
    commands.add_parser("expire", help="remove what is too old")
    verifying = commands.add_parser("verify", help="prove that the newest backup can be restored")
    verifying.add_argument("--scratch", required=True, help="a folder to restore into")
    _restoring(commands.add_parser("restore", help="fill a data directory from a backup"))
    return parser


def _restoring(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--request", default="", help="a file with all of it; WAL is then replayed, too")
    parser.add_argument("--source", default="", help="settings of the archive to read, if it is another's")
    parser.add_argument("--into", default="", help="the data directory; that of the settings by default")
    parser.add_argument("--aside", default="", help="rename a data directory that is in use: NAME.ASIDE")
    parser.add_argument("--time", type=_moment, help="replay ends at this moment (RFC 3339)")
    parser.add_argument("--lsn", default="")
    parser.add_argument("--name", default="", help="of a restore point")
    parser.add_argument("--timeline", default="")


def _moment(text: str) -> datetime:
    read = datetime.fromisoformat(text)
    if read.tzinfo is None:
        raise argparse.ArgumentTypeError("the zone is missing: 2026-11-27T10:00:00Z")
    return read


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
