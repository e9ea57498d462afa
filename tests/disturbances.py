"""What befalls keddah itself while somebody goes on creating databases, who must not notice."""

from __future__ import annotations

import json
import re
import secrets
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from controller.certificates.pki import issue_authority
from controller.certificates.rotation import DEFAULT
from controller.certificates.webhooks import CA_SECRET, TLS_SECRET
from controller.kube.kinds import CONFIGURATION, WEBHOOK_CONFIGURATIONS
from deploy.generate.objects import NAMESPACE, POLICY, WEBHOOKS
from deploy.manifests import objects
from tests import policies
from tests.cert_manager import renew
from tests.clusters import POLL, Cluster
from tests.laboratory.ground import ground
from tests.mounted import await_mounted
from tests.rest import path
from tests.serving import entries, leaf, trusted
from tests.sites import local_name
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.rest import Object

SERVED_SECONDS: Final = 5
"""How long calls go on after each of them: API servers and pods notice what was changed."""
_OFF_SECONDS: Final = 30
_LOOKED_SECONDS: Final = 90
"""The controller looks at the certificates once a minute."""
_METRICS: Final = re.compile(
    r"apiserver_admission_webhook_(?:rejection_count\{.*calling_webhook_error|fail_open_count)\S* (\d+)"
)
_CALLED: Final = "keddah.dev"


def leaf_lost(cluster: Cluster) -> None:
    """Delete the serving certificate."""
    _anew(cluster, TLS_SECRET)


def authority_lost(cluster: Cluster) -> None:
    """Delete the CA."""
    _anew(cluster, CA_SECRET)


def authority_rotated(cluster: Cluster) -> None:
    """Have the CA followed by another, which is followed by a third."""
    now, rest = datetime.now(UTC), cluster.rest
    held = entries(rest, CA_SECRET)
    aged = issue_authority(WEBHOOKS, now=now - DEFAULT.authority * 0.7, entropy=secrets.token_bytes)
    upcoming = issue_authority(WEBHOOKS, now=now - DEFAULT.overlap, entropy=secrets.token_bytes)
    data = {
        "tls.crt": aged.crt,
        "tls.key": aged.key,
        "next.crt": upcoming.crt,
        "next.key": upcoming.key,
        "ca.crt": aged.crt + upcoming.crt + held["ca.crt"],
    }
    rest.merge("Secret", NAMESPACE, CA_SECRET, {"stringData": data}).expect()
    until(lambda: entries(rest, CA_SECRET)["tls.crt"] == upcoming.crt, 2 * _LOOKED_SECONDS, poll=POLL)
    until(lambda: trusted(rest, upcoming.crt), _LOOKED_SECONDS, poll=POLL)


def applied_again(cluster: Cluster) -> None:
    """Apply the webhook configurations as they are installed, without a caBundle."""
    for manifest in objects():
        if manifest["kind"] in WEBHOOK_CONFIGURATIONS:
            cluster.rest.apply(manifest, manager="kubectl").expect()


def bundle_wiped(cluster: Cluster) -> None:
    """Take the caBundle out of every webhook."""
    rest = cluster.rest
    for kind in WEBHOOK_CONFIGURATIONS:
        hooks = len((rest.get(kind, None, CONFIGURATION) or {})["webhooks"])
        wipe = [{"op": "remove", "path": f"/webhooks/{hook}/clientConfig/caBundle"} for hook in range(hooks)]
        body = json.dumps(wipe).encode()
        where = path(kind, None, CONFIGURATION)
        rest.send("PATCH", where, body, content="application/json-patch+json").expect()
    until(lambda: trusted(rest, entries(rest, CA_SECRET)["tls.crt"]), 10, poll=POLL)


def pod_deleted(cluster: Cluster) -> None:
    """Delete a pod of the admission server."""
    cluster.rest.delete("Pod", NAMESPACE, _name(cluster.operator_pods("webhooks")[0])).expect()


def restarted(cluster: Cluster) -> None:
    """Replace all pods of the admission server, one after the other."""
    cluster.good("--namespace", NAMESPACE, "rollout", "restart", f"deployment/{WEBHOOKS}")
    cluster.until_rolled_out("webhooks")


def upgraded(cluster: Cluster) -> None:
    """Apply all that is installed but the policy, with keddah's image by its other name: both are replaced.

    `tests/cluster/test_upgrade_of_keddah.py` goes from one release to another.
    """
    [container] = cluster.operator_pods("webhooks")[0]["spec"]["containers"]
    image = policies.other_name(cluster, container["image"])
    for manifest in objects():
        if manifest["metadata"]["name"] == POLICY:
            continue
        if manifest["kind"] == "Deployment":
            manifest["spec"]["template"]["spec"]["containers"][0]["image"] = image
        cluster.rest.apply(manifest, manager="kubectl").expect()
    for component in ("webhooks", "controller"):
        cluster.until_rolled_out(component)


def drained(cluster: Cluster) -> None:
    """Drain a node of the admission server; of other pods only what the operator has there."""
    node = cluster.operator_pods("webhooks")[0]["spec"]["nodeName"]
    ours = "--pod-selector=app.kubernetes.io/name=keddah"
    try:
        cluster.good("drain", node, ours, "--delete-emptydir-data", "--timeout=120s", seconds=130)
        cluster.until_operated()
    finally:
        cluster.good("uncordon", node)


def controller_killed(cluster: Cluster) -> None:
    """Delete the pod of the controller that acts, without a chance to hand over."""
    cluster.rest.delete("Pod", NAMESPACE, cluster.leader(), gracePeriodSeconds=0).expect()


def cert_manager_renewed(cluster: Cluster) -> None:
    """Have cert-manager issue the serving certificate again, and every pod serve with it."""
    former = leaf(cluster.rest)
    renew(cluster.rest, WEBHOOKS)
    await_mounted(cluster, former)


def node_off(cluster: Cluster) -> None:
    """Power a node of the admission server off, and on again half a minute later; of deploy/local only."""
    node = cluster.operator_pods("webhooks")[0]["spec"]["nodeName"]
    here = ground(local_name())
    here.local("node-power", node, "off")
    time.sleep(_OFF_SECONDS)
    here.local("node-power", node, "on")
    until(lambda: cluster.node_ready(node), 120, poll=POLL)


DISTURBANCES: Final[Mapping[str, Callable[[Cluster], None]]] = {
    each.__name__.replace("_", "-"): each
    for each in (
        leaf_lost,
        authority_lost,
        applied_again,
        pod_deleted,
        restarted,
        upgraded,
        drained,
        controller_killed,
        authority_rotated,
        bundle_wiped,
        node_off,
    )
}
RENEWALS: Final[Mapping[str, Callable[[Cluster], None]]] = {"cert-manager-renewed": cert_manager_renewed}
"""What befalls an installation in which cert-manager makes the certificates."""
NOTICED: Final = frozenset({"bundle-wiped", "node-off"})
"""Until the caBundle is back, the API server trusts nobody: it calls by what it is told. And of a node that
vanishes it hears nothing: a call on one of its connections ends with the webhook's time-out."""


def disturb(cluster: Cluster, name: str) -> None:
    """Do it, and go on until keddah is whole again and everybody knows."""
    {**DISTURBANCES, **RENEWALS}[name](cluster)
    time.sleep(SERVED_SECONDS)
    cluster.until_operated()


def failed_calls(cluster: Cluster) -> int:
    """Return how many calls of our webhooks have failed since the API server started, by its own count."""
    answer = cluster.rest.send("GET", "/metrics", accept="text/plain")
    found = (_METRICS.match(line) for line in answer.message.splitlines() if _CALLED in line)
    return sum(int(each[1]) for each in found if each)


def _anew(cluster: Cluster, secret: str) -> None:
    """Delete a Secret, and wait until there is another, and another certificate is served."""
    former, before = leaf(cluster.rest), entries(cluster.rest, secret)
    cluster.rest.delete("Secret", NAMESPACE, secret).expect()
    until(lambda: entries(cluster.rest, secret) not in ({}, before), _LOOKED_SECONDS, poll=POLL)
    until(lambda: leaf(cluster.rest) not in ("", former), _LOOKED_SECONDS, poll=POLL)


def _name(manifest: Object) -> str:
    return str(manifest["metadata"]["name"])
