"""A restore whose answer is final waits in place, instead of ending its container again and again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.protocol.settings import RestoreRequest, Settings, VolumeRepository
from deploy.images.backup import refusal

REQUEST = RestoreRequest(
    source=Settings(archive="orders-1", data="/data", repository=VolumeRepository(host="r")), database="app"
)


class Mounted:
    """The request as it is mounted, which changes after some looks; OSError while it is gone."""

    def __init__(self, *texts: str | None) -> None:
        self._texts: Iterator[str | None] = iter(texts)
        self.pauses: list[float] = []
        self.said: list[str] = []

    def __call__(self) -> str:
        """Read it."""
        text = next(self._texts)
        if text is None:
            raise FileNotFoundError
        return text


def waited(mounted: Mounted, file: Path) -> int:
    refusal.wait(mounted, mounted.pauses.append, mounted.said.append, file)
    return len(mounted.pauses)


def test_nothing_was_refused_before_the_first_attempt(tmp_path: Path) -> None:
    assert waited(Mounted(), tmp_path / "refused") == 0


def test_what_was_refused_waits_until_something_else_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "run/refused"
    refusal.note("one", file)
    mounted = Mounted("one", None, "one", "another")
    assert waited(mounted, file) == 3
    assert len(mounted.said) == 1
    assert waited(Mounted("another"), file) == 0


def test_a_request_reads_as_it_was_written() -> None:
    assert RestoreRequest.read(REQUEST.text()) == REQUEST


@pytest.mark.parametrize("text", ["", "damaged"])
def test_a_damaged_note_refuses_nothing(text: str, tmp_path: Path) -> None:
    (tmp_path / "refused").write_text(text)
    assert waited(Mounted("one"), tmp_path / "refused") == 0
