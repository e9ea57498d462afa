"""All tests of alerts."""

from __future__ import annotations

from typing import Final

from tests.alerts import backups, instances, keddah
from tests.alerts.case import Case

CASES: Final[tuple[Case, ...]] = (*instances.CASES, *backups.CASES, *keddah.CASES)
