"""The webhooks' certificates by the real controller, admission server and API server: a year in minutes."""

from __future__ import annotations

import asyncio
import base64
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from controller.certificates.certificate import Pair, serves, signs, split
from controller.certificates.webhooks import CA_SECRET, TLS_SECRET, WebhookCertificates, names
from controller.kube.answers import Conflict
from controller.kube.client import Kube
from controller.kube.connection import configuration
from controller.kube.kinds import CertificateMode
from controller.watches.cache import Cache
from deploy.generate.objects import NAMESPACE
from deploy.local.controlplane import ControlPlane
from deploy.manifests import objects
from tests.controller_process import ControllerProcess
from tests.rest import Rest
from tests.serving import (
    Calls,
    await_served,
    bundles,
    called,
    entries,
    leaf,
    shown,
    trusted,
)
from tests.waiting import until
from tests.webhook_process import WebhookProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.rest import Object

LIVES = {
    "KEDDAH_AUTHORITY_LIFETIME": "60s",
    "KEDDAH_CERTIFICATE_LIFETIME": "30s",
    "KEDDAH_AUTHORITY_OVERLAP": "6s",
}
pytestmark = pytest.mark.minutes(3)


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path_factory.mktemp("rotation")) as running:
        yield running


@pytest.fixture(scope="module")
def rest(plane: ControlPlane) -> Iterator[Rest]:
    user = Rest(plane.kubeconfig)
    yield user
    user.close()


@pytest.fixture(scope="module")
def server(
    plane: ControlPlane, rest: Rest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WebhookProcess]:
    """Give the admission server, with what the controller makes; the API server calls it by its Service."""
    folder = tmp_path_factory.mktemp("rotation")
    for manifest in objects(CertificateMode.KEDDAH):
        rest.apply(manifest, manager="kubectl").expect()
    with (
        ControllerProcess(folder / "controller", plane.kubeconfig, **LIVES) as controller,
        called(rest, folder, CertificateMode.KEDDAH, controller.log.read_text) as process,
    ):
        yield process
        assert not controller.ended(), controller.log.read_text()


def test_years_of_certificates_cost_no_call(rest: Rest, server: WebhookProcess) -> None:
    authorities, served, most = set[str](), set[str](), 0

    def thrice() -> bool:
        nonlocal most
        authorities.add(entries(rest, CA_SECRET)["tls.crt"])
        served.add(shown(server))
        # One configuration is written after the other.
        found = [len(split(bundle)) for bundle in bundles(rest)]
        most = max(most, *found)
        return len(authorities) > 2 and found == [1]

    with Calls(rest) as calls:
        until(thrice, 180)
    assert calls.failed == []
    assert calls.made > 100
    assert len(served) > 4
    assert most == 2, "the next is trusted before it signs, and what is over is trusted no more"


@pytest.mark.parametrize("names", [(CA_SECRET,), (TLS_SECRET,), (CA_SECRET, TLS_SECRET)])
def test_secrets_that_are_deleted_come_back_and_cost_no_call(
    rest: Rest, server: WebhookProcess, names: tuple[str, ...]
) -> None:
    former = leaf(rest)
    with Calls(rest) as calls:
        for name in names:
            rest.delete("Secret", NAMESPACE, name).expect()
        await_served(rest, server, former)
    assert calls.failed == []


@pytest.mark.parametrize("name", [CA_SECRET, TLS_SECRET])
@pytest.mark.parametrize("damage", ["garbage", "immutable", "another type"])
def test_a_secret_that_is_damaged_is_made_anew_and_costs_no_call(
    rest: Rest, server: WebhookProcess, name: str, damage: str
) -> None:
    former = leaf(rest)
    body: Object = {"type": "kubernetes.io/tls", "stringData": {"tls.crt": "?", "tls.key": "?"}}
    if damage == "immutable":
        body["immutable"] = True
    if damage == "another type":
        body["type"] = "Opaque"
    metadata = {"name": name, "namespace": NAMESPACE}
    with Calls(rest) as calls:
        rest.delete("Secret", NAMESPACE, name).expect()
        made = rest.create({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, **body})
        if made.status != 409:
            made.expect()
        await_served(rest, server, former)
    assert calls.failed == []
    authority = entries(rest, CA_SECRET)
    assert signs(Pair(authority["tls.crt"], authority["tls.key"]))
    assert trusted(rest, authority["tls.crt"])


async def test_controllers_that_write_at_once_end_with_one_truth(plane: ControlPlane, rest: Rest) -> None:
    namespace = "race"
    rest.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}).expect()
    kubes = [Kube(await configuration(plane.kubeconfig)) for _ in range(4)]
    try:
        racing = [
            WebhookCertificates(
                kube,
                Cache(),
                namespace=namespace,
                cluster_domain="cluster.local",
                now=lambda: datetime.now(UTC),
                entropy=secrets.token_bytes,
            )
            for kube in kubes
        ]
        found = await asyncio.gather(*(each.verify() for each in racing), return_exceptions=True)
        assert found.count(None) >= 1
        assert all(each is None or isinstance(each, Conflict) for each in found)
        for each in racing:
            await each.verify()
        held = {}
        for name in (CA_SECRET, TLS_SECRET):
            held[name] = (await kubes[0].get("Secret", namespace, name) or {})["data"]
        for each in racing:
            await each.verify()
        for name in (CA_SECRET, TLS_SECRET):
            assert (await kubes[0].get("Secret", namespace, name) or {})["data"] == held[name]
    finally:
        for kube in kubes:
            await kube.close()
    decoded = {entry: base64.b64decode(text).decode() for entry, text in held[TLS_SECRET].items()}
    pair = Pair(decoded["tls.crt"], decoded["tls.key"])
    assert serves(pair, decoded["ca.crt"], names(namespace, "cluster.local"))
