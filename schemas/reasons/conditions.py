"""Every condition of a database: what it says when it holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

CONDITIONS: Final[Mapping[str, str]] = {
    "Ready": "All declared instances serve, one of them as the primary; of a hibernated database, none runs."
    " Its reason is the most important problem or progress, which the column STATUS shows.",
    "Reconciling": "Something is under way, and goes on by itself. For tools: Ready says what it is.",
    "Stalled": "Something needs a person, and waits until it is mended. For tools: Ready says what it is.",
    "Replicated": "Every declared standby follows the primary, and commits wait for one of them, unless"
    " `spec.synchronous` is Off.",
    "UpToDate": "All instances run the version and image that the policy has for them, and this release's"
    " pods.",
    "BackedUp": "There is a backup that is recent enough and not known to be bad; unknown without a"
    " schedule.",
    "ArchivingWAL": "All WAL reaches the repository within about a minute, so that any moment can be"
    " restored; unknown without a schedule.",
    "Provisioned": "Databases and roles in the server are as declared; there only if any are.",
    "Monitored": "All queries of `spec.monitoring` are answered; there only if any are declared.",
}
"""In the order of the status."""
