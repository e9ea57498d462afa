"""What ties the files of an installation together, for `kubectl apply --server-side -k`."""

from __future__ import annotations

import json
from collections.abc import Sequence

from controller.kube.objects import Manifest
from deploy.generate.objects import DEFAULT_REGISTRY, OPERATOR_IMAGE, VERSION

_HEAD: Manifest = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}


def kustomization(
    resources: Sequence[str],
    *,
    registry: str = DEFAULT_REGISTRY,
    tag: str = VERSION,
    patches: Sequence[str] = (),
    pull_secret: str = "",
) -> Manifest:
    """Return the file that lists `resources` in order and says where the operator's image is.

    The databases' images are in the policy, which is no field that kustomize knows. With `pull_secret`, the
    operator's own pods pull theirs with that Secret.
    """
    name = f"{DEFAULT_REGISTRY}/{OPERATOR_IMAGE}"
    images = [{"name": name, "newName": f"{registry}/{OPERATOR_IMAGE}", "newTag": tag}]
    body = layers(resources, patches) | {"images": images}
    if pull_secret:
        body.setdefault("patches", []).append(_pulling_with(pull_secret))
    return body


def layers(resources: Sequence[str], patches: Sequence[str] = ()) -> Manifest:
    """Return the file that lists `resources` in order, and the files of patches that are laid over them."""
    body: Manifest = {**_HEAD, "resources": list(resources)}
    return body | ({"patches": [{"path": path} for path in patches]} if patches else {})


def _pulling_with(secret: str) -> Manifest:
    added = {"op": "add", "path": "/spec/template/spec/imagePullSecrets", "value": [{"name": secret}]}
    return {"target": {"kind": "Deployment"}, "patch": json.dumps([added])}
