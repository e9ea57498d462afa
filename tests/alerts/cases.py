"""All tests of alerts."""

from __future__ import annotations

from typing import Final

from tests.alerts import access, backups, instances, keddah
from tests.alerts.case import Case

CASES: Final[tuple[Case, ...]] = (*instances.CASES, *backups.CASES, *access.CASES, *keddah.CASES)
