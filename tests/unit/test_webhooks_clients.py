"""Of too many connections, or too many bytes, those give way whose client holds most."""

from __future__ import annotations

from dataclasses import dataclass

from webhooks.clients import Clients


@dataclass(eq=False)
class Known:
    """A connection that says whether it was closed."""

    address: str
    held: int = 0
    aborted: bool = False

    def abort(self) -> None:
        """Close it."""
        self.aborted = True


def joined(clients: Clients, address: str, count: int) -> list[Known]:
    made = [Known(address) for _ in range(count)]
    for one in made:
        clients.join(one)
    return made


def aborted(connections: list[Known]) -> list[int]:
    return [index for index, one in enumerate(connections) if one.aborted]


async def test_of_too_many_connections_the_greedy_client_loses_its_own() -> None:
    told: list[str] = []
    clients = Clients(most=10, dropped=told.append)
    api_server = joined(clients, "10.0.0.1", 3)
    greedy = joined(clients, "10.0.0.9", 20)
    others = joined(clients, "10.0.0.2", 2)
    assert aborted([*api_server, *others]) == []
    assert aborted(greedy) == list(range(15))
    assert len(clients) == 10
    assert told == ["connections"] * 15


async def test_the_connection_goes_whose_last_answer_is_longest_ago() -> None:
    clients = Clients(most=3)
    connections = joined(clients, "10.0.0.1", 3)
    clients.answer(connections[0])
    connections += joined(clients, "10.0.0.1", 2)
    assert aborted(connections) == [1, 2]


async def test_of_too_many_bytes_the_largest_request_of_the_greedy_client_goes() -> None:
    clients = Clients(most_bytes=100)
    (api_server,) = joined(clients, "10.0.0.1", 1)
    greedy = joined(clients, "10.0.0.9", 3)
    clients.receive(api_server, 45)
    for one, count in zip(greedy, (10, 30, 20), strict=True):
        clients.receive(one, count)
    assert aborted(greedy) == [1]
    assert not api_server.aborted


async def test_what_is_answered_or_closed_counts_no_more() -> None:
    told: list[str] = []
    clients = Clients(most=2, most_bytes=100, dropped=told.append)
    for _ in range(5):
        one, other = joined(clients, "10.0.0.1", 2)
        clients.receive(one, 90)
        clients.answer(one)
        clients.receive(other, 90)
        for each in (one, other):
            clients.leave(each)
            clients.leave(each)
    assert (len(clients), told) == (0, [])
