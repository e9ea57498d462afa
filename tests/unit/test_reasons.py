"""The table of reasons is complete, and what it calls noise is not told."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

import controller
from controller.plan.actions import (
    DeletePod,
    Discard,
    Disruption,
    Rebuild,
    RestartPostgres,
    Switchover,
    doing,
)
from controller.report.transitions import transitions
from deploy.documentation.reasons import page
from schemas.api.types import Condition
from schemas.reasons import REASONS, archiving, aspects, backups, stalled, state, waiting
from schemas.reasons.conditions import CONDITIONS

ROOT = Path(controller.__file__).parent
GIVES_A_REASON = frozenset({"Done", "Event", "Finding", "Loss", "Postponed", "Stalled", "Trouble", "Waiting"})
NAME = re.compile(r"[A-Z][A-Za-z]+")
TO_NOBODY = frozenset({"Gone", "Deleted"})
"""Of objects that are gone: there is nothing to tell it of."""


def constants() -> Iterator[str]:
    """Give every text in the controller's code."""
    for path in ROOT.glob("**/*.py"):
        for node in _nodes(path):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def given() -> Iterator[str]:
    """Give every reason that the code names: as an argument, as a default, or as what a function returns."""
    for path in [*ROOT.glob("plan/**/*.py"), *ROOT.glob("report/*.py"), *ROOT.glob("observe/**/pods.py")]:
        for node in _nodes(path):
            yield from _of(node)


@cache
def _nodes(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def _of(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Call(func=ast.Name(id=name), args=arguments) if name in GIVES_A_REASON:
            told = arguments[1:] if name == "Finding" else arguments
        case ast.Return(value=ast.Constant() | ast.IfExp() as value):
            told = [value]
        case ast.Assign(targets=[ast.Name(id="reason")], value=value):
            told = [value]
        case ast.AnnAssign(target=ast.Name(id="reason" | "event"), value=ast.Constant() as value):
            told = [value]
        case _:
            return
    for constant in (each for argument in told for each in _constants(argument)):
        if NAME.fullmatch(constant):
            yield constant


def _constants(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=body, orelse=other):
            yield from (*_constants(body), *_constants(other))


def test_every_reason_that_the_code_gives_is_in_the_table_and_no_other() -> None:
    assert set(given()) - TO_NOBODY - set(REASONS) == set()
    assert set(REASONS) - set(constants()) == set()


def test_every_reason_has_a_name_and_a_meaning_for_the_page() -> None:
    text = page()
    for name, reason in REASONS.items():
        assert NAME.fullmatch(name)
        assert reason.meaning.endswith(".")
        assert reason.next.endswith(".")
        assert reason.next.count("`") % 2 == 0
        assert reason.type == "Normal" or reason.next != "Nothing.", "whoever is warned can do something"
        assert f"| `{name}` | {reason.type} |" in text


def test_the_table_of_conditions_has_all_that_the_api_names() -> None:
    words = msgspec.inspect.type_info(Condition)
    assert isinstance(words, msgspec.inspect.StructType)
    (kind,) = (each.type for each in words.fields if each.name == "type")
    assert isinstance(kind, msgspec.inspect.Metadata)
    assert set(NAME.findall((kind.extra_json_schema or {})["description"])) - {"or"} == set(CONDITIONS)


def test_no_reason_is_in_two_parts_of_the_table() -> None:
    parts = (state, waiting, stalled, aspects, backups, archiving)
    assert sum(len(part.REASONS) for part in parts) == len(REASONS)


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (DeletePod("orders-1", "u", ""), "RollingOut"),
        (RestartPostgres("orders-1", "", ""), "RollingOut"),
        (Switchover("orders-0", None, "", "", ""), "SwitchingOver"),
        (Rebuild("orders-1", "u", "", 1, ""), "RebuildingStandby"),
        (Discard("data-orders-1", "u", "", "", ""), "DiscardingVolume"),
    ],
)
def test_every_step_has_an_event_of_a_fixed_name_and_its_condition_none(
    step: Disruption, reason: str
) -> None:
    assert doing(step) == reason
    assert REASONS[reason].telling == "step"
    assert {type(step)} < {*get_args(Disruption)}


def test_ready_is_told_without_what_else_is_waited_for() -> None:
    lost = {
        "type": "Ready",
        "status": "False",
        "reason": "Reconciling",
        "message": "",
        "observedGeneration": 2,
    }
    again = lost | {"status": "True", "message": "3 of 3 instances serve; child objects were written"}
    events = transitions({"conditions": [lost]}, {"conditions": [again]})
    assert events == [("Normal", "Ready", "3 of 3 instances serve")]


def told(*story: str) -> list[str]:
    """Give the reasons that events tell of a story: for each word `status/reason/generation` of Ready."""
    last: dict[str, Any] = {}
    events = []
    for word in story:
        status, reason, generation = word.split("/")
        condition = {"type": "Ready", "status": status, "reason": reason, "message": ""}
        after = {"conditions": [condition | {"observedGeneration": int(generation)}]}
        events += [f"{kind} {reason}" for kind, reason, _ in transitions(last, after)]
        last = after
    return events


@pytest.mark.parametrize(
    ("story", "events"),
    [
        (
            # Created.
            ("False/Reconciling/1", "False/Creating/1", "False/InstancesStarting/1", "True/Ready/1"),
            ["Normal Creating", "Normal Ready"],
        ),
        (
            # Scaled up.
            ("True/Ready/1", "False/Reconciling/2", "False/StandbysCatchingUp/2", "True/Ready/2"),
            ["Normal Ready", "Normal Ready"],
        ),
        (
            # Scaled down: the last that is waited for does not keep the others from serving.
            ("True/Ready/1", "False/Reconciling/2", "True/StandbysCatchingUp/2", "True/Ready/2"),
            ["Normal Ready", "Normal Ready"],
        ),
        (
            ("True/Ready/1", "False/Reconciling/2", "True/Reconciling/2", "True/Ready/2"),
            ["Normal Ready", "Normal Ready"],
        ),
        (
            # A child is put right.
            ("True/Ready/1", "True/Reconciling/1", "True/Ready/1"),
            ["Normal Ready"],
        ),
        (
            # Rolled out.
            (
                "True/Ready/1",
                "True/Reconciling/2",
                "True/RollingOut/2",
                "False/RollingOut/2",
                "True/RollingOut/2",
                "True/SwitchingOver/2",
                "False/StandbysCatchingUp/2",
                "True/Ready/2",
            ),
            ["Normal Ready", "Normal Ready"],
        ),
        (
            # Reloaded.
            ("True/Ready/1", "True/Reconciling/2", "True/RollingOut/2", "True/Ready/2"),
            ["Normal Ready", "Normal Ready"],
        ),
        (
            # A standby is lost, and comes back.
            ("True/Ready/1", "False/InstancesStarting/1", "False/StandbysCatchingUp/1", "True/Ready/1"),
            ["Normal Ready", "Normal InstancesStarting", "Normal Ready"],
        ),
        (
            # The primary is lost: PrimaryLost and FailedOver tell of it.
            ("True/Ready/1", "False/FailingOver/1", "False/StandbysCatchingUp/1", "True/Ready/1"),
            ["Normal Ready", "Normal Ready"],
        ),
        (
            # Trouble is told however well the instances serve, and so is its end.
            ("True/Ready/1", "True/DiskFull/1", "True/Ready/1", "False/NoPrimary/1"),
            ["Normal Ready", "Warning DiskFull", "Normal Ready", "Warning NoPrimary"],
        ),
        (
            ("True/Ready/1", "False/Reconciling/2", "False/Hibernating/2", "True/Hibernated/2"),
            ["Normal Ready", "Normal Hibernated"],
        ),
        (("False/OfAnotherRelease/1",), ["Warning OfAnotherRelease"]),
    ],
)
def test_a_person_is_told_once_and_not_of_every_step(story: tuple[str, ...], events: list[str]) -> None:
    assert told(*story) == events
