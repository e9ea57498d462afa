"""One database on a real cluster: what its user and its pods say of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from schemas.api.types import API_VERSION, KIND
from tests.clusters import POLL, Cluster
from tests.kubectl import Output
from tests.readiness import serves
from tests.rest import Answer, Object
from tests.waiting import until

ROLE = "keddah.dev/role"
LABEL = "keddah.dev/database"
INSTANCES = "app.kubernetes.io/component=database"
"""Of all pods and volumes: those that are no repository's, and no Job's."""
# A server that has just gone may not even refuse.
APP = """PGCONNECT_TIMEOUT=5 psql -X -v ON_ERROR_STOP=1 -Atc "$0" "$(cat /etc/keddah/app/uri)" """
"""As an application connects: through the Service, with what the Secret says."""
NO_BACKUPS = {"backupSchedule": ""}
"""What tests of other things declare: a repository and its first backup would take two cores' time."""


@dataclass(frozen=True)
class Database:
    """A PostgreSQLDatabase and its children."""

    cluster: Cluster
    namespace: str
    name: str = "db"

    def apply(self, **spec: Any) -> Answer:  # noqa: ANN401
        """Apply the object; keywords are the spec that the user declares, by default without backups."""
        manifest = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": {"name": self.name, "namespace": self.namespace},
            "spec": NO_BACKUPS | spec,
        }
        return self.cluster.rest.apply(manifest)

    def change(self, **spec: Any) -> Object:  # noqa: ANN401
        """Change some fields of the spec."""
        return self.cluster.rest.merge(KIND, self.namespace, self.name, {"spec": spec}).expect()

    def delete(self) -> None:
        """Delete the object, and wait until it and its pods are gone."""
        self.cluster.rest.delete(KIND, self.namespace, self.name).expect()
        until(lambda: self.read() is None and not self.pods(), 90, self.story, POLL)

    def read(self) -> Object | None:
        """Read the object."""
        return self.cluster.rest.get(KIND, self.namespace, self.name)

    def status(self) -> Object:
        """Read its status."""
        status: Object = (self.read() or {}).get("status") or {}
        return status

    def condition(self, kind: str) -> Object:
        """Read one condition; it is empty when there is none of this generation."""
        live = self.read() or {}
        conditions = (live.get("status") or {}).get("conditions") or []
        fresh = (c for c in conditions if c["observedGeneration"] == live["metadata"]["generation"])
        return next((c for c in fresh if c["type"] == kind), {})

    def until_condition(self, kind: str, reason: str, seconds: float = 60) -> Object:
        """Wait until a condition of the newest generation is true for this reason."""

        def there() -> Object | None:
            condition = self.condition(kind)
            holds = condition.get("status") == "True" and condition["reason"] == reason
            return condition if holds else None

        found = until(there, seconds, self.story, POLL)
        assert found
        return found

    def settled(self, seconds: float = 120) -> Database:
        """Wait until the newest generation is Ready, nothing is left to do, and the Service leads there.

        The pods are asked too, for the status may not tell yet of what was done to them a moment ago.
        Endpoints reach a node's packet filter some time after a pod is ready.
        """
        until(self._settled, seconds, self.story, POLL)
        until(self.answers, 10, self.story, POLL)
        return self

    def up(self, seconds: float = 120) -> None:
        """Wait as `settled` does, but for no session of the application's: users' settings may end each."""
        until(self._settled, seconds, self.story, POLL)
        until(self._listens, 10, self.story, POLL)

    def _settled(self) -> bool:
        live = self.read() or {}
        status = live.get("status") or {}
        if status.get("observedGeneration") != live.get("metadata", {}).get("generation", 0):
            return False
        truth = {c["type"]: c["status"] for c in status.get("conditions") or []}
        pods = self.pods()
        whole: bool = (
            status["readyReplicas"] == live["spec"]["replicas"] == len(pods) == sum(map(serves, pods))
        )
        return whole and truth["Ready"] == "True" and truth["Reconciling"] == truth["Stalled"] == "False"

    def pods(self) -> list[Object]:
        """Give the pods of all instances, those on their way out too, by name."""
        pods = self.component_pods("database")
        return sorted(pods, key=lambda pod: str(pod["metadata"]["name"]))

    def component_pods(self, component: str) -> list[Object]:
        """Give the pods of a component: `database`, `repository` or `backup`."""
        selector = f"{LABEL}={self.name},app.kubernetes.io/component={component}"
        return self.cluster.rest.list("Pod", self.namespace, labelSelector=selector)

    def pod_names(self) -> list[str]:
        """Name the pods."""
        return [pod["metadata"]["name"] for pod in self.pods()]

    def uids(self) -> dict[str, str]:
        """Give the UID of each pod: another means that the pod was made anew."""
        return {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in self.pods()}

    def claims(self) -> dict[str, Object]:
        """Give the volume claims by name."""
        where = self.cluster.rest.list(
            "PersistentVolumeClaim", self.namespace, labelSelector=f"{LABEL}={self.name},{INSTANCES}"
        )
        return {claim["metadata"]["name"]: claim for claim in where}

    def primaries(self) -> list[str]:
        """Name the pods that say they are primary and are not on their way out."""
        return [
            pod["metadata"]["name"]
            for pod in self.pods()
            if pod["metadata"]["labels"].get(ROLE) == "primary" and "deletionTimestamp" not in pod["metadata"]
        ]

    def primary(self) -> str:
        """Name the primary; there must be exactly one."""
        found = self.primaries()
        assert len(found) == 1, f"primaries: {found}"
        return str(found[0])

    def standbys(self) -> list[str]:
        """Name the others."""
        primary = self.primary()
        return [name for name in self.pod_names() if name != primary]

    def child(self, kind: str, name: str) -> Object:
        """Read a child that must be there."""
        found = self.cluster.rest.get(kind, self.namespace, name)
        assert found, f"there is no {kind} {name}"
        return found

    def secret(self, name: str) -> dict[str, str]:
        """Read a Secret of the database, by the part of its name after the database's."""
        data = self.child("Secret", f"{self.name}-{name}")["data"]
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    def execute(self, pod: str, *command: str, seconds: float = 30) -> Output:
        """Run a command in an instance."""
        where = ("--namespace", self.namespace, "exec", pod, "--container=postgres", "--")
        return self.cluster(*where, *command, seconds=seconds)

    def sql(self, statement: str, pod: str | None = None) -> str:
        """Run a statement as the application does, through the Service, from an instance that serves."""
        done = self.execute(pod or self._within(), "sh", "-c", APP, statement)
        assert done.code == 0, f"{statement}: {done.err}"
        return done.out.strip()

    def answers(self) -> bool:
        """Tell whether somebody accepts writes through the Service, seen from wherever `sql` may ask.

        Each node hears of a new primary by itself, and which instance is the first that serves changes.
        """
        question = "SELECT NOT pg_is_in_recovery()"
        serving = [str(pod["metadata"]["name"]) for pod in self.pods() if serves(pod)]
        asked = (self.execute(pod, "sh", "-c", APP, question) for pod in serving or [self._within()])
        return all(done.out.strip() == "t" for done in asked)

    def _listens(self) -> bool:
        return self.execute(self._within(), "pg_isready", "--quiet", "--host", self.name).code == 0

    def _within(self) -> str:
        """Name the instance from which the Service is used."""
        pods = self.pods()
        first = next((pod for pod in pods if serves(pod)), pods[0])
        return str(first["metadata"]["name"])

    def superuser(self, pod: str, statement: str) -> str:
        """Run a statement in one instance as its superuser, over the socket."""
        done = self.execute(pod, "psql", "-X", "-v", "ON_ERROR_STOP=1", "-Atc", statement)
        assert done.code == 0, f"{pod}: {statement}: {done.err}"
        return done.out.strip()

    def everywhere(self, statement: str) -> dict[str, str]:
        """Run a statement in each instance."""
        return {pod: self.superuser(pod, statement) for pod in self.pod_names()}

    def until_everywhere(self, statement: str, answer: str, seconds: float = 60) -> None:
        """Wait until every instance answers so; one that restarts has no answer."""

        def agreed() -> bool:
            answers = [self.execute(pod, "psql", "-XAtc", statement).out.strip() for pod in self.pod_names()]
            return set(answers) == {answer}

        until(agreed, seconds, self.story, 5 * POLL)

    def until_pods(self, fact: Callable[[list[Object]], bool], seconds: float = 120) -> None:
        """Wait until something is true of the pods."""
        until(lambda: fact(self.pods()), seconds, self.story, POLL)

    def switch_over(self, to: str) -> None:
        """Make another instance the primary, and wait until it serves."""
        self.hand_over(to)
        self.settled()

    def hand_over(self, to: str) -> None:
        """Make another instance the primary, by Patroni's own tool, and wait until it is."""
        # Patroni hands over to nobody who may lack an acknowledged commit, and finds out who has them all
        # some seconds after a standby has come; a primary that has only just ended still counts as one.
        said: list[str] = []
        until(
            lambda: to in self.synchronous() and self._handed_over(to, said),
            60,
            lambda: "\n".join([self.story(), *said[-1:]]),
            POLL,
        )
        until(lambda: self.status().get("primary") == to, 60, self.story, POLL)

    def _handed_over(self, to: str, said: list[str]) -> bool:
        """Ask for it; the tool ends well even where Patroni would not, and says so, which is kept."""
        found = self.primaries()
        if found == [to] or len(found) != 1:
            return found == [to]
        [before] = found
        tool = ("patronictl", "-c", "/etc/patroni/patroni.yml", "switchover", self.name, "--force")
        done = self.execute(before, *tool, "--leader", before, "--candidate", to)
        said.append(done.out + done.err)
        return "Successfully switched over" in done.out

    def synchronous(self) -> list[str]:
        """Name the standbys whose word a commit waits for."""
        state = self.cluster.rest.get("ConfigMap", self.namespace, f"{self.name}-sync") or {}
        annotations = (state.get("metadata") or {}).get("annotations") or {}
        return [name.strip() for name in annotations.get("sync_standby", "").split(",")]

    def events(self, since: str = "") -> list[str]:
        """Give the events about the object, as `reason: note`, oldest first; those of a moment and later.

        They are sent in the background: one that must be there is waited for, with `until_told`.
        """
        events = self.cluster.rest.list("Event", self.namespace)
        own = [e for e in events if (e.get("regarding") or {}).get("kind") == KIND]
        own.sort(key=lambda e: str(e["eventTime"] or e["metadata"]["creationTimestamp"]))
        told = [e for e in own if e["regarding"]["name"] == self.name and _last(e) >= since]
        return [f"{e.get('reason')}: {e.get('note')}" for e in told]

    def until_told(self, begin: str, *words: str, since: str = "") -> str:
        """Wait for an event that begins so and has all the words in it."""

        def told() -> str:
            found = (e for e in self.events(since) if e.startswith(begin) and all(w in e for w in words))
            return next(found, "")

        return until(told, 20, self.story, POLL)

    def story(self) -> str:
        """Tell what a person would look at first."""
        live = self.read() or {}
        status = live.get("status") or {}
        facts = {key: value for key, value in status.items() if key != "conditions"}
        lines = [f"generation {live.get('metadata', {}).get('generation')}, {json.dumps(facts)}"]
        lines += [
            f"{c['type']}={c['status']} {c['reason']}: {c['message']}" for c in status.get("conditions", [])
        ]
        pods = self.cluster("--namespace", self.namespace, "get", "pods,pvc", "-o", "wide", "-L", ROLE).out
        return "\n".join([*lines, pods, *self.events()])


def moment() -> str:
    """Give the present moment, for `Database.events`: what was told before is of an earlier test."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _last(event: Object) -> str:
    """Give the moment of an event; the same one again is not another, but becomes a series."""
    series = event.get("series") or {}
    return str(series.get("lastObservedTime") or event["eventTime"] or event["metadata"]["creationTimestamp"])
