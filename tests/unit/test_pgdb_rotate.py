"""`kubectl pgdb rotate`: whose passwords it means, when it is over, and what it says then."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result

from kubectl_pgdb.__main__ import main
from kubectl_pgdb.completion import candidates
from kubectl_pgdb.kubectl import Ended
from tests.factory import database

ROLES = [
    {"name": "reader"},
    {"name": "groups", "login": False},
    {"name": "mine", "password": {"secret": {"name": "mine"}}},
    {"name": "shop"},
    {"name": "shop_b"},
]

LONG_AGO = "2020-12-01T03:00:00Z"


class Server:
    """kubectl of a database whose roles have new passwords some looks after somebody has asked for it."""

    def __init__(self, *, looks: int = 1, **spec: Any) -> None:  # noqa: ANN401
        self.live = database("orders", roles=ROLES, **spec)
        self.asked = ""
        self._looks = looks

    def __call__(self, command: Sequence[str], given: str | None) -> Ended:
        """Note what is asked for; give the database, with the passwords that it has by then."""
        del given
        if "annotate" in command:
            self.asked = command[-1].partition("=")[2]
        elif self.asked:
            self._looks -= 1
            if self._looks < 0:
                named = self.asked.partition("/")[2] or "app,reader,shop_b"
                self.live["status"] = {"roles": [_rotated(role) for role in named.split(",")]}
        return Ended(0, json.dumps(self.live))


def _rotated(role: str) -> dict[str, object]:
    return {"name": role, "applied": True, "login": f"{role}_b", "lastRotationTime": LONG_AGO}


def ran(server: Server, *words: str) -> Result:
    return CliRunner().invoke(main, ["rotate", "orders", *words], obj=server)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look without a pause."""
    monkeypatch.setattr("kubectl_pgdb.waiting._LOOK_SECONDS", 0)


def test_all_that_have_passwords_of_keddahs_making_get_new_ones() -> None:
    server = Server()
    done = ran(server)
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[-1] == (
        "rotate: app logs in as app_b, reader logs in as reader_b, shop_b logs in as shop_b_b;"
        " the former logins stay valid until the next rotation"
    )
    assert "/" not in server.asked


def test_some_are_named_and_machines_are_told_which_login_is_in_which_secret() -> None:
    server = Server(looks=3)
    done = ran(server, "reader", "-o", "json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["roles"] == [
        {"name": "reader", "login": "reader_b", "lastRotationTime": LONG_AGO}
    ]
    assert server.asked.endswith("/reader")


def test_a_log_is_told_each_change_and_that_it_still_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    waits, end = "rotate: 0 of 1 roles have new passwords", "rotate: reader logs in as reader_b"
    told = ran(Server(looks=3), "reader").output.splitlines()
    assert [line.partition(";")[0] for line in told] == [waits, end]
    monkeypatch.setattr("kubectl_pgdb.waiting._SILENT_SECONDS", 0)
    told = ran(Server(looks=3), "reader").output.splitlines()
    assert [line.partition(";")[0] for line in told] == [waits, waits, waits, end]


def test_a_rotation_of_before_is_none() -> None:
    server = Server(looks=99)
    server.live["status"] = {"roles": [_rotated("reader")]}
    done = ran(server, "reader", "--timeout=0")
    assert done.exit_code == 1
    assert "not over after 0 s: 0 of 1 roles have new passwords" in done.output


@pytest.mark.parametrize(
    ("role", "words"),
    [
        ("raeder", 'raeder is not declared; is it "reader"?'),
        ("zz", "zz is not declared; roles that are: app, groups, mine, reader, shop and shop_b"),
        ("groups", "groups has no password of keddah's making"),
        ("mine", "mine has no password of keddah's making"),
        ("shop", "shop cannot have a second login: shop_b is another role"),
    ],
)
def test_who_cannot_be_meant_is_told_before_anything_is_asked_for(role: str, words: str) -> None:
    server = Server()
    done = ran(server, role)
    assert done.exit_code == 1
    assert words in done.output
    assert not server.asked


def test_a_request_of_a_hibernated_database_is_noted_and_not_waited_for() -> None:
    server = Server(looks=99, hibernated=True)
    done = ran(server)
    assert (done.exit_code, done.stderr) == (
        0,
        "rotate: orders is hibernated: the request is noted, and carried out once it is awake\n",
    )
    assert server.asked
    done = ran(server, "-o", "json")
    assert (done.exit_code, json.loads(done.stdout)["done"]) == (0, False)


def rotated_before(seconds: float) -> Server:
    """Give a database of which one role got another password so many seconds ago."""
    server = Server()
    last = (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()
    server.live["status"] = {"roles": [_rotated("reader") | {"lastRotationTime": last}]}
    return server


@pytest.mark.parametrize("roles", [(), ("app", "reader")])
def test_a_rotation_right_after_another_is_refused_unless_it_is_meant(roles: tuple[str, ...]) -> None:
    server = rotated_before(seconds=100)
    done = ran(server, *roles)
    assert done.exit_code == 1
    assert "Error: reader got a new password 1 min ago: another one now would refuse whoever" in done.output
    assert "two minutes have passed, or rotate nevertheless: --again" in done.output
    assert not server.asked
    assert ran(server, *roles, "--again").exit_code == 0


@pytest.mark.parametrize(("seconds", "roles"), [(125, ("reader",)), (1, ("app",))])
def test_it_is_none_of_others_or_after_two_minutes(seconds: float, roles: tuple[str, ...]) -> None:
    assert ran(rotated_before(seconds), *roles).exit_code == 0


def test_the_help_promises_no_more_than_is_kept() -> None:
    words = " ".join(ran(Server(), "--help").output.split())
    assert "no log-in is refused as long as applications read their Secrets again in between" in words


def test_roles_are_completed_each_once() -> None:
    server = Server()
    assert candidates(["rotate", "orders", ""], server) == ["app", "reader", "shop_b"]
    assert candidates(["rotate", "orders", "reader", "re"], server) == []
