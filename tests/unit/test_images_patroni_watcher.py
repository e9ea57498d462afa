"""An error ends no watcher."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest

from deploy.images.patroni import watcher
from deploy.images.patroni.watcher import AGAIN_SECONDS, SAID_AGAIN, Watchers, keep


class EnoughError(BaseException):
    """The test has seen what it wanted."""


def kept(*outcomes: Exception | None, caplog: pytest.LogCaptureFixture) -> list[str]:
    ends = iter(outcomes)

    def watch() -> None:
        outcome = next(ends, EnoughError())
        if outcome is not None:
            raise outcome

    def pause(seconds: float) -> None:
        assert seconds == AGAIN_SECONDS

    with pytest.raises(EnoughError):
        keep("lock", watch, pause)
    return [record.getMessage() for record in caplog.records]


def test_a_watcher_goes_on_after_each_error(caplog: pytest.LogCaptureFixture) -> None:
    said = kept(ValueError("a"), None, KeyError("b"), caplog=caplog)
    assert said == ["Started a watcher again after an error: watcher=lock times=1"] * 2


def test_an_error_that_repeats_is_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    assert len(kept(*[OSError(5, "no")] * 3, caplog=caplog)) == 1
    caplog.clear()
    assert kept(*[OSError(5, "no")] * (SAID_AGAIN + 1), caplog=caplog)[1:] == [
        f"Started a watcher again after an error: watcher=lock times={SAID_AGAIN + 1}"
    ]


unhandled = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


class Watch:
    """A watcher that ends its thread as often as it was told to, and then watches until it may end."""

    def __init__(self, *ends: BaseException) -> None:
        self.begun, self.watching, self.over = 0, threading.Event(), threading.Event()
        self._ends = list(ends)

    def __call__(self) -> None:
        """Watch."""
        self.begun += 1
        if self._ends:
            raise self._ends.pop(0)
        self.watching.set()
        self.over.wait(10)
        raise SystemExit


def ended(name: str) -> None:
    """Wait until no thread has this name."""
    for thread in threading.enumerate():
        if thread.name == name:
            thread.join(10)
            assert not thread.is_alive()


@unhandled
def test_a_thread_that_has_ended_all_the_same_is_told_and_started_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    watchers, watch = Watchers(), Watch(SystemExit())
    watchers.start("watcher under test", watch)
    ended("watcher under test")
    assert not watch.watching.is_set()
    watchers.revive()
    assert watch.watching.wait(10)
    watchers.revive()
    assert watch.begun == 2
    told = "Started a watcher again whose thread had ended: watcher=watcher under test"
    assert [record.getMessage() for record in caplog.records] == [told]
    watch.over.set()
    ended("watcher under test")


@unhandled
def test_where_no_thread_can_be_started_patroni_goes_on(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    watchers, watch = Watchers(), Watch(SystemExit())
    watchers.start("watcher under test", watch)
    ended("watcher under test")

    def full(_: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", full)
        watchers.revive()
    assert "Could not start a watcher: watcher=watcher under test" in caplog.text
    watchers.revive()
    assert watch.watching.wait(10)
    watch.over.set()
    ended("watcher under test")


def test_no_thread_of_the_image_is_without_a_keeper() -> None:
    folder, starters = Path(watcher.__file__).parent, r"\b(Thread|Timer|ThreadPoolExecutor|fork)\("
    found = [path.name for path in folder.glob("*.py") if re.search(starters, path.read_text("utf-8"))]
    assert (folder / "lock.py").exists()
    assert found == ["watcher.py"]
