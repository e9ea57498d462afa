"""What is remembered of backups, noted on the ConfigMap of their settings, which is kept with the volumes."""

from __future__ import annotations

from typing import Final

from controller.kube.objects import Manifest
from controller.observe.backups.record import RECORD, Record, recorded

WRITER: Final = "keddah.dev/written-for"
"""Annotation beside the record: UID of the object for which it was last written."""


def noted(settings: Manifest, record: Record, uid: str) -> Manifest:
    """Return the ConfigMap with what is remembered of all runs, those that have just ended, too."""
    metadata = settings["metadata"]
    annotations = {**metadata.get("annotations", {}), RECORD: record.text(), WRITER: uid}
    return {**settings, "metadata": {**metadata, "annotations": annotations}}


def held_for_others(settings: Manifest | None, uid: str) -> tuple[Record, ...]:
    """Return what the repository holds of other databases that had the name of this object.

    Backups of the same data are none of another's, in whichever archive they are. All of them are, if this
    object was deleted before anything was written for it.
    """
    if settings is None:
        return ()
    record = recorded(settings)
    writer = (settings["metadata"].get("annotations") or {}).get(WRITER, uid)
    found = [each for each in (record, *record.former) if each.archive and each.last_backup]
    own = _data(record.archive) if writer == uid else ""
    return tuple(each for each in found if _data(each.archive) != own)


def _data(archive: str) -> str:
    """Return PostgreSQL's system identifier, with which an archive's name ends."""
    return archive.rpartition("-")[2]
