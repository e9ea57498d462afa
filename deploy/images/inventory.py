"""What is installed in an image, as JSON; run inside of it, by its Python, so this imports nothing else.

`system` has the fields of os-release(5), `debian` the packages that dpkg knows, `python` the distributions of
every virtual environment below /opt.
"""

from __future__ import annotations

import glob
import json
import platform
import subprocess
from importlib.metadata import distributions

_FIELDS = {
    "name": "Package",
    "version": "Version",
    "architecture": "Architecture",
    "source": "source:Package",
    "source_version": "source:Version",
}
_LICENSE = "License-Expression"


def debian() -> list[dict[str, str]]:
    """Return the installed packages of Debian."""
    form = "\t".join(f"${{{field}}}" for field in _FIELDS.values())
    command = ["dpkg-query", "--show", "--showformat", f"${{db:Status-Status}}\t{form}\n"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    rows = [line.split("\t") for line in lines]
    return [dict(zip(_FIELDS, row[1:], strict=True)) for row in rows if row[0] == "installed"]


def python() -> list[dict[str, str]]:
    """Return the Python distributions, and the licence of each where it is an SPDX expression (PEP 639)."""
    found = distributions(path=sorted(glob.glob("/opt/*/lib/python3*/site-packages")))  # noqa: PTH207
    return [
        {
            "name": each.metadata["Name"],
            "version": each.version,
            "license": each.metadata[_LICENSE] if _LICENSE in each.metadata else "",  # noqa: SIM401 - no dict
        }
        for each in found
    ]


if __name__ == "__main__":
    print(json.dumps({"system": platform.freedesktop_os_release(), "debian": debian(), "python": python()}))
