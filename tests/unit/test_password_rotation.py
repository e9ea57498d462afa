"""Passwords that rotate: what the server is told, when the Secret says so, what follows from accidents."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.certificates.generations import Generation
from controller.certificates.keys import DatabaseKeys
from controller.observe.access.state import Access, Entry, RoleState
from controller.observe.drift import stamp
from controller.observe.state import ObservedState
from controller.plan.access.logins import ready
from controller.plan.access.looks import Looks
from controller.plan.access.steps import todo
from controller.plan.actions import Apply
from controller.plan.outcome import Done
from controller.plan.rotation import SecretsSeen, overdue, rotated, seen, sleep
from controller.postgresql.verifier import verifier
from controller.report.access import ACCESS
from controller.report.finding import Subject
from controller.report.restored import written
from schemas.api.types import PostgreSQLDatabase, decode
from schemas.rules.access.names import second_login
from tests.factory import complete_database
from tests.servers import KEYS, NOW, OWNER, ROLE, found, has, statements, told_by_primary
from tests.states import claim
from tests.unit.test_credentials import made

ANALYST = {"name": "analyst", "password": {"rotateEvery": "30d"}}
PURPOSE = "role.analyst"
WITH_DATA: dict[str, Any] = {"claims": (claim(0),)}


def declared(
    request: str = "",
    status: list[dict[str, Any]] | None = None,
    **spec: Any,  # noqa: ANN401
) -> PostgreSQLDatabase:
    manifest = complete_database(**spec)
    if request:
        manifest["metadata"]["annotations"] = {"keddah.dev/rotate-passwords": request}
    return decode({**manifest, "status": {"roles": status or []}})


def keys(
    number: int = 0, *, upcoming: bool = False, since: datetime = NOW, purpose: str = PURPOSE
) -> DatabaseKeys:
    return replace(KEYS, generations={purpose: Generation(number, since, upcoming=upcoming)})


def after(
    db: PostgreSQLDatabase, before: DatabaseKeys, ready: dict[str, int], days: float = 0
) -> dict[str, Any]:
    turned = rotated(db, before, ready, NOW + timedelta(days=days)).generations
    return {purpose: (each.number, each.upcoming) for purpose, each in turned.items()}


@pytest.mark.parametrize(
    ("db", "before", "ready", "days", "expected"),
    [
        (declared(), KEYS, {}, 0, {}),
        (declared(roles=[ANALYST]), KEYS, {}, 0, {PURPOSE: (0, False)}),
        (declared(roles=[ANALYST]), keys(), {}, 29.9, {PURPOSE: (0, False)}),
        (declared(roles=[ANALYST]), keys(), {}, 30, {PURPOSE: (0, True)}),
        # The Secret waits until the server was seen to know the password, of that generation.
        (declared(roles=[ANALYST]), keys(upcoming=True), {}, 60, {PURPOSE: (0, True)}),
        (declared(roles=[ANALYST]), keys(upcoming=True), {"analyst": 2}, 60, {PURPOSE: (0, True)}),
        (declared(roles=[ANALYST]), keys(upcoming=True), {"analyst": 1}, 60, {PURPOSE: (1, False)}),
        (declared(roles=[ANALYST]), keys(1), {}, 30, {PURPOSE: (1, True)}),
        # At once, for all of them or some; the owner's too.
        (declared("x", roles=[{"name": "analyst"}]), KEYS, {}, 0, {PURPOSE: (0, True), "app": (0, True)}),
        (declared("x/app", roles=[{"name": "analyst"}]), KEYS, {}, 0, {"app": (0, True)}),
        (declared("x"), replace(KEYS, request="x"), {}, 0, {}),
        # Not of those that have none of keddah's making.
        (
            declared(
                "x",
                roles=[
                    {"name": "a", "login": False},
                    {"name": "b", "password": {"secret": {"name": "mine"}}},
                ],
            ),
            KEYS,
            {},
            0,
            {"app": (0, True)},
        ),
        # What would be its second login is another role.
        (declared("x", roles=[{"name": "app_b"}]), KEYS, {}, 0, {"app": (0, False), "role.app_b": (0, True)}),
    ],
)
def test_a_password_goes_from_one_generation_to_the_next(
    db: PostgreSQLDatabase, before: DatabaseKeys, ready: dict[str, int], days: float, expected: dict[str, Any]
) -> None:
    assert after(db, before, ready, days) == expected


def test_a_request_that_comes_during_a_rotation_joins_it() -> None:
    """Somebody tries again where the first has to wait: a second one would end the login that is in use."""
    first = rotated(declared("x"), KEYS, {}, NOW)
    again = declared("y")
    during = rotated(again, first, {}, NOW)
    assert (during.generations["app"].number, during.request) == (0, "y")
    followed = rotated(again, during, {"app": 1}, NOW)
    assert (followed.generations["app"].number, followed.generations["app"].upcoming) == (1, False)
    assert rotated(again, followed, {}, NOW) == followed
    assert rotated(declared("z"), followed, {}, NOW).generations["app"].upcoming


def test_none_begins_before_the_secret_says_what_the_last_one_was_about() -> None:
    """The write of a Secret may be refused: another rotation would end the login that it has."""
    first = made()
    at = replace(DatabaseKeys.decode(first["orders-keys"]["data"]), **_second("app"))
    assert seen(declared(), at, first) == SecretsSeen(former=frozenset({"app"}))
    lagging, without = SecretsSeen(former=frozenset({"app"})), SecretsSeen(missing=frozenset({"app"}))
    joined = rotated(declared("x"), keys(1, purpose="app"), {}, NOW, lagging)
    assert (joined.generations["app"], joined.request) == (Generation(1, NOW), "x")
    often = declared(roles=[{"name": "app", "password": {"rotateEvery": "1d"}}])
    assert rotated(often, keys(1, purpose="app"), {}, NOW + timedelta(days=9), lagging) == keys(
        1, purpose="app"
    )
    # Of a missing one nobody knows the login, so the request stands until it is there.
    waiting = rotated(declared("x"), KEYS, {}, NOW, without)
    assert (dict(waiting.generations), waiting.request) == ({}, "")
    assert rotated(declared("x"), waiting, {}, NOW).generations["app"].upcoming


def test_a_secret_as_the_keys_say_or_edited_by_hand_keeps_no_rotation_waiting() -> None:
    first = made()
    at = DatabaseKeys.decode(first["orders-keys"]["data"])
    assert seen(declared(), at, first) == SecretsSeen()
    assert seen(declared(), at, {}) == SecretsSeen(missing=frozenset({"app"}))
    edited = {"orders-app": {**first["orders-app"], "data": _login("mine")}}
    assert seen(declared(), replace(at, **_second("app")), edited) == SecretsSeen()


def state(password: str, **more: Any) -> RoleState:  # noqa: ANN401
    return replace(ROLE, verifier=verifier(password, b"any"), **more)


def second(generation: int, of: str = "analyst", purpose: str = PURPOSE, **more: Any) -> dict[str, RoleState]:  # noqa: ANN401
    mine = {"groups": frozenset({of}), "settings": frozenset({f"role={of}"})} | more
    return {second_login(of): state(KEYS.password(purpose, generation), **mine)}


def server(at: DatabaseKeys, roles: dict[str, RoleState]) -> Access:
    return replace(found(roles), keys=at)


MEMBER = 'postgres: GRANT "analyst" TO "analyst_b" WITH INHERIT TRUE, SET TRUE'
ENDED = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
BECOMES = "postgres: ALTER ROLE \"analyst_b\" SET role = 'analyst'"


@pytest.mark.parametrize(
    ("at", "roles", "expected"),
    [
        (keys(), has("analyst"), []),
        (
            keys(upcoming=True),
            has("analyst"),
            ['postgres: CREATE ROLE "analyst_b" LOGIN', MEMBER, BECOMES],
        ),
        (keys(upcoming=True), has("analyst") | second(1), []),
        (keys(1), has("analyst") | second(1), []),
        # The first one has its turn again, and the second keeps what consumers may have.
        (keys(1, upcoming=True), has("analyst") | second(1), ['postgres: ALTER ROLE "analyst"']),
        (keys(1, upcoming=True), {"analyst": state(KEYS.password(PURPOSE, 2))} | second(1), []),
        # Put back by hand.
        (keys(1), has("analyst") | second(3), ['postgres: ALTER ROLE "analyst_b"']),
        (keys(1), has("analyst") | second(1, settings=frozenset()), [MEMBER, BECOMES]),
        # It is known by its password.
        (keys(1), has("analyst") | second(1, groups=frozenset()), [MEMBER, BECOMES]),
        # What a session made that had left the role.
        (
            keys(1),
            has("analyst") | second(1, owns_in=frozenset({"app"})),
            ['app: REASSIGN OWNED BY "analyst_b" TO "analyst"'],
        ),
        # A copy of a database whose passwords were rotated.
        (
            KEYS,
            has("analyst") | second(1),
            [
                'postgres: ALTER ROLE "analyst_b" NOLOGIN',
                f"postgres: {ENDED} WHERE usename = 'analyst_b'",
            ],
        ),
        # Somebody's own role of that name, who is a member too.
        (KEYS, has("analyst") | second(1, settings=frozenset()), []),
    ],
)
def test_the_server_has_both_logins(
    at: DatabaseKeys, roles: dict[str, RoleState], expected: list[str]
) -> None:
    assert statements(todo(declared(roles=[ANALYST]), server(at, roles))) == expected


def test_a_role_of_somebody_elses_is_no_second_login() -> None:
    # That its sessions become another's, whoever makes a role can say.
    for foreign in (ROLE, replace(ROLE, settings=frozenset({"role=analyst"}))):
        access = server(keys(upcoming=True), has("analyst") | {"analyst_b": foreign})
        done = todo(declared(roles=[ANALYST]), access)
        (words,) = done.complaints.values()
        assert words.startswith("has no second login: role analyst_b is no member of it and has another")
        assert statements(done) == []


def test_a_role_that_goes_takes_its_second_login_along() -> None:
    db = declared(status=[{"name": "analyst", "applied": True}])
    names = [
        each for each in statements(todo(db, server(keys(1), has("analyst") | second(1)))) if "DROP" in each
    ]
    assert names == ['postgres: DROP ROLE IF EXISTS "analyst"', 'postgres: DROP ROLE IF EXISTS "analyst_b"']


def test_the_secret_follows_when_every_standby_shows_what_the_primary_has() -> None:
    db, told = declared(roles=[ANALYST]), told_by_primary("a")
    whole = server(keys(upcoming=True), has("analyst") | second(1))
    assert ready(db, whole) == {"analyst": 1}
    behind = replace(whole, written=500, replayed=400)
    looks = Looks().after(db, replace(told, access=behind), [], NOW)
    assert not looks.confirmed
    assert list(looks.told(db, told, NOW).waiting) == [Entry("roles", "analyst")]
    assert looks.due(db, told, NOW + timedelta(seconds=5))
    # It is about what was written when the password was first told, whatever is written since.
    still = looks.after(db, replace(told, access=replace(behind, written=900, replayed=499)), [], NOW)
    assert not still.confirmed
    looks = still.after(db, replace(told, access=replace(behind, written=990, replayed=500)), [], NOW)
    assert looks.confirmed
    assert looks.ready == {"analyst": 1}
    assert Looks().after(db, replace(told, access=replace(whole, written=500)), [], NOW).confirmed


def test_a_login_that_does_not_open_as_it_should_is_not_ready() -> None:
    db = declared(roles=[ANALYST])
    for roles in (
        has("analyst"),
        has("analyst") | second(2),
        has("analyst") | second(1, groups=frozenset()),
        has("analyst") | second(1, login=False),
    ):
        assert ready(db, server(keys(upcoming=True), roles)) == {}


def data(secret: dict[str, Any]) -> dict[str, str]:
    return {key: base64.b64decode(text).decode() for key, text in secret["data"].items()}


def test_a_secret_says_login_and_password_of_its_generation_and_whose_rights_it_has() -> None:
    first = made()
    at = DatabaseKeys.decode(first["orders-keys"]["data"])
    live = {**first, "orders-keys": {**first["orders-keys"], "data": replace(at, **_second("app")).encode()}}
    after = data(made(live)["orders-app"])
    assert (after["username"], after["role"]) == ("app_b", "app")
    assert after["password"] == at.password("app", 1) != at.password("app")
    assert after["uri"].startswith(f"postgresql://app_b:{after['password']}@")
    # Neither of them lost loses the other; without both, the newer one counts.
    lost = {name: each for name, each in made(live).items() if name != "orders-keys"}
    for rest in (lost, {name: each for name, each in lost.items() if name != "keys.shop.orders"}):
        back = made(rest, start=300, **WITH_DATA)
        assert data(back["orders-app"])["password"] == after["password"]
        assert data(back["orders-app"])["username"] == "app_b"
    stale = {**lost, "keys.shop.orders": first["keys.shop.orders"]}
    assert data(made(stale, start=300, **WITH_DATA)["orders-app"])["password"] == after["password"]


def _second(purpose: str) -> dict[str, Any]:
    return {"generations": {purpose: Generation(1, NOW)}}


def test_the_status_tells_login_and_times() -> None:
    db = declared(roles=[ANALYST])
    at = replace(KEYS, generations={PURPOSE: Generation(1, NOW), "app": Generation(2, NOW)})
    roles = {"analyst": ROLE, "app": OWNER} | second(1) | second(1, "app", "app")
    around = replace(told_by_primary("a"), access=server(at, roles))
    fields = ACCESS.fields(Subject(db, around, Done(), None))
    told = {
        each["name"]: {k: v for k, v in each.items() if "otation" in k or k == "login"}
        for each in fields["roles"]
    }
    since = "2026-12-01T00:00:00Z"
    assert told == {
        "analyst": {
            "login": "analyst_b",
            "lastRotationTime": since,
            "nextRotationTime": "2026-12-31T00:00:00Z",
        },
        "app": {"login": "app", "lastRotationTime": since},
    }
    reported = declared(roles=[ANALYST], status=fields["roles"])
    # Whose Secret could not be written, has what it had before, and is not as declared.
    refused = replace(around, unwritten={"orders-role-analyst": "exceeded quota: few"})
    for before, login in ((declared(roles=[ANALYST]), None), (reported, "analyst_b")):
        subject = Subject(before, refused, Done(), None)
        [finding], listed = ACCESS.findings(subject), ACCESS.fields(subject)["roles"]
        roles_told = {each["name"]: each for each in listed}
        # The application's role is in neither list of the spec, and once in the status, whatever it lacks.
        assert sorted(roles_told) == sorted(each["name"] for each in listed) == ["analyst", "app"]
        assert (finding.holds, finding.reason) == (False, "ProvisioningFailed")
        words = "Secret orders-role-analyst is not as it should be: exceeded quota: few"
        assert finding.message == f"roles.analyst: {words}"
        analyst = roles_told["analyst"]
        assert (analyst["applied"], analyst["message"], analyst.get("login")) == (False, words, login)
        assert words not in roles_told["app"]["message"]
    assert sleep(reported, NOW) == 12 * 3600
    assert sleep(reported, datetime(2026, 12, 30, 23, 59, tzinfo=UTC)) == 60
    assert sleep(reported, datetime(2027, 1, 1, tzinfo=UTC)) == 30
    manifest = {"status": {"roles": fields["roles"]}}
    assert not overdue(manifest, NOW)
    assert overdue(manifest, NOW + timedelta(days=30))


def test_rotated_and_edited_secrets_are_told_of_without_what_is_in_them() -> None:
    db = declared()
    before, now = stamp(made()["orders-app"]), stamp({**made()["orders-app"], "data": _login("app_b")})
    live = ObservedState(children={"Secret": {"orders-app": before}})
    [event] = written(db, live, [Apply(now, "data.password differs")])
    assert event.reason == "PasswordRotated"
    assert event.message == (
        "orders-app has the login app_b and a new password; app is valid until the next rotation"
    )
    edited = ObservedState(children={"Secret": {"orders-app": {**before, "data": _login("mine")}}})
    [event] = written(db, edited, [Apply(before, "data.password differs")])
    assert event.reason == "SecretEdited"
    assert event.message == "orders-app was changed by hand (data.password differs), and is as it was again"


def test_a_secret_that_is_lost_in_the_midst_of_a_rotation_is_told_of_with_its_next_login() -> None:
    status = [{"name": "analyst", "applied": True, "login": "analyst"}]
    db = declared(roles=[ANALYST], status=status)
    watch = {"metadata": {"annotations": {"keddah.dev/other-secrets": "orders-role-analyst"}}}
    around = ObservedState(claims=(claim(0),), children={"ConfigMap": {"orders-secrets-watch": watch}})
    metadata = {"name": "orders-role-analyst"}

    def told(user: str, around: ObservedState = around) -> list[tuple[str, str]]:
        back = {"kind": "Secret", "metadata": metadata, "data": _login(user)}
        return [
            (each.reason, each.message) for each in written(db, around, [Apply(back, "missing", absent=True)])
        ]

    restored = ("SecretsRestored", "orders-role-analyst was missing, and written again from orders-keys")
    assert told("analyst") == [restored]
    words = "orders-role-analyst has the login analyst_b and a new password; analyst is valid until the next"
    assert told("analyst_b") == [restored, ("PasswordRotated", f"{words} rotation")]
    # One that was never there is no loss.
    assert told("analyst", replace(around, children={})) == []


def _login(user: str) -> dict[str, str]:
    return {
        key: base64.b64encode(text.encode()).decode()
        for key, text in (("username", user), ("password", "new"))
    }


def test_long_names_have_a_second_login_too() -> None:
    names = ["ä" * 31, "a" * 63, "a" * 62 + "b"]
    assert len({second_login(name) for name in names}) == 3
    assert all(len(second_login(name).encode()) <= 63 for name in names)
