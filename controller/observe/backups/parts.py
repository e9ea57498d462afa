"""Which objects with the database's label are the backups': CronJobs, Jobs and the pods of those."""

from __future__ import annotations

from controller.desired import names
from controller.desired.backups.jobs import COMMAND
from controller.desired.child import controller_reference
from controller.desired.labels import BACKUP, component_of
from controller.kube.objects import Manifest


def part(kind: str, manifest: Manifest, database: str) -> bool:
    """Whether an object is a CronJob or a Job of the database's backups, or such a Job's pod.

    Users give their own Jobs the database's label too, to group them.
    """
    if component_of(manifest) != BACKUP:
        return False
    match kind:
        case "CronJob":
            return manifest["metadata"]["name"] in names.backup_cronjobs(database)
        case "Job":
            return COMMAND in manifest["metadata"]["labels"]
        case "Pod":
            owner = controller_reference(manifest)
            return owner is not None and owner["kind"] == "Job"
        case _:
            return False
