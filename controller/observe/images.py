"""Which image the instances run, and which one new pods get; pure."""

from __future__ import annotations

from controller.observe.world import DATABASE_CONTAINER, Manifest, World


def image_in_force(world: World) -> str | None:
    """Return the image that new pods get; None while there is no StatefulSet."""
    return _image(world.statefulset["spec"]["template"]) if world.statefulset else None


def primarys_image(world: World) -> str | None:
    """Return the image of the primary's pod; None without a primary."""
    pods = world.children.get("Pod", {})
    return _image(pods[world.primary.name]) if world.primary and world.primary.name in pods else None


def behind(world: World, image: str) -> list[str]:
    """Return the names of the pods that have another image."""
    pods = world.children.get("Pod", {})
    return [name for name, pod in pods.items() if _image(pod) not in (None, image)]


def _image(pod: Manifest) -> str | None:
    containers = (pod.get("spec") or {}).get("containers") or []
    return next((str(c["image"]) for c in containers if c["name"] == DATABASE_CONTAINER), None)
