"""Asks the questions of users, over connections of their own, so that none disturbs keddah's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from functools import partial
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Final

from controller.desired.exporter.metric import Metric

from .custom import Custom, read
from .page import Page
from .wire import Connection, Link, Lost, Refused

_SECONDS: Final = 3.0
"""For all of them."""

FAILED: Final = "keddah_exporter_custom_query_failed"


_DATABASE: Final = attrgetter("database")


class Users:
    """What was answered, as far as it may be told again."""

    def __init__(
        self,
        files: Iterable[str],
        place: Path,
        connect: Callable[[str], Connection],
        clock: Callable[[], float],
    ) -> None:
        self._files, self._place, self._connect, self._clock = tuple(files), place, connect, clock
        self._kept: dict[str, tuple[float, Custom, Page]] = {}

    def ask(self, page: Page, metric: Metric, *, primary: bool | None) -> dict[str, str]:
        """Add what is answered, and which questions failed; return these, each with what is wrong."""
        found: list[Custom] = []
        problems: dict[str, str] = {}
        for file in self._files:
            queries, wrong = read(self._place, file)
            found += queries
            problems |= wrong
        if primary is not None:
            due = [query for query in found if primary or not query.primary]
            problems |= self._answers(due, page)
        for query in found:
            page.add(metric, "1" if query.name in problems else "0", (query.name,))
        for name in problems.keys() - {query.name for query in found}:
            page.add(metric, "1", (name,))
        return problems

    def _answers(self, queries: list[Custom], page: Page) -> dict[str, str]:
        began = self._clock()
        problems = {}
        # Database by database: who asks of a hundred takes one connection from applications at a time.
        for database, of_one in groupby(sorted(queries, key=_DATABASE), _DATABASE):
            with closing(Link(partial(self._connect, database))) as link:
                for query in of_one:
                    try:
                        self._in_time(began)
                        page.merge(self._page(query, link))
                    except (Lost, Refused, ValueError) as error:
                        problems[query.name] = str(error)
        return problems

    def _in_time(self, began: float) -> None:
        if self._clock() - began > _SECONDS:
            raise Refused(f"no time was left: all have {_SECONDS:.0f} seconds together")

    def _page(self, query: Custom, link: Link) -> Page:
        now = self._clock()
        asked, of, page = self._kept.get(query.name, (now, None, Page()))
        if of == query and now - asked < query.every:
            return page
        try:
            page = query.page(*link.opened().rows(query.sql))
        except Lost:
            link.close()
            raise
        self._kept[query.name] = (now, query, page)
        return page
