"""Parameters that were taken back: Patroni speaks of them for a moment longer."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from controller.desired.parameters import parameters
from controller.observe.world import configured
from controller.plan.actions import RestartPostgres
from controller.plan.outcome import Waiting
from controller.plan.planner import Plan, plan
from tests.worlds import intent, pod, settled, world

BROKEN = {"shared_preload_libraries": "no_such_library"}
WISH = intent(replicas=3)


def after(
    pending: dict[str, tuple[str, str]], former: dict[str, str], wanted: dict[str, str] | None = None
) -> Plan:
    """Plan for three instances, the last of which must restart, just after parameters were changed."""
    wish = intent(replicas=3, parameters=wanted or {})
    instances = (pod(0, "primary"), pod(1), pod(2, pending_restart=pending))
    around = settled(wish, world(instances))
    return plan(wish, replace(around, former={**parameters(WISH.db), **former}))


def restarts(chosen: Plan) -> list[str]:
    return [action.reason for action in chosen.actions if isinstance(action, RestartPostgres)]


def test_nobody_is_restarted_for_what_was_taken_back_and_it_is_looked_at_again() -> None:
    chosen = after({"shared_preload_libraries": ("", "no_such_library")}, BROKEN)
    assert chosen.actions == ()
    message = "orders-2: Patroni still reports parameters that were reverted"
    assert chosen.outcome == Waiting(2, "RollingOut", message)


@pytest.mark.parametrize(
    ("name", "former", "shown"),
    [
        ("shared_buffers", "8192kB", "8MB"),
        ("max_connections", "0x100", "256"),
        ("wal_level", "Logical", "logical"),
        ("hot_standby", "true", "on"),
        ("Max_Prepared_Transactions", "20", "20"),
    ],
)
def test_values_are_compared_as_the_server_understands_them(name: str, former: str, shown: str) -> None:
    chosen = after({name: ("?", shown)}, {name.lower(): former}, {"shared_buffers": "16MB"})
    assert restarts(chosen) == []


def test_what_is_still_wanted_is_restarted_for() -> None:
    pending = {"max_connections": ("100", "200"), "shared_preload_libraries": ("", "no_such_library")}
    chosen = after(pending, BROKEN, {"max_connections": "200"})
    assert restarts(chosen) == ["max_connections changed"]


def test_the_same_value_in_other_words_is_still_wanted() -> None:
    chosen = after(
        {"shared_buffers": ("128MB", "1GB")}, {"shared_buffers": "1024MB"}, {"shared_buffers": "1GB"}
    )
    assert restarts(chosen) == ["shared_buffers changed"]


@pytest.mark.parametrize(
    "pending",
    [
        # Back to the server's own default.
        {"shared_preload_libraries": ("no_such_library", "")},
        {"max_connections": ("200", "100")},
        # Patroni does not always know.
        {"shared_preload_libraries": ("", "?")},
        {"an.extension": ("a", "b")},
        {},
    ],
)
def test_any_other_pending_restart_is_carried_out(pending: dict[str, tuple[str, str]]) -> None:
    assert len(restarts(after(pending, BROKEN))) == 1


def test_a_while_after_the_change_patroni_is_believed() -> None:
    late = pod(1, pending_restart={"shared_preload_libraries": ("", "no_such_library")})
    wish = intent(replicas=2)
    stuck = replace(settled(wish, world((pod(0, "primary"), late))), former={})
    assert len(restarts(plan(wish, stuck))) == 1


@pytest.mark.parametrize(
    ("annotation", "found"),
    [
        (
            json.dumps({"postgresql": {"parameters": {"jit": "off", "max_connections": 5}}}),
            {"jit", "max_connections"},
        ),
        (json.dumps({"postgresql": None}), set()),
        ("{", set()),
        ("[]", set()),
    ],
)
def test_parameters_are_read_from_patronis_configuration(annotation: str, found: set[str]) -> None:
    maps = {"orders-config": {"metadata": {"annotations": {"config": annotation}}}}
    assert configured(maps, "orders").keys() == found
    assert all(isinstance(value, str) for value in configured(maps, "orders").values())
    assert configured({}, "orders") == {}
