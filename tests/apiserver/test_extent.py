"""Objects as large as they may be, and larger: what is admitted is stored in all children, nobody waits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests import factory, hostile
from tests.burden import burdened
from tests.children import INSTANCES, all_exist, live
from tests.waiting import until
from tests.webhook_process import WebhookProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.rest import Rest

STATIC_DEFAULTS = 500
"""Bytes, at most, that the API server adds to a spec; then the webhooks are asked, and count them too."""


API_SERVER_WAITS_SECONDS = 5
"""timeoutSeconds of the webhook configurations."""


@pytest.mark.usefixtures("controller")
@pytest.mark.parametrize("kind", hostile.LARGEST)
def test_the_largest_spec_that_is_admitted_is_stored_in_all_children(
    rest: Rest, restricted: str, kind: str
) -> None:
    spec = {**hostile.largest(kind, STATIC_DEFAULTS), "version": "17", "replicas": 1}
    rest.create(factory.submitted("orders", restricted, **spec)).expect()
    until(lambda: all_exist(rest, restricted), 20)
    (statefulset,) = [child for (kind, _), child in live(rest, restricted).items() if kind == "StatefulSet"]
    accepted = json.loads(statefulset["metadata"]["annotations"]["keddah.dev/accepted"])
    assert all(accepted[field] == value for field, value in spec.items())
    pod = until(lambda: rest.list("Pod", restricted, labelSelector=INSTANCES))[0]
    wanted = spec.get("template", {}).get("annotations", {})
    assert {key: pod["metadata"]["annotations"].get(key) for key in wanted} == wanted


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebhookProcess]:
    with WebhookProcess(tmp_path_factory.mktemp("webhooks")) as process:
        yield process


def test_no_object_keeps_the_admission_server_from_others(server: WebhookProcess) -> None:
    found = burdened(server)
    print(found)
    # On a quiet machine these are 0.2 and 0.1 (tests/benchmarks/reviews.py).
    assert max(found.worst, found.others[-1]) < API_SERVER_WAITS_SECONDS
