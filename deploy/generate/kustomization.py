"""What ties the files together for `kubectl apply --server-side -k deploy/install`."""

from __future__ import annotations

from collections.abc import Sequence

from deploy.generate.objects import DEFAULT_REGISTRY, OPERATOR_IMAGE, VERSION, Manifest

_HEAD: Manifest = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}


def kustomization(
    resources: Sequence[str],
    *,
    registry: str = DEFAULT_REGISTRY,
    tag: str = VERSION,
    patches: Sequence[str] = (),
) -> Manifest:
    """Return the file that lists `resources` in order and says where the operator's image is.

    The databases' images are in the policy, which is no field that kustomize knows.
    """
    name = f"{DEFAULT_REGISTRY}/{OPERATOR_IMAGE}"
    images = [{"name": name, "newName": f"{registry}/{OPERATOR_IMAGE}", "newTag": tag}]
    body: Manifest = {**_HEAD, "resources": list(resources), "images": images}
    if patches:
        body["patches"] = [{"path": path} for path in patches]
    return body
