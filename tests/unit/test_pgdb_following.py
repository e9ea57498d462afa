"""`kubectl pgdb logs --follow` goes on across restarts of containers, and tells no line twice."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from itertools import islice
from pathlib import Path
from typing import TypeAlias

import pytest
from rich.console import Console

from kubectl_pgdb import following
from kubectl_pgdb.following import followed
from kubectl_pgdb.kubectl import Kubectl
from kubectl_pgdb.lines import Line
from kubectl_pgdb.session import Session

# A kubectl that follows two containers, of which the second is another one after a while. As the real one it
# stays with those that there were.
SCRIPT = """#!/bin/sh
echo "$*" >> "$0.said"
line() { echo "[pod/orders-$1/postgres] 2026-12-01T03:00:0$2.000000000Z $3"; }
case "$*" in
*get*--watch*)
    echo "orders-0 t1"; echo "orders-1 t1"
    while [ ! -e "$0.restart" ]; do sleep 0.02; done
    touch "$0.restarted"; echo "orders-1 t2"; exec sleep 60;;
*get*) echo "orders-0 t1"; echo "orders-1 t1";;
*logs*)
    line 0 1 first; line 1 2 first
    if [ -e "$0.restarted" ]; then line 1 3 again; line 0 4 on; fi
    exec sleep 60;;
esac
"""

Lines: TypeAlias = Generator[Line, None, None]


def said(lines: Lines, count: int) -> list[str]:
    """Give the next lines in short."""
    return [f"{line.instance} {line.message}" for line in islice(lines, count)]


@pytest.fixture
def lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lines]:
    monkeypatch.setattr(following, "_AGAIN_SECONDS", 0.02)
    program = tmp_path / "kubectl"
    program.write_text(SCRIPT)
    program.chmod(0o700)
    kubectl = Kubectl(program=str(program))
    found = followed(Session(kubectl, Console()), ["logs", "--tail=5"], ["--selector=a"])
    yield found
    found.close()


def test_a_container_that_starts_again_is_followed_and_no_line_comes_twice(
    lines: Lines, tmp_path: Path
) -> None:
    assert said(lines, 2) == ["orders-0 first", "orders-1 first"]
    (tmp_path / "kubectl.restart").touch()
    assert said(lines, 2) == ["orders-1 again", "orders-0 on"]
    asked = (tmp_path / "kubectl.said").read_text().splitlines()
    # Ten seconds before the newest line: another container's may have come later than it was written.
    assert [each for each in asked if each.startswith("logs")] == [
        "logs --tail=5 --follow",
        "logs --since-time=2026-12-01T02:59:52Z --follow",
    ]


def test_who_ends_it_leaves_no_kubectl_behind(lines: Lines, tmp_path: Path) -> None:
    assert said(lines, 1) == ["orders-0 first"]
    lines.close()
    for _ in range(100):
        left = [
            each
            for each in Path("/proc").glob("[0-9]*/environ")
            if str(tmp_path).encode() in _read(each.with_name("cmdline"))
        ]
        if not left:
            return
        time.sleep(0.02)
    raise AssertionError(left)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
