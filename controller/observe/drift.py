"""Detects drift: compares the desired fields of a child with the live ones, ignoring defaults.

The API server adds defaults to what we apply, so the two are never equal. A child has drifted if a field that
we set is missing or different, if an atomic list or map has additional entries, or if what we would apply now
is not what was applied last.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from controller.kube.objects import Manifest
from schemas.kubernetes.quantity import QuantityError, parse

APPLIED = "keddah.dev/applied"

# Maps that the API server replaces as a whole (x-kubernetes-map-type: atomic): one more key changes their
# meaning, so an addition by somebody else is drift too.
ATOMIC_MAPS = frozenset({"selector", "matchLabels", "nodeSelector", "podSelector", "namespaceSelector"})


def stamp(manifest: Manifest) -> Manifest:
    """Return the manifest with an annotation that holds its digest."""
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    metadata = manifest["metadata"]
    annotations = {**metadata.get("annotations", {}), APPLIED: digest}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}


def drift(stamped: Manifest, live: Manifest) -> str | None:
    """Return the path of the first difference that an apply would correct, None if there is none.

    `stamped` is what would be applied now, as `stamp` returned it.
    """
    return next(_differences(stamped, live, ""), None)


def _differences(desired: Any, live: Any, path: str) -> Iterator[str]:  # noqa: ANN401 - JSON is any value
    if isinstance(desired, dict):
        yield from _map_differences(desired, live, path)
    elif isinstance(desired, list):
        yield from _list_differences(desired, live, path)
    elif (
        desired != live and not _same_quantity(desired, live) and not (desired in ("", None) and live is None)
    ):
        yield path


def _map_differences(desired: dict[str, Any], live: Any, path: str) -> Iterator[str]:  # noqa: ANN401
    if not isinstance(live, dict):
        # The API server drops empty maps, so only a map with something in it can be missing.
        if live is not None or any(True for v in desired.values() for _ in _differences(v, None, path)):
            yield path
        return
    for name, value in desired.items():
        yield from _differences(value, live.get(name), f"{path}.{name}" if path else name)
    if path.rpartition(".")[2] in ATOMIC_MAPS and set(live) - set(desired):
        yield path


def _list_differences(desired: list[Any], live: Any, path: str) -> Iterator[str]:  # noqa: ANN401
    if not desired and not live:
        return
    if not isinstance(live, list):
        yield path
        return
    key = _merge_key(desired)
    if key is None:
        if len(desired) != len(live):
            yield path
        for index, (mine, theirs) in enumerate(zip(desired, live, strict=False)):
            yield from _differences(mine, theirs, f"{path}[{index}]")
        return
    by_key = {item.get(key): item for item in live if isinstance(item, dict)}
    for item in desired:
        yield from _differences(item, by_key.get(item[key]), f"{path}[{item[key]}]")


def _merge_key(items: list[Any]) -> str | None:
    """Return the key by which the API server merges this list, None if the list is atomic.

    What has one of the others has a name too, which need not be its own: that of a volume it mounts.
    """
    for key in ("mountPath", "containerPort", "uid", "name"):
        if items and all(isinstance(item, dict) and key in item for item in items):
            # A port may be there twice, of two protocols.
            return key if len({str(item[key]) for item in items}) == len(items) else None
    return None


def _same_quantity(desired: object, live: object) -> bool:
    """Whether two spellings mean one amount: the API server stores `1000m` as `1`."""
    if not isinstance(desired, str | int) or not isinstance(live, str | int):
        return False
    try:
        return parse(desired) == parse(live)
    except QuantityError:
        return False
