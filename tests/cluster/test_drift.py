"""Whatever the world does to the children, the declared state comes back."""

from __future__ import annotations

import json
import time
from functools import partial

import pytest

from controller.kube.client import MANAGER
from tests.clusters import OPERATOR, POLL
from tests.databases import LABEL, ROLE, Database
from tests.rest import Object
from tests.waiting import until, within

PATRONIS_LOOPS = 12
"""Seconds in which Patroni looks at its state once or twice."""


def _labelled(trio: Database, name: str) -> bool:
    return bool(trio.child("ConfigMap", name)["metadata"]["labels"].get(LABEL) == trio.name)


def _spec(trio: Database, kind: str, name: str) -> Object:
    spec: Object = trio.child(kind, name)["spec"]
    return spec


def test_an_edited_service_leads_to_the_primary_again(trio: Database) -> None:
    before = _spec(trio, "Service", "trio")["selector"]
    edit = {"spec": {"selector": {**before, "keddah.dev/role": "standby"}}}
    trio.cluster.rest.merge("Service", trio.namespace, "trio", edit).expect()
    until(lambda: _spec(trio, "Service", "trio")["selector"] == before, 30, trio.story, POLL)
    until(trio.answers, 30, trio.story, POLL)


def test_a_deleted_secret_comes_back_with_the_password_that_fits(trio: Database) -> None:
    before = trio.secret("app")
    trio.cluster.rest.delete("Secret", trio.namespace, "trio-app").expect()
    within(lambda: trio.cluster.rest.get("Secret", trio.namespace, "trio-app"), 10, trio.story, POLL)
    assert trio.secret("app") == before


def test_deleted_children_come_back(trio: Database) -> None:
    gone = {
        "PodDisruptionBudget": "trio",
        "NetworkPolicy": "trio",
        "Service": "trio-ro",
        "RoleBinding": "trio-patroni",
    }
    before = {kind: trio.child(kind, name)["metadata"]["uid"] for kind, name in gone.items()}
    for kind, name in gone.items():
        trio.cluster.rest.delete(kind, trio.namespace, name).expect()

    def back() -> bool:
        live = {kind: trio.cluster.rest.get(kind, trio.namespace, name) for kind, name in gone.items()}
        return all(child and child["metadata"]["uid"] != before[kind] for kind, child in live.items())

    until(back, 30, trio.story, POLL)


def test_a_statefulset_scaled_by_hand_is_scaled_back(trio: Database) -> None:
    trio.cluster.good("--namespace", trio.namespace, "scale", "statefulset", "trio", "--replicas=4")
    until(lambda: _spec(trio, "StatefulSet", "trio")["replicas"] == 3, 30, trio.story, POLL)
    until(lambda: len(trio.pods()) == 3, 60, trio.story, POLL)


def test_an_emptied_role_is_filled_before_the_primary_loses_its_lock(trio: Database) -> None:
    primary, before = trio.primary(), trio.child("Role", "trio-patroni")["rules"]
    trio.cluster.rest.merge("Role", trio.namespace, "trio-patroni", {"rules": []}).expect()
    until(lambda: trio.child("Role", "trio-patroni")["rules"] == before, 30, trio.story, POLL)
    trio.settled()
    assert trio.primary() == primary


@pytest.mark.parametrize("name", ["trio-leader", "trio-sync"])
def test_a_label_taken_off_patronis_state_is_back_before_anybody_misses_it(trio: Database, name: str) -> None:
    primary = trio.primary()
    names = trio.superuser(primary, "SHOW synchronous_standby_names")
    trio.cluster.good("-n", trio.namespace, "label", "configmap", name, "keddah.dev/database-")
    back = partial(_labelled, trio, name)
    until(back, 20, trio.story, POLL)
    time.sleep(PATRONIS_LOOPS)
    trio.settled()
    assert trio.primary() == primary
    assert trio.superuser(primary, "SHOW synchronous_standby_names") == names


def test_a_standby_that_is_labelled_primary_is_a_target_for_a_moment_only(trio: Database) -> None:
    primary, standby = trio.primary(), trio.standbys()[0]
    label = {"metadata": {"labels": {ROLE: "primary"}}}
    written = trio.cluster.rest.merge("Pod", trio.namespace, standby, label).expect()
    assert written["metadata"]["labels"][ROLE] == "primary"
    # Sooner than Patroni itself looks at its pod again.
    begun = time.monotonic()
    until(lambda: trio.primaries() == [primary], 10, trio.story, POLL)
    assert time.monotonic() - begun < 2 or _role_set_by(trio.child("Pod", standby)) == MANAGER
    trio.settled()
    assert trio.primary() == primary
    assert trio.child("Pod", standby)["metadata"]["labels"][ROLE] == "standby"


def _role_set_by(pod: Object) -> str:
    """Name whoever changed the label last."""
    owners = [each for each in pod["metadata"]["managedFields"] if f'"f:{ROLE}"' in json.dumps(each)]
    return str(max(owners, key=lambda each: str(each["time"]))["manager"])


def test_a_deleted_standby_comes_back_and_follows(trio: Database) -> None:
    victim, before = trio.standbys()[0], trio.uids()
    trio.cluster.rest.delete("Pod", trio.namespace, victim).expect()
    trio.until_pods(lambda _: trio.uids().get(victim) not in (None, before[victim]))
    trio.settled()
    streaming = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
    until(lambda: trio.superuser(trio.primary(), streaming) == "2", 30, trio.story, POLL)


SERVED = "import ssl; print(ssl.get_server_certificate(('localhost', 8008)).strip())"


def _served(trio: Database) -> set[str]:
    return {trio.execute(pod, "python3", "-c", SERVED).out.strip() for pod in trio.pod_names()}


def _restarted(trio: Database, connections: str) -> None:
    """Have the controller restart and move all of it, which Patroni does only for whom it knows."""
    primary = trio.primary()
    trio.change(parameters={"max_connections": connections})
    trio.until_everywhere("SHOW max_connections", connections, 120)
    trio.settled()
    assert trio.primary() != primary


def test_lost_keys_come_back_and_running_members_go_on_obeying(trio: Database) -> None:
    rest, namespace = trio.cluster.rest, trio.namespace
    app, tls = trio.secret("app"), trio.secret("tls")
    # What would bring the same ones back.
    rest.delete("Secret", OPERATOR, f"keys.{namespace}.trio").expect()
    rest.delete("Secret", namespace, "trio-keys").expect()
    until(lambda: rest.get("Secret", namespace, "trio-keys"), 90, trio.story, POLL)
    until(lambda: trio.secret("tls")["ca.crt"].count("BEGIN") == 2, 30, trio.story, POLL)
    trusted = trio.secret("tls")["ca.crt"]
    until(lambda: trio.secret("app") == app | {"ca.crt": trusted}, 30, trio.story, POLL)
    assert trio.secret("tls")["tls.crt"] == tls["tls.crt"]
    _restarted(trio, "121")
    # The new authority's certificate is taken over by those who know only the old one's.
    rest.delete("Secret", namespace, "trio-tls").expect()
    until(lambda: rest.get("Secret", namespace, "trio-tls"), 90, trio.story, POLL)
    for pod in trio.pod_names():
        # The kubelet looks at the volumes of a pod that changed.
        rest.merge("Pod", namespace, pod, {"metadata": {"annotations": {"tests": "touched"}}}).expect()
    renewed = trio.secret("tls")["tls.crt"].strip()
    assert renewed != tls["tls.crt"].strip()
    until(lambda: _served(trio) == {renewed}, 180, trio.story, 10 * POLL)
    _restarted(trio, "122")
