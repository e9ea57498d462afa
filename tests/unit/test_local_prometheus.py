"""Where Prometheus and promtool come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.local.prometheus import PROGRAMS, PrometheusError, prometheus

APT = """#!/bin/sh
echo "$@" >>"$CALLS"
case $1 in
    update) touch "$LISTS" ;;
    download) test -e "$LISTS" && touch prometheus_1_amd64.deb ;;
esac
"""
DPKG = """#!/bin/sh
mkdir -p "$3/usr/bin" && touch "$3/usr/bin/prometheus" "$3/usr/bin/promtool"
"""


def programs(folder: Path, **texts: str) -> None:
    folder.mkdir()
    for name, text in texts.items():
        (folder / name.replace("_", "-")).write_text(text)
        (folder / name.replace("_", "-")).chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a Debian whose package lists are empty, and the file with what apt was asked for."""
    programs(tmp_path / "bin", apt_get=APT, dpkg_deb=DPKG)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("LISTS", str(tmp_path / "lists"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("deploy.local.prometheus.shutil.which", which(tmp_path / "bin"))
    return tmp_path / "calls"


def which(folder: Path) -> object:
    """Return what finds programs of this folder only, whatever else the machine has."""

    def found(name: str, path: str | None = None) -> str | None:
        del path
        return str(folder / name) if (folder / name).exists() else None

    return found


def test_the_package_is_unpacked_once_and_nothing_is_installed(machine: Path) -> None:
    said: list[str] = []
    folder = prometheus(said.append)
    assert sorted(path.name for path in folder.iterdir()) == sorted(PROGRAMS)
    assert prometheus(said.append) == folder
    assert machine.read_text().splitlines() == [
        "download -q prometheus",
        "update -q",
        "download -q prometheus",
    ]
    assert len(said) == 1


def test_who_is_not_root_is_told_what_is_missing(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(PrometheusError, match="Debian's package prometheus cannot be had: "):
        prometheus(lambda _: None)
    assert machine.read_text().splitlines() == ["download -q prometheus"]


def test_the_machines_own_are_taken(machine: Path) -> None:
    programs_of = machine.parent / "bin"
    for name in PROGRAMS:
        (programs_of / name).touch()
    assert prometheus(lambda _: None) == programs_of
    assert not machine.exists()
