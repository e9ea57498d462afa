"""Alerts about keddah's own processes. Databases go on without them, and nobody mends them meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from deploy.generate.monitoring.alert import Alert, Group, Severity
from deploy.generate.monitoring.series import keddah
from deploy.generate.objects import CONTROLLER, NAMESPACE, WEBHOOKS

_DEPTH: Final = keddah("keddah_queue_depth")
_DRAINING: Final = keddah("keddah_webhook_draining")
_EXPIRY: Final = keddah("keddah_webhook_serving_certificate_expiry_timestamp_seconds")
_LEADER: Final = keddah("keddah_leader")
_PAIRS: Final = keddah("keddah_webhook_certificate_loads_total")
_RECONCILES: Final = keddah("keddah_reconciles_total")
_REFUSED: Final = keddah("keddah_admission_refused_requests_total")
_STARTED: Final = keddah("process_start_time_seconds")

_WEEK: Final = 7 * 86400
_POD: Final = "{{ $labels.pod }}"

KEDDAH: Final = Group(
    "keddah",
    (
        Alert(
            "KeddahControllerDown",
            f"absent({_LEADER} == 1)",
            timedelta(minutes=10),
            Severity.WARNING,
            "No controller of keddah leads",
            "Databases run and fail over, but no change is carried out and nothing is repaired. Or Prometheus"
            f" does not reach the pods. kubectl --namespace {NAMESPACE} get pods,lease;"
            f" kubectl --namespace {NAMESPACE} logs deployment/{CONTROLLER} --tail=100",
        ),
        Alert(
            "KeddahReconcilesStuck",
            f"max({_DEPTH}) > 0 and on () sum(rate({_RECONCILES}[10m])) == 0",
            timedelta(minutes=10),
            Severity.WARNING,
            "The controller works on no database, though {{ $value }} wait",
            f"It hangs, as a rule on an API server that does not answer. kubectl --namespace {NAMESPACE} logs"
            f" deployment/{CONTROLLER} --tail=100; then restart it: kubectl --namespace {NAMESPACE} rollout"
            f" restart deployment/{CONTROLLER}",
        ),
        Alert(
            "KeddahReconcilesFailing",
            f"sum(increase({_RECONCILES(result='failed')}[15m])) > 3",
            timedelta(minutes=15),
            Severity.WARNING,
            "Reconciles fail: {{ $value | humanize }} in 15 minutes",
            f"The log names the database and the error: kubectl --namespace {NAMESPACE} logs"
            f" deployment/{CONTROLLER} --since=15m | grep -i error",
        ),
        Alert(
            "KeddahWebhooksDown",
            f"absent({_DRAINING} == 0)",
            timedelta(minutes=5),
            Severity.CRITICAL,
            "No admission server of keddah runs",
            "No database can be created or changed until one does, nor a full volume grow; databases serve"
            f" on. Or Prometheus does not reach the pods. kubectl --namespace {NAMESPACE} describe pods"
            " --selector app.kubernetes.io/component=webhooks",
        ),
        Alert(
            "KeddahWebhooksFailing",
            f"sum by (pod) (increase({_REFUSED(status='~5..')}[10m])) > 0"
            f" or sum by (pod) (increase({_PAIRS(result='refused')}[10m])) > 0",
            timedelta(minutes=5),
            Severity.WARNING,
            f"The admission server {_POD} fails",
            "A review failed, so that somebody's change was refused without a reason, or its new certificate"
            f" cannot be used. kubectl --namespace {NAMESPACE} logs {_POD} --since=15m;"
            f" kubectl --namespace {NAMESPACE} describe secret {WEBHOOKS}-tls",
        ),
        Alert(
            "KeddahWebhookCertificateExpiring",
            f"min by (pod) ({_EXPIRY} > 0) - time() < {_WEEK}",
            timedelta(hours=1),
            Severity.CRITICAL,
            f"The certificate that {_POD} serves with is good for {{{{ $value | humanizeDuration }}}} more",
            "It should have been renewed long ago: then no database can be created or changed. The log of the"
            f" controller, or cert-manager's, says why it was not: kubectl --namespace {NAMESPACE} logs"
            f" deployment/{CONTROLLER} --tail=1000 | grep -i certificate",
        ),
        Alert(
            "KeddahRestarting",
            f"max by (pod) (changes({_STARTED}[1h])) > 3",
            timedelta(0),
            Severity.WARNING,
            f"{_POD} ended and started again {{{{ $value }}}} times in an hour",
            f"The log before the last start says why: kubectl --namespace {NAMESPACE} logs {_POD} --previous"
            f" --tail=100; without a word it was memory: kubectl --namespace {NAMESPACE} describe pod {_POD}",
        ),
    ),
)
