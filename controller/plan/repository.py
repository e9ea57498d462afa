"""The repository as a component of the plan: what all backups need, and the server of a volume.

Nothing here holds up anything else of the database: what is wrong with the repository is told by the
condition ArchivingWAL.
"""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Final

from controller.desired import names, repository
from controller.desired.labels import REPOSITORY
from controller.desired.repository import children as desired
from controller.desired.repository.settings import archive_of, settings
from controller.desired.repository.settings import lineage as of_seed
from controller.desired.restore import requested
from controller.kube.objects import Manifest, annotations_of
from controller.observe.backups.backups import settings as read
from controller.observe.drift import drift
from controller.observe.identity import identifier
from controller.observe.instances.manifests import claim
from controller.observe.state import Claim, ObservedState
from controller.plan.actions import GrowClaim
from controller.plan.component import Component
from controller.plan.records import noted
from controller.plan.restore.in_place import in_place, note
from controller.plan.situation import Situation
from controller.plan.volumes import expandable, members
from controller.protocol.settings import Settings
from schemas.api.backup import VolumeRepository
from schemas.api.types import PostgreSQLDatabase
from schemas.kubernetes.quantity import parse


def _children(situation: Situation) -> list[Manifest]:
    db, live = situation.db, server(situation)
    if not repository.enabled(db):
        # Its volume stays, with what was backed up before.
        server_of_before = [_server(situation, VolumeRepository(), running=False)] if live else []
        return [*_ended(situation), *server_of_before]
    known = archive(situation)
    found = [*_configuration(situation, known), desired.account(db)]
    volume = repository.volume(db)
    if volume is None:
        return found
    found += [desired.service(db), desired.network_policy(db)]
    # A server that starts before there is anything to serve would wait for the kubelet to bring the settings.
    if known or live:
        # A last instance archives its WAL as it stops; what others have not stays on their volumes.
        awake = not db.spec.hibernated or bool(situation.observed.instances)
        found.append(_server(situation, volume, running=bool(known) and awake))
    return found


def _configuration(situation: Situation, known: str) -> list[Manifest]:
    """Return the settings; not as long as nobody has read the keys that an archive's name needs."""
    if identifier(situation.observed) and not known:
        return []
    told = settings(situation.db, known, members(situation.observed))
    manifest = desired.configuration(situation.db, told, _annotations(situation))
    return [noted(manifest, situation.backups.record, situation.db.metadata.uid)]


def _ended(situation: Situation) -> list[Manifest]:
    """Return the settings of a database that makes no backups any more, once.

    From now on WAL is missing in its archive, so whatever is backed up later goes into another one.
    """
    before = told(situation.observed, situation.name)
    if before is None:
        return []
    another = {desired.LINEAGE: of_seed(lineage(situation).encode())}
    manifest = desired.configuration(situation.db, replace(before, archive=""), another)
    return [noted(manifest, situation.backups.record, situation.db.metadata.uid)]


def _server(situation: Situation, volume: VolumeRepository, *, running: bool) -> Manifest:
    live = server(situation)
    made = next(iter(((live or {}).get("spec") or {}).get("volumeClaimTemplates") or []), None)
    template = made and {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {k: v for k, v in made["metadata"].items() if k in ("name", "labels", "annotations")},
        "spec": {k: v for k, v in made["spec"].items() if k in _OF_CLAIMS},
    }
    return desired.statefulset(
        situation.db,
        volume,
        situation.intent.image,
        running=running,
        claim_template=template,
        kept=live if situation.intent.repository_kept else None,
    )


_OF_CLAIMS: Final = ("accessModes", "resources", "storageClassName")
"""What is declared of a claim template, and not the API server's default."""


def server(situation: Situation) -> Manifest | None:
    """Return the StatefulSet of the volume's server, if it exists."""
    return situation.observed.of(REPOSITORY, "StatefulSet").get(names.repository(situation.name))


def renewed(db: PostgreSQLDatabase, before: PostgreSQLDatabase | None, observed: ObservedState) -> bool:
    """Whether a release makes another pod template of the server, and the user has not asked for another one.

    `before` is the spec that it was made of. Where no mark says what was written, the live one is compared.
    """
    live = observed.of(REPOSITORY, "StatefulSet").get(names.repository(db.metadata.name))
    if live is None or not repository.enabled(db):
        return False
    former, template = before or db, live["spec"]["template"]
    known = annotations_of(live).get(desired.MARK)
    if known:
        same = known == desired.mark(former)
    else:
        image = template["spec"]["containers"][0]["image"]
        same = drift(desired.pod_template(former, image), template) is None
    return not same and desired.mark(former) == desired.mark(db)


def archive(situation: Situation) -> str:
    """Return the archive's name: what it was for this data, else what it will be; "" without data."""
    known = identifier(situation.observed)
    if not known:
        return ""
    before = told(situation.observed, situation.name)
    if before is not None and before.archive.endswith(f"-{known}"):
        return before.archive
    seed = lineage(situation)
    return archive_of(situation.name, seed, known) if seed else ""


def told(observed: ObservedState, name: str) -> Settings | None:
    """Return the settings that the pods have; None while they have none that are of use."""
    return read(observed.children.get("ConfigMap", {}).get(names.backup_settings(name)))


def lineage(situation: Situation) -> str:
    """Return what tells a copy from its source: as noted, else from the keys; "" where those are not read."""
    known: str = _annotated(situation.observed, situation.name).get(desired.LINEAGE, "")
    if known:
        return known
    wanted = names.keys_secret(situation.name)
    keys = next((each for each in situation.intent.secrets if each["metadata"]["name"] == wanted), None)
    if keys is None:
        return ""
    seed = base64.b64decode(keys["data"]["seed"])
    # Restored once more, under kept keys, the data has the same system identifier: it is another history.
    return of_seed(seed + situation.db.metadata.uid.encode() if requested(situation.db) else seed)


def _annotations(situation: Situation) -> dict[str, str]:
    seed = lineage(situation)
    restored = note(in_place(situation), situation.observed, situation.name)
    return ({desired.LINEAGE: seed} if seed else {}) | restored


def _annotated(observed: ObservedState, name: str) -> dict[str, str]:
    live = observed.children.get("ConfigMap", {}).get(names.backup_settings(name)) or {"metadata": {}}
    return live["metadata"].get("annotations") or {}


def repository_claim(observed: ObservedState, name: str) -> Claim | None:
    """Return the claim of the repository's volume, if it exists."""
    found = observed.of(REPOSITORY, "PersistentVolumeClaim").get(names.repository_claim(name))
    return claim(found) if found else None


def _upkeep(situation: Situation) -> list[GrowClaim]:
    """Let the repository's volume grow, full or not; it never shrinks."""
    volume = repository.volume(situation.db)
    found = repository_claim(situation.observed, situation.name)
    if volume is None or found is None or not found.bound:
        return []
    grows = expandable(found.storage_class or "", situation.observed)
    if not grows or parse(found.requested) >= parse(volume.size):
        return []
    reason = f"backup.repository.volume.size {found.requested} -> {volume.size}"
    return [GrowClaim(found.name, volume.size, reason)]


REPOSITORY_COMPONENT: Final = Component(REPOSITORY, children=_children, upkeep=_upkeep)
