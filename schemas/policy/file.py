"""The policy as a mounted file that may change under the process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.policy.policy import Policy, PolicyError, parse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class PolicyFile:
    """The policy in force. A broken new file is reported once and the old policy stays."""

    def __init__(self, path: Path, *, log: Callable[[str], None]) -> None:
        """Read the policy; raises PolicyError or OSError, since there is no old one to keep."""
        self._path = path
        self._log = log
        self._seen = self._stamp()
        self._current = parse(path.read_text(encoding="utf-8"))

    @property
    def current(self) -> Policy:
        """The newest valid policy."""
        return self._current

    def refresh(self) -> bool:
        """Read the file again if it changed; tells whether another policy is now in force."""
        try:
            stamp = self._stamp()
            if stamp == self._seen:
                return False
            self._seen = stamp
            policy = parse(self._path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            self._report(f"Could not read the policy, the old one stays in force: {error}")
            return False
        except PolicyError as error:
            mistakes = "; ".join(map(str, error.violations))
            self._report(f"Refused the new policy, the old one stays in force: {mistakes}")
            return False
        changed = policy != self._current
        self._current = policy
        self._reported = ""
        if changed:
            self._log("Read the policy again")
        return changed

    _reported = ""

    def _report(self, message: str) -> None:
        if message != self._reported:
            self._reported = message
            self._log(message)

    def _stamp(self) -> tuple[int, int, int]:
        # A ConfigMap volume swaps a symbolic link, so the inode changes even when the time does not.
        state = self._path.stat()
        return state.st_ino, state.st_mtime_ns, state.st_size
