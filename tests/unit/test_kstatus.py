"""Every state of a database is one that GitOps tools know, by kstatus' generic rules."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from controller import plan
from controller.observe.instances.instance import Instance
from controller.plan.outcome import Done, Outcome, Stalled, Waiting
from controller.protocol.settings import Reason as OfBackups
from controller.report.status import status
from schemas.api.types import decode
from schemas.crd.definition import crd
from schemas.reasons import REASONS
from tests.factory import complete_database
from tests.kstatus import Kstatus, kstatus
from tests.states import members, observed, pod

NOW = "2026-11-23T08:00:00Z"
LATER = "2026-11-24T08:00:00Z"
STATEFULSET = {"StatefulSet": {"orders": {"spec": {"replicas": 0}}}}
UNFIT = (pod(0, "primary"), pod(1, ready=False))
ASLEEP = {"hibernated": True}


def stored(
    spec: dict[str, Any],
    instances: tuple[Instance, ...],
    outcome: Outcome,
    *,
    validated: bool = True,
    **metadata: object,
) -> dict[str, Any]:
    manifest = complete_database(replicas=2, **spec)
    manifest["metadata"] |= metadata
    around = observed(instances, children=STATEFULSET)
    told = status(decode(manifest), around, outcome, validated=validated, now=NOW)
    return {**manifest, "status": told}


@pytest.mark.parametrize(
    ("spec", "instances", "outcome", "ready", "computed"),
    [
        ({}, members(2), Done(), ("True", "Ready"), "Current"),
        ({}, UNFIT, Waiting(5, "InstancesStarting", ""), ("False", "InstancesStarting"), "InProgress"),
        ({}, members(2), Waiting(5, "VolumesGrowing", ""), ("True", "VolumesGrowing"), "InProgress"),
        ({}, members(2), Stalled("VolumeCannotGrow", ""), ("True", "VolumeCannotGrow"), "Failed"),
        ({}, UNFIT, Stalled("StorageClassNotFound", ""), ("False", "StorageClassNotFound"), "Failed"),
        (ASLEEP, members(2), Waiting(30, "Hibernating", ""), ("False", "Hibernating"), "InProgress"),
        (ASLEEP, (), Done("Hibernated", ""), ("True", "Hibernated"), "Current"),
        (ASLEEP, (), Waiting(5, "Reconciling", ""), ("True", "Reconciling"), "InProgress"),
        (ASLEEP, (), Stalled("Refused", ""), ("True", "Refused"), "Failed"),
    ],
    ids=lambda value: getattr(value, "reason", None),
)
def test_every_outcome_is_a_state_that_gitops_tools_know(
    spec: dict[str, Any],
    instances: tuple[Instance, ...],
    outcome: Outcome,
    ready: tuple[str, str],
    computed: Kstatus,
) -> None:
    manifest = stored(spec, instances, outcome)
    told = {c["type"]: (c["status"], c["reason"]) for c in manifest["status"]["conditions"]}
    assert told["Ready"] == ready
    assert kstatus(manifest) == computed


COMPUTED: dict[str, Kstatus] = {
    "CertificatePending": "InProgress",
    "ChildAltered": "InProgress",
    "ChildOwnedByOther": "Failed",
    "ClaimDeleted": "InProgress",
    "Creating": "InProgress",
    "DataDamaged": "InProgress",
    "Deleting": "InProgress",
    "DiscardRefused": "InProgress",
    "DiscardingVolume": "InProgress",
    "DiskFull": "Failed",
    "FailingOver": "InProgress",
    "Hibernated": "Current",
    "Hibernating": "InProgress",
    "ImageNotPulled": "InProgress",
    "InstanceFailing": "InProgress",
    "InstancesEnding": "InProgress",
    "InstancesStarting": "InProgress",
    "InternalError": "InProgress",
    "KilledForMemory": "Failed",
    "NoDefaultStorageClass": "Failed",
    "NoPrimary": "InProgress",
    "PatroniDeclined": "InProgress",
    "PasswordsLost": "Failed",
    "Paused": "InProgress",
    "PodsNotCreated": "Failed",
    "PrimaryRestarting": "InProgress",
    "PrimaryUnreachable": "InProgress",
    "Ready": "Current",
    "Provisioning": "InProgress",
    "ProvisioningFailed": "Failed",
    "RebuildingStandby": "InProgress",
    "Reconciling": "InProgress",
    "Refused": "Failed",
    "RestoreFailing": "InProgress",
    "RestoreRefused": "Failed",
    "Restoring": "InProgress",
    "RolledBack": "Failed",
    "RolloutBlocked": "InProgress",
    "RollingOut": "InProgress",
    "ScaleDownWaits": "InProgress",
    "ServerNotStarting": "InProgress",
    "SidecarFailing": "InProgress",
    "SidecarNotReady": "InProgress",
    "SourceDiffers": "Failed",
    "SourceNotFound": "Failed",
    "SourceNotReady": "InProgress",
    "StandbyCannotFollow": "InProgress",
    "StandbysCatchingUp": "InProgress",
    "StorageClassNotFound": "Failed",
    "SwitchingOver": "InProgress",
    "TargetOutsideWindow": "Failed",
    "Unschedulable": "InProgress",
    "VersionMismatch": "Failed",
    "VersionNotAllowed": "Failed",
    "VolumeCannotGrow": "Failed",
    "VolumeNotMounted": "InProgress",
    "VolumesGrowing": "InProgress",
    "VolumesGone": "Failed",
    "VolumesHoldOther": "Failed",
    "VolumesUnknown": "Failed",
    "WriteRefused": "Failed",
}
"""What a database is to GitOps tools, for every reason with which a reconcile ends."""

KINDS: dict[str, type[Outcome]] = {"Done": Done, "Waiting": Waiting, "Stalled": Stalled}
MEANS: dict[type[Outcome], Kstatus] = {Done: "Current", Waiting: "InProgress", Stalled: "Failed"}


def outcomes() -> set[tuple[str, str]]:
    """Give the kind and the reason of every outcome in the code; what is not literal is waited for."""
    named = {
        (node.func.id, str(argument.value))
        for path in Path(plan.__file__).parent.glob("**/*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS
        for argument in node.args
        if isinstance(argument, ast.Constant) and str(argument.value) in COMPUTED
    }
    return {*named, ("Done", Done().reason)}


def test_every_reason_is_classified_and_stands_for_one_kind_of_outcome() -> None:
    elsewhere = {
        # Of other conditions, and of events alone.
        *{"AsAllowed", "DowngradeRefused", "NotInCatalogue", "NotReported"},
        *{
            "NotSynchronous",
            "SingleInstance",
            "SlotHoldsWAL",
            "SlotInvalid",
            "StandbysBehind",
            "StandbysMissing",
            "QueriesAnswered",
            "QueriesFailing",
            "Streaming",
        },
        *{"UpToDate", "UpgradeHalted", "UpgradePending", "UpgradeQueued", "Upgrading"},
        *{"FailedOver", "PrimaryBack", "PrimaryEnding", "PrimaryLost", "SwitchedOver"},
        *{"PasswordRotated", "SecretEdited", "SecretsRestored", "ServerCrashed", "AsDeclared"},
        *{"RequestDone", "RequestRefused"},
        *{"BackupFailed", "BackupMade", "BackupOverdue", "BackupRecent", "BackupVerified"},
        *{
            "BackupsSuspended",
            "FirstBackup",
            "JobEnded",
            "NoSchedule",
            "OldBackupsKept",
            "RepositoryReplaced",
            "VerificationFailed",
            "VerificationSkipped",
        },
        # Of the condition ArchivingWAL, and of runs about backups.
        *{"Archiving", "NotArchived", "NoSchedule", "PodsOutdated", *OfBackups},
    }
    assert set(REASONS) - elsewhere - set(COMPUTED) == set()
    assert set(COMPUTED) - set(REASONS) == set()
    for kind, reason in outcomes():
        assert MEANS[KINDS[kind]] == COMPUTED[reason], (kind, reason)


@pytest.mark.parametrize(("reason", "computed"), COMPUTED.items())
def test_every_reason_is_what_gitops_tools_make_of_it(reason: str, computed: Kstatus) -> None:
    outcomes: dict[Kstatus, Outcome] = {
        "Current": Done(reason, ""),
        "InProgress": Waiting(5, reason, ""),
        "Failed": Stalled(reason, ""),
    }
    outcome = outcomes[computed]
    assert kstatus(stored({}, members(2), outcome)) == computed


@pytest.mark.parametrize(
    "outcome", [Waiting(30, "Deleting", "waiting for orders-1 to stop"), Stalled("WriteRefused", "no")]
)
def test_a_database_that_is_being_deleted_is_not_ready_however_well_it_serves(outcome: Outcome) -> None:
    manifest = stored({}, members(2), outcome, deletionTimestamp=LATER)
    told = {c["type"]: (c["status"], c["reason"], c["message"]) for c in manifest["status"]["conditions"]}
    assert told["Ready"] == ("False", outcome.reason, outcome.message)
    assert told["Reconciling"][0] == str(isinstance(outcome, Waiting))
    assert kstatus(manifest) == "Terminating"


def test_a_generation_that_was_not_processed_is_in_progress() -> None:
    first = stored({}, members(2), Done())
    first["metadata"]["generation"] = 2
    assert kstatus(first) == "InProgress"
    told = status(decode(first), observed(members(2)), Done(), validated=False, now=NOW)
    assert kstatus({**first, "status": told}) == "InProgress"


def test_an_object_that_the_controller_has_not_seen_yet_is_in_progress() -> None:
    [version] = crd()["spec"]["versions"]
    default = version["schema"]["openAPIV3Schema"]["properties"]["status"]["default"]
    assert kstatus(complete_database()) == "Current", "which it would pass for"
    assert kstatus({**complete_database(), "status": default}) == "InProgress"
