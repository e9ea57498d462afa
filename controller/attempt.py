"""One reconcile of a database: what it needs of the process, how far it got, and what it is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from controller.certificates.pki import Entropy
from controller.certificates.rotation import DEFAULT, Lifetimes
from controller.kube.objects import Manifest
from controller.observe.state import ObservedState
from controller.plan.actions import Action
from controller.plan.conclusion import Course
from controller.plan.credentials import credentials
from controller.plan.issued import problem
from controller.plan.restore.certificate import source_secret
from controller.plan.situation import Intent
from controller.plan.upgrade import Choice
from schemas.api.types import PostgreSQLDatabase
from schemas.policy.policy import Policy


@dataclass(frozen=True, slots=True)
class Environment:
    """What a reconciler needs besides the API: clock, random source, the operator's place."""

    now: Callable[[], datetime]
    entropy: Entropy
    namespace: str
    """The operator's own."""
    cluster_domain: str
    lifetimes: Lifetimes = DEFAULT
    """Of the certificates that it makes."""


@dataclass(slots=True)
class Attempt:
    """One reconcile, as far as it got."""

    observed: ObservedState
    course: Course
    new: bool
    """Whether nothing was reported of the database yet."""
    done: tuple[Action, ...] = ()

    def intent(
        self,
        db: PostgreSQLDatabase,
        choice: Choice,
        ready: Mapping[str, int] | None,
        policy: Policy,
        environment: Environment,
        now: datetime,
    ) -> Intent:
        """Return what is to be planned for.

        `ready`: whose next passwords open the servers already; None where Secrets were not read, and are left
        alone.
        """
        secrets: tuple[Manifest, ...] = ()
        uncertified = ""
        if ready is not None:
            secrets = credentials(
                db,
                self.observed,
                operator=environment.namespace,
                cluster_domain=environment.cluster_domain,
                now=now,
                entropy=environment.entropy,
                lifetimes=environment.lifetimes,
                ready=ready,
            )
            uncertified = problem(db, self.observed, environment.cluster_domain, now)
        source = source_secret(db, self.observed, now, environment.entropy)
        return Intent(
            db=db,
            image=choice.image,
            secrets=(*secrets, *source),
            operator_namespace=environment.namespace,
            accepted=self.course.decision.accepted,
            template=choice.template,
            uncertified=uncertified,
            repository_kept=choice.repository_kept,
            version=choice.version,
            maximum=policy.replicas.maximum,
        )
