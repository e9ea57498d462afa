"""Of the conditions Replicated, Monitored, Provisioned and UpToDate, and of Secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schemas.reasons.reason import Reason, normal, quiet, warning

_WAIT: Final = "Nothing: it goes on by itself."
_SLOTS: Final = "Start their consumers, or drop them: `SELECT pg_drop_replication_slot('SLOT')`."

REASONS: Final[Mapping[str, Reason]] = {
    # Of Secrets.
    "SecretsRestored": warning(
        "Secrets were missing, and were written again.",
        "Find out who deleted them: audit logs say it. Nothing else is needed.",
    ),
    "SecretEdited": warning(
        "A Secret was changed by hand, and is as it was again.",
        "To have another password: `kubectl pgdb rotate NAME`.",
    ),
    "PasswordRotated": normal(
        "A Secret has another login and a new password; the former ones are valid until the next rotation.",
        "Have applications read the Secret again before that.",
    ),
    # Of the condition Replicated.
    "NotSynchronous": quiet("No standby acknowledges commits yet.", _WAIT),
    "SingleInstance": quiet(
        "There is no standby, as declared.",
        "`kubectl scale pgdb NAME --replicas=3` makes it highly available.",
    ),
    "SlotHoldsWAL": warning("Replication slots hold WAL for consumers that are away.", _SLOTS),
    "SlotInvalid": warning(
        "The WAL that consumers of replication slots need is gone.",
        "Drop the slots, and have their consumers begin anew with a copy.",
    ),
    "StandbysBehind": quiet(
        "A standby is far behind, so its answers are old.",
        "Look for its cause: a long query on the standby, a slow disk or network.",
    ),
    "StandbysMissing": quiet(
        "Not every standby streams.",
        "Wait for it: `kubectl pgdb logs NAME` has what it says, the message of Ready what it waits for.",
    ),
    "Streaming": quiet("Every standby streams.", "Nothing."),
    # Of the condition Monitored.
    "QueriesAnswered": quiet("All queries of `spec.monitoring` are answered.", "Nothing."),
    "QueriesFailing": warning(
        "A query of `spec.monitoring` fails, or its ConfigMap cannot be read; all other metrics are there.",
        "Correct the ConfigMap; within two minutes the metrics are there too.",
    ),
    # Of the condition Provisioned.
    "AsDeclared": quiet("Databases and roles in the server are as declared.", "Nothing."),
    "PrimaryUnreachable": quiet(
        "keddah cannot log in to the primary to look after databases and roles; the message says why.",
        "Nothing in a failover. If it lasts, let the operator's namespace reach port 5432 of the pods: look"
        " at NetworkPolicies and the service mesh.",
    ),
    "Provisioning": quiet(
        "Statements about databases and roles are being executed, or wait for a primary.", _WAIT
    ),
    "ProvisioningFailed": warning(
        "The server refuses what is declared of a database or role; status.databases and .roles say why.",
        "Correct what the message names in `spec.databases` or `spec.roles`.",
    ),
    # Of the condition UpToDate.
    "AsAllowed": quiet("All instances run the version and image that the policy has for them.", "Nothing."),
    "DowngradeRefused": warning(
        "The policy has only an older version than the one that runs, which stays.",
        "Add the running version to the ConfigMap keddah-policy, or restore into an older database.",
    ),
    "NotInCatalogue": warning(
        "The policy does not have the version any more; the database keeps its image.",
        "Raise `spec.version` to one that the policy has.",
    ),
    "NotReported": quiet("No instance has told yet; the message says what of.", _WAIT),
    "UpToDate": normal("All instances have come to the version and image that the policy has.", "Nothing."),
    "UpgradeHalted": warning(
        "The image fails to start in another database, so this one does not get it.",
        "Mend the image in the ConfigMap keddah-policy, or the database that the message names.",
    ),
    "UpgradePending": normal(
        "A new image or pod template waits for the policy's window; the message says until when.", _WAIT
    ),
    "UpgradeQueued": normal("A new image or pod template waits until other databases have it.", _WAIT),
    "Upgrading": normal("Instances get another image or pod template, one at a time.", _WAIT),
}
