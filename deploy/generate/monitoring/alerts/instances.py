"""Alerts about the instances: whether they run, and who is primary."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from deploy.generate.monitoring.alert import Alert, Group, Severity
from deploy.generate.monitoring.promql import DATABASE, EVENTS, LOGS, POD, SHOW, of_database, of_instance
from deploy.generate.monitoring.series import instance, keddah

_WEEK: Final = 7 * 86400
_RESTARTS: Final = 3

_READY: Final = keddah("keddah_database_condition")(condition="Ready")
_STALLED: Final = keddah("keddah_database_condition")(condition="Stalled")
_EXPIRY: Final = instance("keddah_instance_certificate_expiry_timestamp_seconds")
_REPLICA: Final = instance("pg_replication_is_replica")
_SERVES: Final = instance("pg_up")
_STARTED: Final = instance("pg_postmaster_start_time_seconds")
_TARGETS: Final = instance("up")

INSTANCES: Final = Group(
    "keddah-instances",
    (
        Alert(
            "KeddahNoPrimary",
            f"{of_database(_TARGETS)} unless {of_database(f'{_REPLICA} == 0')}",
            timedelta(minutes=2),
            Severity.CRITICAL,
            f"{DATABASE} has no primary: it accepts no writes",
            "No instance can be promoted, or Prometheus reaches none. STATUS and the condition Ready say what"
            f" it waits for: {SHOW}",
        ),
        Alert(
            "KeddahTwoPrimaries",
            f"{of_database(f'{_REPLICA} == 0', 'count')} > 1",
            timedelta(minutes=2),
            Severity.CRITICAL,
            f"{DATABASE} has {{{{ $value }}}} servers that take themselves for primary",
            "One of them is cut off from the cluster: with synchronous standbys it can acknowledge nothing;"
            " with synchronous: Off what it acknowledges is lost. Keep applications from the one that Patroni"
            f" does not name, and look at its node: {SHOW}",
        ),
        Alert(
            "KeddahStalled",
            f"{of_database(_STALLED)} == 1",
            timedelta(minutes=5),
            Severity.WARNING,
            f"{DATABASE} waits for a person",
            "keddah can do nothing more by itself. The condition Stalled says why, and what would help; the"
            f" database may well serve meanwhile: {SHOW}",
        ),
        Alert(
            "KeddahNotReady",
            f"{of_database(_READY)} == 0",
            timedelta(minutes=20),
            Severity.WARNING,
            f"{DATABASE} is not ready: an instance is missing, or does not serve",
            "It has taken longer than a failover, a restart or a small clone. The condition Ready says what"
            f" it waits for: {SHOW}",
        ),
        Alert(
            "KeddahInstanceDown",
            f"{of_instance(_TARGETS)} == 0 or {of_instance(_SERVES)} == 0",
            timedelta(minutes=10),
            Severity.WARNING,
            f"{POD} does not serve",
            "PostgreSQL does not run in it, or is being cloned, or the pod does not answer: one failure more"
            f" is one too many. {SHOW}; {LOGS}",
        ),
        Alert(
            "KeddahInstanceRestarting",
            f"{of_instance(f'changes({_STARTED}[1h])')} > {_RESTARTS}",
            timedelta(0),
            Severity.WARNING,
            f"PostgreSQL in {POD} was started {{{{ $value }}}} times in an hour",
            "Each time its connections end. Lack of memory is the usual cause; KilledForMemory and"
            f" ServerCrashed are among the events: {EVENTS}; {LOGS}",
        ),
        Alert(
            "KeddahCertificateExpiring",
            f"{of_instance(_EXPIRY, 'min')} - time() < {_WEEK}",
            timedelta(hours=1),
            Severity.CRITICAL,
            f"The certificate of {POD} is good for {{{{ $value | humanizeDuration }}}} more",
            "It should have been renewed long ago: then no client that verifies connects any more, and no"
            f" standby. The controller's log, or the issuer's, says why it was not: {SHOW}",
        ),
    ),
)
