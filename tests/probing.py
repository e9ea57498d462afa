"""What a process on this machine shows of itself: its probes' port, its memory, and its processor time."""

from __future__ import annotations

import http.client
import os
from pathlib import Path


def probe(port: int, path: str) -> tuple[int, str]:
    """Ask a port of 127.0.0.1; raises OSError when nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def resident(pid: int) -> float:
    """Give a process's resident memory in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS:"))) / 1024


def processor_seconds(pid: int) -> float:
    """Give the processor time that a process has used, in seconds (proc(5), stat: utime and stime)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
