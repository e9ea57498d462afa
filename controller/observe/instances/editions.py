"""Which edition of a pod the instances are, and which one new pods are; pure.

An edition is what keddah and its policy choose for a pod, and no user: the image, and the release's pod
template. Both are marked on the template, and so on each pod made from it: a webhook may rewrite a pod's
image (a registry's mirror), and the pod is of the edition still.
"""

from __future__ import annotations

from dataclasses import dataclass

from controller.desired.instances.pod import IMAGE
from controller.kube.objects import Manifest
from controller.observe.instances.manifests import REVISION_LABEL
from controller.observe.state import DATABASE_CONTAINER, ObservedState

TEMPLATE = "keddah.dev/template"
"""Annotation of a pod template: changes when a release of keddah makes another one of the same spec."""


@dataclass(frozen=True, slots=True)
class Edition:
    """The image of a pod, and the mark of its template."""

    image: str
    template: str = ""
    """"" for a template that is not marked: an earlier release made it."""


def edition(template: Manifest) -> Edition | None:
    """Return the edition of a pod template; None where it has no database container."""
    annotations = (template.get("metadata") or {}).get("annotations") or {}
    image = annotations.get(IMAGE) or _image(template)
    return Edition(image, annotations.get(TEMPLATE, "")) if image else None


def in_force(observed: ObservedState) -> Edition | None:
    """Return the edition of new pods; None while there is no StatefulSet."""
    return edition(observed.statefulset["spec"]["template"]) if observed.statefulset else None


def editions(observed: ObservedState) -> dict[str, Edition]:
    """Return the edition of each pod, by name."""
    newest, revision = in_force(observed), newest_revision(observed.statefulset)
    found: dict[str, Edition] = {}
    for name, pod in observed.pods.items():
        labels = (pod.get("metadata") or {}).get("labels") or {}
        # One without marks, whose image may have been rewritten, is still known by its revision.
        same = revision is not None and labels.get(REVISION_LABEL) == revision
        here = newest if same else edition(pod)
        if here is not None:
            found[name] = here
    return found


def primarys_image(observed: ObservedState) -> str | None:
    """Return the image of the primary's pod; None without a primary."""
    primary = observed.primary
    here = editions(observed).get(primary.name) if primary else None
    return here.image if here else None


def behind(observed: ObservedState, wanted: Edition) -> list[str]:
    """Return the names of the pods that are of another edition."""
    return [name for name, here in editions(observed).items() if here != wanted]


def newest_revision(statefulset: Manifest | None) -> str | None:
    """Return the revision that new pods get, once the StatefulSet controller has seen the newest template."""
    if statefulset is None:
        return None
    status = statefulset.get("status") or {}
    if status.get("observedGeneration") != (statefulset.get("metadata") or {}).get("generation"):
        return None
    return status.get("updateRevision") or None


def _image(pod: Manifest) -> str | None:
    containers = (pod.get("spec") or {}).get("containers") or []
    return next((str(c["image"]) for c in containers if c["name"] == DATABASE_CONTAINER), None)
