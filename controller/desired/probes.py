"""The kubelet's questions to Patroni."""

from __future__ import annotations

from controller.desired.child import Manifest

MOST_BEHIND_MIB = 64
"""How much WAL a standby may have still to receive, and be ready."""

_DAY = 86400


def probes() -> Manifest:
    """Return the three probes; Patroni answers them over TLS, to anyone.

    Startup asks for readiness every second, so that a new instance is ready a second after it is; while it
    has not been, nothing ends the container, for a clone of terabytes begun anew never ends. Readiness of
    a standby allows for some WAL still to come, not replayed: under a bulk load reads from a standby lag,
    but a Service without any standby is worse. Liveness says whether Patroni's loop turns: it does with the
    API server away, and a minute of silence passes, for a restart of the container restarts PostgreSQL.
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
