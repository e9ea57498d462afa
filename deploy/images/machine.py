"""What of the machine's own settings a build needs: how pip and apt reach their packages here.

They are handed to the build as secrets, so that neither the image nor the repository names a registry.
"""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_PIP_OPTIONS: Final = ("index-url", "extra-index-url", "trusted-host", "timeout", "retries", "proxy")
_APT_OPTIONS: Final = re.compile(
    r'^Acquire::(Check-Valid-Until|Check-Date|Retries|https?::Proxy\S*) "[^"]+";$', re.MULTILINE
)
_SOURCE: Final = re.compile(r"^(?:URIs:|deb)(?: +\[[^]]*\])? +(\S+)", re.MULTILINE)
CA_IN_BUILD: Final = "/run/secrets/ca.pem"


def secrets(environment: Mapping[str, str], folder: Path) -> dict[str, Path]:
    """Write the files that the Dockerfile mounts as secrets, and give them by id; none if none is needed."""
    folder.mkdir(mode=0o700, exist_ok=True)
    settings = pip_settings(pip_files(environment), environment)
    found = {"apt": apt_configuration(_apt_dump())}
    authorities = settings.pop("cert", "")
    if authorities and Path(authorities).is_file():
        found["ca"] = Path(authorities).read_text()
        settings["cert"] = CA_IN_BUILD
    if settings:
        found["pip"] = "\n".join(["[global]", *(f"{name} = {value}" for name, value in settings.items()), ""])
    files = {name: folder / name for name, text in found.items() if text}
    for name, file in files.items():
        file.write_text(found[name])
    return files


def pip_settings(files: Iterable[Path], environment: Mapping[str, str]) -> dict[str, str]:
    """Give pip's options that decide where packages come from; the environment wins (pip, Configuration)."""
    parser = configparser.RawConfigParser()
    parser.read(files)
    settings: dict[str, str] = {}
    for name in (*_PIP_OPTIONS, "cert"):
        for section in ("global", "install"):
            if parser.has_option(section, name):
                settings[name] = parser.get(section, name)
        variable = "PIP_" + name.upper().replace("-", "_")
        if environment.get(variable):
            settings[name] = environment[variable]
    return settings


def pip_files(environment: Mapping[str, str]) -> list[Path]:
    """Return where pip's configuration may be, the most important last."""
    home = Path(environment.get("HOME", "/root"))
    own = environment.get("PIP_CONFIG_FILE")
    return [
        Path("/etc/pip.conf"),
        home / ".pip/pip.conf",
        home / ".config/pip/pip.conf",
        *([Path(own)] if own else []),
    ]


def apt_configuration(dump: str) -> str:
    """Return the lines of `apt-config dump` that decide whether packages can be fetched."""
    return "".join(f"{match.group()}\n" for match in _APT_OPTIONS.finditer(dump))


def _apt_dump() -> str:
    if not shutil.which("apt-config"):
        return ""
    return subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout


def debian_mirrors(sources: str) -> tuple[str | None, str | None]:
    """Return where the machine has Debian's packages and its security updates from, if it says."""
    addresses = [address.rstrip("/") for address in _SOURCE.findall(sources)]
    packages = next((address for address in addresses if address.endswith("/debian")), None)
    security = next((address for address in addresses if address.endswith("/debian-security")), None)
    return packages, security


def apt_sources(folder: Path = Path("/etc/apt")) -> str:
    """Return the text of all of apt's sources; nothing on a machine without apt."""
    files = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]
    return "\n".join(file.read_text() for file in files if file.is_file())
