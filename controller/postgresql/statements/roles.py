"""Statements about roles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from psycopg import sql

from controller.postgresql.statements.base import SQL, OfDatabase, OfServer, name
from controller.postgresql.verifier import Verifier


@dataclass(frozen=True, slots=True)
class Settings:
    """What is set of a role; None is left as it is."""

    login: bool | None = None
    connection_limit: int | None = None
    valid_until: datetime | None = None
    attributes: tuple[tuple[str, bool], ...] = ()
    """Key words such as CREATEDB, each with whether it holds."""
    verifier: Verifier | None = None

    def render(self) -> sql.Composable:
        """Return the options of CREATE ROLE and ALTER ROLE."""
        words: list[sql.Composable] = []
        if self.login is not None:
            words.append(sql.SQL("LOGIN" if self.login else "NOLOGIN"))
        words += [sql.SQL(word if holds else f"NO{word}") for word, holds in self.attributes]
        if self.connection_limit is not None:
            words.append(sql.SQL("CONNECTION LIMIT {}").format(sql.Literal(self.connection_limit)))
        if self.valid_until is not None:
            words.append(sql.SQL("VALID UNTIL {}").format(sql.Literal(self.valid_until.isoformat())))
        if self.verifier is not None:
            words.append(sql.SQL("PASSWORD {}").format(sql.Literal(self.verifier.text)))
        return sql.SQL(" ").join(words)

    def __str__(self) -> str:
        named = ("login", "connection_limit", "valid_until", "verifier")
        said = [name for name in named if getattr(self, name) is not None]
        return ", ".join([*said, *(word.lower() for word, _ in self.attributes)])


@dataclass(frozen=True, slots=True)
class CreateRole(OfServer):
    """Make a role."""

    role: str
    settings: Settings

    def render(self) -> Iterator[SQL]:
        """Return the SQL, quoted."""
        yield sql.SQL("CREATE ROLE {} {}").format(name(self.role), self.settings.render())

    def __str__(self) -> str:
        return f"create role {self.role}"


@dataclass(frozen=True, slots=True)
class AlterRole(OfServer):
    """Set what differs of a role."""

    role: str
    settings: Settings

    def render(self) -> Iterator[SQL]:
        """Return the SQL, quoted."""
        yield sql.SQL("ALTER ROLE {} {}").format(name(self.role), self.settings.render())

    def __str__(self) -> str:
        return f"alter role {self.role} ({self.settings})"


@dataclass(frozen=True, slots=True)
class CreateLogin(OfServer):
    """Make a second login of a role: a member of it, whose sessions are that role's."""

    login: str
    role: str
    settings: Settings

    def render(self) -> Iterator[SQL]:
        """Return the SQL, quoted."""
        yield sql.SQL("CREATE ROLE {} {}").format(name(self.login), self.settings.render())
        yield from BecomeRole(self.login, self.role).render()

    def __str__(self) -> str:
        return f"create login {self.login} of {self.role}"


@dataclass(frozen=True, slots=True)
class BecomeRole(OfServer):
    """Have the sessions of a login be another role's, so that what they make is not its own."""

    login: str
    role: str

    def render(self) -> Iterator[SQL]:
        """Return the SQL, quoted."""
        yield from GrantMembership(self.role, self.login).render()
        yield sql.SQL("ALTER ROLE {} SET role = {}").format(name(self.login), sql.Literal(self.role))

    def __str__(self) -> str:
        return f"have sessions of {self.login} be {self.role}'s"


@dataclass(frozen=True, slots=True)
class SetParameter(OfServer):
    """Set with what the sessions of a role begin: everywhere, or in one database."""

    role: str
    parameter: str
    value: tuple[str, ...] = field(repr=False)
    """More than one element where the parameter is a list of names; none to reset it."""
    within: str = ""

    def render(self) -> Iterator[SQL]:
        """Return the SQL, quoted."""
        where = sql.SQL(" IN DATABASE {}").format(name(self.within)) if self.within else sql.SQL("")
        parameter = sql.Identifier(*self.parameter.split("."))
        begun = sql.SQL("ALTER ROLE {}{}").format(name(self.role), where)
        if not self.value:
            yield sql.SQL("{} RESET {}").format(begun, parameter)
            return
        value = sql.SQL(", ").join(map(sql.Literal, self.value))
        yield sql.SQL("{} SET {} = {}").format(begun, parameter, value)

    def __str__(self) -> str:
        verb = "set" if self.value else "reset"
        return f"{verb} {self.parameter} of {self.role}{f' in {self.within}' if self.within else ''}"


@dataclass(frozen=True, slots=True)
class GrantMembership(OfServer):
    """Make a role a member of another, so that it has that one's privileges."""

    group: str
    role: str

    def render(self) -> Iterator[SQL]:
        """Return the SQL, quoted."""
        yield sql.SQL("GRANT {} TO {} WITH INHERIT TRUE, SET TRUE").format(name(self.group), name(self.role))

    def __str__(self) -> str:
        return f"grant {self.group} to {self.role}"


@dataclass(frozen=True, slots=True)
class RevokeMembership(OfServer):
    """End a membership."""

    group: str
    role: str

    def render(self) -> Iterator[SQL]:
        """Return the SQL, quoted."""
        yield sql.SQL("REVOKE {} FROM {}").format(name(self.group), name(self.role))

    def __str__(self) -> str:
        return f"revoke {self.group} from {self.role}"


@dataclass(frozen=True, slots=True)
class LockOut(OfServer):
    """Let nobody log in as a role any more."""

    role: str

    def render(self) -> Iterator[SQL]:
        """Return the SQL, quoted."""
        yield sql.SQL("ALTER ROLE {} NOLOGIN").format(name(self.role))

    def __str__(self) -> str:
        return f"lock role {self.role} out"


@dataclass(frozen=True, slots=True)
class EndSessions(OfServer):
    """End a role's sessions: after it was locked out, and not with it, or the next one comes in between."""

    role: str

    def render(self) -> Iterator[SQL]:
        """Return the SQL, quoted."""
        verb = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = {}"
        yield sql.SQL(verb).format(sql.Literal(self.role))

    def __str__(self) -> str:
        return f"end the sessions of role {self.role}"


@dataclass(frozen=True, slots=True)
class GiveAway(OfDatabase):
    """In one database, give what a role owns to another."""

    role: str
    heir: str

    def render(self) -> Iterator[SQL]:
        """Return the SQL, quoted."""
        yield sql.SQL("REASSIGN OWNED BY {} TO {}").format(name(self.role), name(self.heir))

    def __str__(self) -> str:
        return f"reassign what {self.role} owns in {self.database} to {self.heir}"


@dataclass(frozen=True, slots=True)
class Disown(GiveAway):
    """In one database, give what a role owns to another, and take its privileges away."""

    def render(self) -> Iterator[SQL]:
        """Return the SQL, quoted."""
        yield from GiveAway.render(self)
        yield sql.SQL("DROP OWNED BY {}").format(name(self.role))


@dataclass(frozen=True, slots=True)
class DropRole(OfServer):
    """Drop a role that owns nothing any more."""

    role: str

    def render(self) -> Iterator[SQL]:
        """Return the SQL, quoted."""
        yield sql.SQL("DROP ROLE IF EXISTS {}").format(name(self.role))

    def __str__(self) -> str:
        return f"drop role {self.role}"
