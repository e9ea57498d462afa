"""Which pod template a database gets: what its user asked for at once, what a release changes in its turn.

A release of keddah may make another template of the same spec, for all databases at once. Until it is a
database's turn, its StatefulSet keeps the template that was written last, with Patroni's file for it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from controller.desired import names
from controller.desired.instances.authentication import demands_certificate
from controller.desired.instances.patroni import FILE, digest, shows_certificate
from controller.desired.instances.pod import CONFIGURATION_HASH, pod_template
from controller.kube.objects import Manifest
from controller.observe.drift import drift
from controller.observe.instances.editions import TEMPLATE, Edition, edition
from controller.observe.state import ObservedState
from schemas.api.types import PostgreSQLDatabase


@dataclass(frozen=True, slots=True)
class Templates:
    """The template in force, and how this release's differs from it."""

    db: PostgreSQLDatabase
    in_force: Manifest | None
    """As keddah wrote it last; None for a new database."""
    renewed: bool = False
    """Whether this release makes another one of the spec that it was made of."""
    asked: bool = False
    """Whether the user has changed the spec since, so that the pods need another one."""

    @property
    def edition(self) -> Edition | None:
        """The edition of the template in force."""
        return edition(self.in_force) if self.in_force else None

    def choose(self, image: str, *, wait: bool) -> Manifest:
        """Return the template to write. `wait`: not its turn yet, for which a user's change never waits."""
        if wait and self.renewed and not self.asked and self.in_force:
            return self.in_force
        template = pod_template(self.db, image)
        here = self.edition
        mark = fingerprint(template) if here is None or self.renewed else here.template
        return _marked(template, mark)


def templates(
    db: PostgreSQLDatabase,
    before: PostgreSQLDatabase | None,
    written: Manifest | None,
    observed: ObservedState,
) -> Templates:
    """Compare the template in force with what this release makes of the spec, `before` and now.

    `written` is the note of what was written last. Without one the live template stands for it, in which the
    API server has filled in defaults.
    """
    live = observed.statefulset["spec"]["template"] if observed.statefulset else None
    in_force = written or live
    here = edition(in_force) if in_force else None
    if in_force is None or here is None:
        return Templates(db, None)
    made = _marked(pod_template(before or db, here.image), here.template)
    same = _text(made) == _text(in_force) if written else drift(made, in_force) is None
    asked = before is not None and pod_template(before, "") != pod_template(db, "")
    return Templates(db, in_force, renewed=not same, asked=asked)


def patroni_file(template: Manifest, name: str, observed: ObservedState) -> str | None:
    """Return the live file that this template's pods start with; None if there is none."""
    live = observed.children.get("ConfigMap", {}).get(names.config(name)) or {}
    file = (live.get("data") or {}).get(FILE, "")
    wanted = ((template.get("metadata") or {}).get("annotations") or {}).get(CONFIGURATION_HASH)
    return file if digest(file) == wanted else None


def certified(name: str, observed: ObservedState) -> bool:
    """Whether every pod that is there can show a certificate to the primary, as those of this release do.

    Once that is demanded it stays: a pod that is made later has the file of that time.
    """
    live = observed.children.get("ConfigMap", {}).get(names.config(name)) or {}
    file = (live.get("data") or {}).get(FILE, "")
    able = shows_certificate(file) and all(each.file == digest(file) for each in observed.instances)
    return able or not observed.instances or demands_certificate(live)


def _marked(template: Manifest, mark: str) -> Manifest:
    if not mark:
        return template
    metadata = template["metadata"]
    return {**template, "metadata": {**metadata, "annotations": {**metadata["annotations"], TEMPLATE: mark}}}


def fingerprint(template: Manifest) -> str:
    """Return a digest of a template, as keddah writes it."""
    return hashlib.sha256(_text(template).encode()).hexdigest()[:16]


def _text(template: Manifest) -> str:
    return json.dumps(template, sort_keys=True)
