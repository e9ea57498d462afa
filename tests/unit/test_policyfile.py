"""The policy file: read again when it changes; a broken one leaves the old one in force."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from schemas.policy.file import PolicyFile
from schemas.policy.policy import PolicyError
from tests import factory

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(factory.POLICY)
    return path


def test_an_unchanged_file_is_not_read_again(path: Path) -> None:
    log: list[str] = []
    file = PolicyFile(path, log=log.append)
    first = file.current
    assert not file.refresh()
    assert file.current is first
    assert log == []


def test_a_changed_file_is_in_force_after_a_refresh(path: Path) -> None:
    log: list[str] = []
    file = PolicyFile(path, log=log.append)
    path.write_text(factory.POLICY.replace("maximum: 9", "maximum: 5"))
    assert file.current.replicas.maximum == 9
    assert file.refresh()
    assert file.current.replicas.maximum == 5
    assert log == ["Read the policy again"]


def test_a_new_comment_changes_nothing(path: Path) -> None:
    file = PolicyFile(path, log=_silent)
    path.write_text(f"# Ours\n{factory.POLICY}")
    assert not file.refresh()


def test_a_broken_file_is_reported_once_and_the_old_policy_stays(path: Path) -> None:
    log: list[str] = []
    file = PolicyFile(path, log=log.append)
    path.write_text(factory.POLICY.replace("minimum: 1", "minimum: 0").replace("hours: 6", "hours: 25"))
    assert not file.refresh()
    assert not file.refresh()
    assert file.current == factory.policy()
    mistakes = (
        "replicas.minimum: got 0; must be at least 1; scheduleWindow.hours: got 25; must be from 1 to 24"
    )
    assert log == [f"Refused the new policy, the old one stays in force: {mistakes}"]


def test_a_missing_file_is_reported_once_and_the_old_policy_stays(path: Path) -> None:
    log: list[str] = []
    file = PolicyFile(path, log=log.append)
    path.unlink()
    assert not file.refresh()
    assert not file.refresh()
    assert file.current == factory.policy()
    assert len(log) == 1
    assert log[0].startswith("Could not read the policy, the old one stays in force: ")


def test_a_repaired_file_is_in_force_again(path: Path) -> None:
    log: list[str] = []
    file = PolicyFile(path, log=log.append)
    path.write_text("broken")
    assert not file.refresh()
    path.write_text(factory.POLICY.replace("maximum: 9", "maximum: 3"))
    assert file.refresh()
    path.write_text("broken")
    assert not file.refresh()
    assert len(log) == 3


def test_a_file_swapped_by_its_link_is_noticed(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    first.write_text(factory.POLICY)
    second.write_text(factory.POLICY.replace("maximum: 9", "maximum: 8"))
    link = tmp_path / "policy.yaml"
    link.symlink_to(first)
    file = PolicyFile(link, log=_silent)
    link.unlink()
    link.symlink_to(second)
    assert file.refresh()
    assert file.current.replicas.maximum == 8


def test_a_process_does_not_start_on_a_broken_file(path: Path) -> None:
    path.write_text("")
    with pytest.raises(PolicyError):
        PolicyFile(path, log=_silent)


def _silent(_: str) -> None:
    pass
