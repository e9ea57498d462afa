"""The data of one member: whether it is of use, and how Patroni replaces it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from patroni.postgresql.misc import PostgresqlRole

from .copying import Copies, listening
from .damage import Damage, inspect
from .former import FormerData
from .source import PatroniSource

logger = logging.getLogger(__name__)

LOOK_SECONDS = 5.0


class MemberData:
    """PGDATA of one Patroni, which removes it only to replace it by a copy (see `copying`)."""

    def __init__(self, patroni: Any) -> None:  # noqa: ANN401 - Patroni is not typed here
        self._patroni = patroni
        self._server = patroni.postgresql
        self._former = FormerData(self._server.data_dir)
        self._copies = Copies(self._former, self._server.remove_data_directory)
        self._damage = Damage()
        self._server.remove_data_directory = self._copies.remove
        self._server.cancellable.call = listening(self._server.cancellable.call, self._copies.heard)

    @property
    def damage(self) -> str:
        """Why the data is useless: one of DAMAGE of the protocol, or ""."""
        return self._damage.found

    @property
    def copy(self) -> str:
        """What there is to say of the last copy: one of COPIES of the protocol, or ""."""
        return self._copies.report

    def copied(self, member: Any, copy: Callable[[], Any]) -> Any:  # noqa: ANN401 - Patroni's own
        """Let Patroni copy a member; returns what it does, or None where nothing was copied."""
        if self._server.is_running():
            logger.error("Kept the data, for its server still runs")
            return None
        if not self._copies.begin(PatroniSource(self._patroni, member)):
            return None
        # As when Patroni removes it: nothing is written to PGDATA besides the copy.
        self._server.set_role(PostgresqlRole.UNINITIALIZED)
        try:
            return copy()
        finally:
            if self._copies.end():
                self._damage.forget()

    def look(self) -> bool:
        """Look at the data, at the end of an HA loop; return whether that changes the report."""
        ha, executor = self._patroni.ha, self._patroni.ha._async_executor  # noqa: SLF001 - the only way
        # Nobody begins a copy while this lock is held, which the API takes to schedule one.
        with executor:
            if executor.busy:
                return False
            follows = ha.follows()
            if follows:
                self._former.give_up()
            return self._damage.changed(
                runs=self._server.is_running() is not None,
                follows=follows,
                rewind_failed=ha._rewind.failed,  # noqa: SLF001 - the only way
                inspect=lambda: inspect(self._server.data_dir, self._server.pgcommand("pg_controldata")),
            )

    def watch(self, pause: Callable[[float], None]) -> None:
        """Delete what has been replaced; never returns. Apart from the HA loop, for it may take long."""
        while True:
            self._former.clear()
            pause(LOOK_SECONDS)


def undo_interrupted_copy(folder: str) -> None:
    """Undo a copy that the end of the last container interrupted, before Patroni looks at its result."""
    try:
        FormerData(folder).restore()
    except OSError:
        logger.exception("Could not undo an interrupted copy: folder=%s", folder)
