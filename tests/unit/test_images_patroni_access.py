"""The digest by which a primary tells that somebody changed roles, databases, or what is in these."""

from __future__ import annotations

from deploy.images.patroni import access


class Server:
    """A server, as far as the digest asks it."""

    def __init__(self) -> None:
        self.roles: str | None = "r1:700"
        self.contents = "n2200:3"
        self.looked_into: list[str] = []

    def ask(self, statement: str) -> list[tuple[str | None]]:
        """Answer about the whole server."""
        return [("app",), ("reports",)] if statement == access.DATABASES else [(self.roles,)]

    def within(self, database: str, _: str) -> list[tuple[str]]:
        """Answer about one database."""
        self.looked_into.append(database)
        return [(self.contents,)]


def test_it_changes_with_roles_at_once_and_with_what_is_in_databases_at_the_next_look_into_them() -> None:
    server, digest = Server(), access.AccessDigest()
    assert digest.changed(server.ask, server.within)
    assert not digest.changed(server.ask, server.within)
    server.roles = "r1:701"
    assert digest.changed(server.ask, server.within)
    server.contents = "n2200:4"
    changes = [digest.changed(server.ask, server.within) for _ in range(access.EVERY)]
    assert changes.count(True) == 1
    assert server.looked_into == ["app", "reports"] * 2


def test_a_standby_tells_nothing() -> None:
    server, digest = Server(), access.AccessDigest()
    digest.changed(server.ask, server.within)
    server.roles = None
    assert digest.changed(server.ask, server.within)
    assert digest.text == ""
