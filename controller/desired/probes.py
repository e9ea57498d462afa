"""The kubelet's probes, answered by Patroni."""

from __future__ import annotations

from controller.desired.child import Manifest

MOST_BEHIND_MIB = 64
"""How many MiB of WAL a ready standby may be behind."""

_DAY = 86400


def probes() -> Manifest:
    """Return the three probes; Patroni answers them over TLS, without client certificate.

    The startup probe asks for readiness every second, so that a new instance becomes ready within a second.
    It allows a day: the kubelet must not restart a clone of terabytes. A standby counts as ready while less
    than MOST_BEHIND_MIB of WAL are missing on it, replayed or not: under a bulk load its answers may be old,
    but a Service without any standby is worse. The liveness probe checks that Patroni's loop runs, as it does
    without the API server too. It tolerates a minute without an answer, because restarting the container
    restarts PostgreSQL.
    """
    readiness = _ask(f"/readiness?mode=write&lag={MOST_BEHIND_MIB}MB")
    return {
        "startupProbe": {**readiness, "periodSeconds": 1, "timeoutSeconds": 3, "failureThreshold": _DAY},
        "readinessProbe": {**readiness, "periodSeconds": 2, "timeoutSeconds": 5, "failureThreshold": 3},
        "livenessProbe": {
            **_ask("/liveness"),
            "periodSeconds": 10,
            "timeoutSeconds": 5,
            "failureThreshold": 6,
        },
    }


def _ask(path: str) -> Manifest:
    return {"httpGet": {"path": path, "port": "patroni", "scheme": "HTTPS"}}
