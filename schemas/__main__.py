"""The command line: `python -m schemas lint [--policy FILE] FILE|-...`."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.lint.files import FINE, UNREADABLE, default_policy, lint
from schemas.policy.policy import Policy, PolicyError, parse

if TYPE_CHECKING:
    from collections.abc import Sequence

_EPILOG = "Exits with 0 when all is fine, 1 when a database would be refused, 2 when a file cannot be read."


def main(arguments: Sequence[str]) -> int:
    """Run the linter; give its exit code, the worst of all files."""
    given = _parser().parse_args(arguments)
    try:
        policy = parse(given.policy.read_text(encoding="utf-8")) if given.policy else default_policy()
    except (PolicyError, OSError, UnicodeDecodeError) as error:
        for line in _reason(error).splitlines():
            print(f"{given.policy}: {line}", file=sys.stderr)
        return UNREADABLE
    now = datetime.now(UTC)
    return max([_lint(file, policy, now) for file in given.files], default=FINE)


def _lint(file: str, policy: Policy, now: datetime) -> int:
    name = "<stdin>" if file == "-" else file
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        text = raw.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        print(f"{name}: {_reason(error)}", file=sys.stderr)
        return UNREADABLE
    worst = FINE
    for finding in lint(text, policy=policy, now=now):
        target = sys.stderr if finding.exit_code == UNREADABLE else sys.stdout
        print(f"{name}:{finding.line}: {finding.text}", file=target)
        worst = max(worst, finding.exit_code)
    return worst


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read: {error.strerror}"
    return f"cannot be read: {error}" if isinstance(error, UnicodeDecodeError) else str(error)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m schemas", description="Checks of keddah's API.")
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser(
        "lint",
        help="say what a cluster would refuse in YAML files",
        description="Apply keddah's admission rules to every PostgreSQLDatabase in YAML files.",
        epilog=_EPILOG,
    )
    command.add_argument(
        "--policy", type=Path, metavar="FILE", help="policy.yaml of the cluster; default: as installed"
    )
    command.add_argument("files", nargs="+", metavar="FILE", help="a YAML file, or - for standard input")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
