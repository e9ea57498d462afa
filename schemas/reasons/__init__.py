"""Every reason of a condition or an event: its fixed name, its meaning, and what to do next.

The names are a part of the API, as alerts and scripts rely on them. `docs/reference/reasons.md` and
`kubectl pgdb conditions explain` are made from this table; the controller may give no other reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schemas.reasons import archiving, aspects, backups, stalled, state, waiting
from schemas.reasons.reason import Reason

REASONS: Final[Mapping[str, Reason]] = {
    **state.REASONS,
    **waiting.REASONS,
    **stalled.REASONS,
    **aspects.REASONS,
    **backups.REASONS,
    **archiving.REASONS,
}
