"""spec.template: what users may set on pods without breaking selectors and Patroni."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET, UnsetType

from schemas.api.template import Template
from schemas.kubernetes import labels
from schemas.rules import environment, sidecars, volumes
from schemas.rules.placement import affinity, annotation_problem, spread, tolerations
from schemas.verdict import Violation, field_path, got, warning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from schemas.api.fields import SecretReference
    from schemas.rules.review import Review

OWN_LABELS = frozenset(
    {
        "app.kubernetes.io/component",
        "app.kubernetes.io/instance",
        "app.kubernetes.io/managed-by",
        "app.kubernetes.io/name",
        "apps.kubernetes.io/pod-index",
        "controller-revision-hash",
        "statefulset.kubernetes.io/pod-name",
    }
)
"""The selectors of Services and of the StatefulSet use these."""
OWN_ANNOTATIONS = frozenset({"status"})
"""Patroni keeps a member's state here."""
OWN_ACCOUNT_ANNOTATIONS = frozenset({"kubernetes.io/enforce-mountable-secrets"})
"""With it no pod could mount the database's own Secrets, which no account lists."""
OWN_DOMAIN = "keddah.dev"

NOTHING = Template()


def violations(review: Review) -> Iterator[Violation]:
    """Refuse keys and values that are invalid on pods, and those that keddah or Patroni own."""
    template = review.spec.template
    if not template or not review.changed("template"):
        return
    stored = (review.before.template or NOTHING) if review.before is not None else NOTHING
    accounts = (_of_account(template), _of_account(stored))
    for field, given, before, own in (
        ("labels", template.labels, stored.labels, OWN_LABELS),
        ("annotations", template.annotations, stored.annotations, OWN_ANNOTATIONS),
        ("serviceAccount.annotations", *accounts, OWN_ACCOUNT_ANNOTATIONS),
        ("nodeSelector", template.node_selector, stored.node_selector, frozenset[str]()),
    ):
        fresh = {key: value for key, value in (given or {}).items() if (before or {}).get(key) != value}
        yield from keys(f"spec.template.{field}", fresh, own)
    if template.tolerations != stored.tolerations:
        yield from tolerations("spec.template.tolerations", template.tolerations or [])
    if template.affinity and template.affinity != stored.affinity:
        yield from affinity("spec.template.affinity", template.affinity)
    if template.topology_spread_constraints != stored.topology_spread_constraints:
        path = "spec.template.topologySpreadConstraints"
        yield from spread(path, template.topology_spread_constraints or [])
    if template.image_pull_secrets != stored.image_pull_secrets:
        yield from _pull_secrets(template.image_pull_secrets or [])
    yield from _parts(template, stored, review.new.metadata.name)


def warnings(review: Review) -> Iterator[str]:
    """Warn of what can fill a node's disk, or takes an instance's readers away."""
    template = review.spec.template
    if not template or not review.changed("template"):
        return
    for index, volume in enumerate(template.volumes or []):
        if volume.empty_dir and not volume.empty_dir.size_limit:
            path = field_path("spec.template.volumes", index, "emptyDir")
            yield warning(f"{path}: without sizeLimit it can fill the node's disk, which evicts pods")
    for index, sidecar in enumerate(template.sidecars or []):
        if sidecar.readiness_probe:
            path = field_path("spec.template.sidecars", index, "readinessProbe")
            yield warning(f"{path}: while it fails, {review.new.metadata.name}-ro leaves the instance out")


def _parts(template: Template, stored: Template, database: str) -> Iterator[Violation]:
    """Refuse what is wrong with containers and volumes; what is mounted depends on the volumes there are."""
    volumes_changed = template.volumes != stored.volumes
    known = frozenset(volume.name for volume in template.volumes or [])
    if template.env != stored.env:
        yield from environment.variables("spec.template.env", template.env or [], database, own=True)
    if volumes_changed:
        yield from volumes.volumes("spec.template.volumes", template.volumes or [], database)
    if volumes_changed or template.volume_mounts != stored.volume_mounts:
        mounts = template.volume_mounts or []
        yield from volumes.mounts("spec.template.volumeMounts", mounts, known, own=True)
    if volumes_changed or template.sidecars != stored.sidecars:
        yield from sidecars.sidecars("spec.template.sidecars", template.sidecars or [], known, database)


def _of_account(template: Template) -> Mapping[str, str] | UnsetType:
    return template.service_account.annotations if template.service_account else UNSET


def _pull_secrets(given: list[SecretReference]) -> Iterator[Violation]:
    names = [secret.name for secret in given]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield got(f"spec.template.imagePullSecrets[{index}].name", name, "is there already")


def keys(path: str, given: Mapping[str, str], own: frozenset[str]) -> Iterator[Violation]:
    """Refuse labels or annotations (by the path's end) whose key or value is invalid, or keddah's `own`."""
    for key, value in given.items():
        if path.endswith("annotations"):
            # Of an annotation's key, case is of no matter (ValidateAnnotations).
            problem = _key_problem(key.lower(), own) or annotation_problem(key, value)
        else:
            problem = _key_problem(key, own) or labels.value_problem(value)
        if problem is not None:
            yield got(field_path(path, key), value, problem)


def _key_problem(key: str, own: frozenset[str]) -> str | None:
    if problem := labels.key_problem(key):
        return f"has an invalid key; {problem}"
    prefix = key.rpartition("/")[0]
    if key in own or (own and (prefix == OWN_DOMAIN or prefix.endswith(f".{OWN_DOMAIN}"))):
        return "has a key that the operator itself sets; choose another"
    return None
