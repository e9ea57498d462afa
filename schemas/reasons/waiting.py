"""What may not come by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schemas.reasons.reason import Reason, normal, warning

_SIDECAR: Final = "Read its log (`kubectl logs POD -c CONTAINER`) and correct `spec.template.sidecars`."
_CORRECT: Final = "Correct the spec, or take the change back: the rollout goes on, or back."

REASONS: Final[Mapping[str, Reason]] = {
    "ChildAltered": warning(
        "Somebody changes an object of the database (a Service, the StatefulSet) back after each write.",
        "Find who it is (`kubectl get -o yaml --show-managed-fields` of the object) and stop that.",
    ),
    "CertificatePending": warning(
        "The issuer has not given a certificate that PostgreSQL can show.",
        "`kubectl describe certificate NAME-server` says why; the database's own is shown meanwhile.",
    ),
    "ClaimDeleted": warning(
        "A volume claim is marked for deletion and would be lost with its pod.",
        "Scale up to have another copy first, or wait until a standby has one; then delete the pod.",
    ),
    "DataDamaged": warning(
        "There is evidence that the data of an instance is damaged.",
        "A standby is cloned again by itself. For a primary restore a backup: `kubectl pgdb restore NAME`.",
    ),
    "DiscardRefused": warning(
        "A volume is not discarded: it may hold the last good copy.",
        "Mend what the message names, or take it back: `kubectl annotate pvc data-POD keddah.dev/discard-`.",
    ),
    "ImageNotPulled": warning(
        "The kubelet cannot pull the image.",
        "Check the image's name, the registry and the pull secret, which the message names.",
    ),
    "InstanceFailing": warning(
        "A container ends soon after each start.", "Read what it said last: `kubectl pgdb logs NAME`."
    ),
    "InternalError": warning(
        "An error of keddah's own; the database goes on as it is, and keddah tries again.",
        "If it lasts, report it with `kubectl pgdb report NAME` and the controller's log.",
    ),
    "NoPrimary": warning(
        "No instance accepts writes; as the reason of Ready for half a minute, and so no mere failover.",
        "Bring back the last primary's node, and read `kubectl pgdb logs NAME`.",
    ),
    "PatroniDeclined": warning(
        "Patroni refused a request, or did not answer; it is made again.",
        "If it lasts, read `kubectl pgdb logs NAME`, and whether the controller may reach port 8008.",
    ),
    "RestoreFailing": warning(
        "A restore failed, and is tried again; the message says why.",
        "Mend what the message names: it is tried again by itself.",
    ),
    "SourceNotReady": normal(
        "What is to be restored is not there yet: the first backup, the moment, the repository.",
        "Wait, or make a backup of the source: `kubectl pgdb backup SOURCE`.",
    ),
    "RolloutBlocked": warning(
        "The first instance that was restarted does not become ready, so no other is restarted.", _CORRECT
    ),
    "SidecarFailing": warning("A container beside PostgreSQL ends soon after each start.", _SIDECAR),
    "SidecarNotReady": warning(
        "A container beside PostgreSQL is not ready, so that its pod is not either.", _SIDECAR
    ),
    "ServerNotStarting": warning(
        "PostgreSQL does not start.",
        "The message has the server's words: give it the memory, huge pages or files that it lacks.",
    ),
    "StandbyCannotFollow": warning(
        "A standby makes no progress; it is rebuilt if that is safe.",
        "Wait; if the message asks for a decision, `kubectl pgdb discard NAME POD` gives its data up.",
    ),
    "VolumeNotMounted": warning(
        "A Secret or ConfigMap of template.volumes is missing, so no pod starts.",
        "Create what the message names.",
    ),
    "Unschedulable": warning(
        "No node can take the pod.",
        "Add a node or lower the requests; for a volume that is lost: `kubectl pgdb discard NAME POD`.",
    ),
}
