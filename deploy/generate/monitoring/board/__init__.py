"""All pictures of the board, a module for each subject, in the order of the board."""

from __future__ import annotations

from typing import Final

from deploy.generate.monitoring.board.backups import BACKUPS
from deploy.generate.monitoring.board.keddah import KEDDAH
from deploy.generate.monitoring.board.load import LOAD
from deploy.generate.monitoring.board.overview import OVERVIEW
from deploy.generate.monitoring.board.replication import REPLICATION
from deploy.generate.monitoring.board.storage import STORAGE
from deploy.generate.monitoring.panel import Row

ROWS: Final[tuple[Row, ...]] = (OVERVIEW, LOAD, REPLICATION, STORAGE, BACKUPS, KEDDAH)
