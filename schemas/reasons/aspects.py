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
        "Secrets were missing, and were written again.", "Find out who deleted them; nothing else is needed."
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
    "Provisioning": quiet(
        "Statements about databases and roles are being executed, or wait for a primary.", _WAIT
    ),
    "ProvisioningFailed": warning(
        "The server refuses what is declared of a database or role; status.databases and .roles say why.",
        "Correct what the message names in `spec.databases` or `spec.roles`.",
    ),
    # Of the condition UpToDate.
    "AsAllowed": quiet("The version and image that the policy means.", "Nothing."),
    "DowngradeRefused": warning(
        "The policy allows only an older version than the one that runs.",
        "Add the running version to the ConfigMap keddah-policy, or restore into an older database.",
    ),
    "NotInCatalogue": warning(
        "The policy has the version no more; the image stays.",
        "Raise `spec.version` to one that the policy has.",
    ),
    "NotReported": quiet("No server has told its version yet.", _WAIT),
    "UpToDate": normal("The version and image that the policy means are reached.", "Nothing."),
    "UpgradeHalted": warning(
        "The image fails to start in another database, so this one does not get it.",
        "Mend the image in the ConfigMap keddah-policy, or the database that the message names.",
    ),
    "UpgradePending": normal("The policy's maintenance window is not open yet.", _WAIT),
    "UpgradeQueued": normal("Other databases are upgraded first.", _WAIT),
    "Upgrading": normal("Instances change to another image.", _WAIT),
}
