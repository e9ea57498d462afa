"""`python -m deploy.parameters`: write down what each major of PostgreSQL says of its own parameters.

The data is read from pg_settings of a server from the image that keddah runs, one file a major, and
committed: rules about parameters are PostgreSQL's own, and a new minor shows what it changed as a diff.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deploy.images.build import Naming, Workshop, build
from deploy.images.engine import EngineError
from deploy.images.inputs import POSTGRES
from deploy.local.processes import CommandError
from deploy.local.state import cache_root

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.images.engine import Engine

_CHECKOUT: Final = Path(__file__).parents[1]
_DATA: Final = _CHECKOUT / "schemas/data"
MAJORS: Final = (17, 18)

FIELDS: Final = ("name", "vartype", "unit", "context", "min_val", "max_val", "enumvals", "boot_val")

# PostgreSQL without a postmaster: no socket, no port, a second a major (postgres(1), Single-User Mode).
# Of COPY's formats only CSV can leave its text alone: neither delimiter nor quote is in JSON.
_SCRIPT: Final = """
set -eu
bin=/usr/lib/postgresql/{major}/bin
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
"$bin/initdb" --pgdata="$folder/data" --username=postgres --auth=reject --no-sync --no-instructions \\
    --encoding=UTF8 --locale-provider=builtin --builtin-locale=C.UTF-8 --locale=C.UTF-8 >/dev/null
"$bin/postgres" --single -D "$folder/data" postgres >/dev/null <<END
COPY (SELECT row_to_json(setting) FROM (SELECT {fields} FROM pg_settings) setting) \
TO '$folder/settings' WITH (FORMAT csv, DELIMITER E'\\x01', QUOTE E'\\x02');
END
cat "$folder/settings"
"""


def settings(engine: Engine, image: str, major: int) -> str:
    """Return the parameters of a major in the image as the text of a JSON list, by name, one a line."""
    printed = engine.run(image, _SCRIPT.format(major=major, fields=", ".join(FIELDS)))
    return document(printed)


def document(printed: str) -> str:
    """Return what the server printed, a JSON object a line, as the text of the data file."""
    rows = sorted((json.loads(line) for line in printed.splitlines()), key=lambda row: str(row["name"]))
    lines = [json.dumps(row, separators=(", ", ": "), ensure_ascii=False) for row in rows]
    return "[\n" + ",\n".join(lines) + "\n]\n"


def main(arguments: Sequence[str]) -> int:
    """Write the data, or with `--check` say whether it is current; give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.parameters", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare; 1 when the data is not current")
    check = parser.parse_args(arguments).check
    month = datetime.now(tz=UTC).strftime("%Y-%m")
    workshop = Workshop(_CHECKOUT, cache_root(os.environ), month, os.environ)
    try:
        built = build(POSTGRES, Naming(), workshop)
        texts = {major: settings(workshop.engine(), built.content_name, major) for major in MAJORS}
    except (EngineError, CommandError) as error:
        print(error, file=sys.stderr)
        return 2
    return max(_deliver(_DATA / f"parameters-{major}.json", text, check) for major, text in texts.items())


def _deliver(file: Path, text: str, check: bool) -> int:  # noqa: FBT001 - the command line's own flag
    current = file.exists() and file.read_text() == text
    if check and not current:
        print(f"{file.name} is not what the image says; run `python -m deploy.parameters`", file=sys.stderr)
        return 1
    if not current:
        file.write_text(text)
        print(f"wrote {file.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
