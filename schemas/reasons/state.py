"""What a database does by itself: the declared state, the way there, and what befell an instance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schemas.reasons.reason import Reason, normal, progress, quiet, step, warning

_BY_ITSELF: Final = "Nothing: it goes on by itself."
_RECONNECT: Final = "Nothing: applications reconnect. `kubectl pgdb logs NAME` has what the servers said."

REASONS: Final[Mapping[str, Reason]] = {
    # The state that is declared.
    "Ready": normal("All instances serve.", "Nothing."),
    "Hibernated": normal(
        "No pods, as declared; the volumes are kept.", "`kubectl pgdb wake NAME` brings the pods back."
    ),
    # On the way there.
    "Creating": normal(
        "The first start: no instance accepts writes yet.",
        "Wait a minute; then see what the pods say: `kubectl get pods -l keddah.dev/database=NAME`.",
    ),
    "Deleting": normal(
        "The object is being deleted; the message says what that waits for.",
        "Wait, or remove what the message names.",
    ),
    # No event of its own: PrimaryLost and FailedOver tell it.
    "FailingOver": Reason(
        "There is no primary for a moment: a standby takes over at once.",
        "Nothing: it takes a second or two; applications reconnect.",
        "Warning",
        "never",
    ),
    "Hibernating": progress("The last pods are stopping.", _BY_ITSELF),
    "InstancesEnding": progress("Pods that are too many have not stopped yet.", _BY_ITSELF),
    "InstancesStarting": progress(
        "Not all instances have started.",
        "Wait; if it lasts for minutes, see why: `kubectl describe pod` of the pod that the message names.",
    ),
    # Nor of the same of a single instance: PrimaryLost and PrimaryBack.
    "PrimaryRestarting": Reason(
        "The only instance was primary a moment ago, and starts again.",
        "Nothing: it takes some seconds; applications reconnect.",
        "Warning",
        "never",
    ),
    "Restoring": normal(
        "The data comes from backups; the message says how far.",
        "Wait: it takes as long as copying the backup and replaying its WAL.",
    ),
    "Paused": normal(
        "Somebody paused Patroni: nothing is restarted or moved, and nobody fails over.",
        "`kubectl pgdb resume NAME`, once the work by hand is over.",
    ),
    "Reconciling": quiet("keddah has changed something, and waits for its effect.", _BY_ITSELF),
    "ScaleDownWaits": normal(
        "Instances are to be removed, and no remaining one is fit to take over.",
        "Wait until a standby that stays streams; `kubectl pgdb status NAME` shows which does not.",
    ),
    "StandbysCatchingUp": progress(
        "A standby runs, and does not follow or acknowledge yet.",
        "Wait; if its lag in `kubectl pgdb status NAME` does not shrink, read `kubectl pgdb logs NAME`.",
    ),
    "VolumesGrowing": normal(
        "Larger volumes were asked for; the message says since when.",
        "Wait; if it lasts, the storage driver's events say why: `kubectl describe pvc`.",
    ),
    # Steps that disrupt an instance, one at a time.
    "DiscardingVolume": step(
        "A volume was deleted with its pod, as an annotation asks; both are made anew.",
        "Wait until the instance has copied the primary.",
    ),
    "RebuildingStandby": step(
        "A standby's data is cloned again from the primary.", "Wait: it takes as long as copying the data."
    ),
    "RollingOut": step("Instances are restarted, one at a time, standbys first.", _BY_ITSELF),
    "SwitchingOver": step("The primary hands over to a standby.", _RECONNECT),
    # Changes of the primary.
    "FailedOver": warning(
        "Another instance is primary, because the last one was lost.",
        "Find out why it was lost: `kubectl pgdb logs NAME`, `kubectl describe pod` of the former primary.",
    ),
    "PrimaryBack": normal("The same instance is primary again.", _RECONNECT),
    "PrimaryEnding": normal("The primary's pod is being deleted; it hands over.", _BY_ITSELF),
    "PrimaryLost": warning(
        "The primary is lost; the message says how that was noticed.",
        "Wait for FailedOver: a second or two, 20 s for a lost node. `kubectl pgdb status NAME` shows it.",
    ),
    "SwitchedOver": normal("Another instance is primary, because the last one handed over.", _RECONNECT),
    # What annotations asked for.
    "RequestDone": normal("What an annotation asked for was done; the message says what.", "Nothing."),
    "RequestRefused": warning(
        "What an annotation asked for is not done, nor tried again; the message says why.",
        "Mend that, then ask again with another id, as `kubectl pgdb` does by itself.",
    ),
    # What befell an instance, and mended itself.
    "KilledForMemory": warning(
        "The kernel killed a process for lack of memory; STATUS has it if repeated.",
        "Raise `spec.resources.limits.memory`, or lower work_mem or the number of connections.",
    ),
    "ServerCrashed": warning(
        "A process of the server crashed; it ended all connections and recovered.",
        "Look for the cause in `kubectl pgdb logs NAME`: an extension, memory, the disk.",
    ),
}
