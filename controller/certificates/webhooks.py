"""The webhooks' certificates: an authority, a serving pair, and the caBundle by which it is trusted.

`wanted` is pure. How the authority is replaced is in `rotation`; here caBundle is written before the serving
pair, so that a certificate is always trusted before it is served.
"""

from __future__ import annotations

import base64
import binascii
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from controller.certificates import certificate, pki
from controller.certificates.rotation import DEFAULT, Lifetimes, Rotation, turned
from controller.kube.kinds import CONFIGURATION, KINDS, WEBHOOK_CONFIGURATIONS
from controller.kube.objects import Manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from controller.kube.client import Kube
    from controller.watches.cache import Cache

logger = logging.getLogger(__name__)

SERVICE = "keddah-webhooks"
CA_SECRET = "keddah-webhooks-ca"  # noqa: S105 - a name
TLS_SECRET = "keddah-webhooks-tls"  # noqa: S105 - a name

_TYPE = "kubernetes.io/tls"


@dataclass(frozen=True, slots=True)
class StoredPair:
    """What a Secret holds, decoded; whatever is missing or unreadable is empty."""

    crt: str = ""
    key: str = ""
    trusted: str = ""
    next_crt: str = ""
    next_key: str = ""

    def __repr__(self) -> str:
        return "StoredPair(…)"  # never a key in a log


@dataclass(frozen=True, slots=True)
class Stored:
    """A Secret as it was read."""

    held: StoredPair
    version: str | None = None
    """None if there is none."""
    uid: str = ""
    fixed: bool = False
    """Whether somebody made it in a way that Kubernetes lets nobody change."""


@dataclass(frozen=True, slots=True)
class Certificates:
    """Both Secrets as they should be; `bundle` is what the API server should trust."""

    authority: StoredPair
    serving: StoredPair

    @property
    def bundle(self) -> str:
        """Every authority that a serving pair may be signed by, PEM."""
        return self.authority.trusted


def names(namespace: str, cluster_domain: str) -> tuple[str, ...]:
    """Return the names under which the webhooks are called; the API server uses the first."""
    host = f"{SERVICE}.{namespace}.svc"
    return host, f"{host}.{cluster_domain}", f"{SERVICE}.{namespace}", SERVICE


def wanted(
    authority: StoredPair,
    serving: StoredPair,
    hosts: Iterable[str],
    *,
    now: datetime,
    entropy: pki.Entropy,
    lifetimes: Lifetimes = DEFAULT,
    in_force: Collection[str] | None = None,
) -> Certificates:
    """Return both Secrets as they should be now; the very same ones when nothing is due.

    `in_force` are the authorities (PEM) in every caBundle; None if no webhooks are configured.
    """
    hosts = tuple(hosts)
    turn = turned(
        _held(authority, serving, in_force or ()),
        [serving.crt],
        SERVICE,
        now=now,
        entropy=entropy,
        lifetimes=lifetimes,
        in_force=in_force,
    )
    pair = certificate.Pair(serving.crt, serving.key)
    if certificate.renewal_due(pair.crt, now) or not certificate.serves(pair, turn.signing.crt, hosts):
        pair = pki.issue_server(turn.signing, hosts, now=now, entropy=entropy, lifetime=lifetimes.leaf)
    upcoming = turn.upcoming or certificate.Pair("", "")
    return Certificates(
        StoredPair(turn.signing.crt, turn.signing.key, turn.trusted, upcoming.crt, upcoming.key),
        StoredPair(pair.crt, pair.key, turn.trusted),
    )


def _held(authority: StoredPair, serving: StoredPair, in_force: Iterable[str]) -> Rotation:
    """Return the authorities that are stored; whatever is trusted anywhere was, or will be, one of them.

    Where both Secrets are lost, pods serve the former certificate until they have another.
    """
    signing = pki.Authority(authority.crt, authority.key)
    upcoming = pki.Authority(authority.next_crt, authority.next_key) if authority.next_crt else None
    return Rotation(signing, upcoming, authority.trusted + serving.trusted + "".join(sorted(in_force)))


class WebhookCertificates:
    """Keeps the Secrets and the webhook configurations as they should be; writes only what differs."""

    def __init__(
        self,
        kube: Kube,
        cache: Cache,
        *,
        namespace: str,
        cluster_domain: str,
        now: Callable[[], datetime],
        entropy: pki.Entropy,
        lifetimes: Lifetimes = DEFAULT,
        ends: Callable[[str, float], None] = lambda _certificate, _moment: None,
    ) -> None:
        """Only take over; `ends` is told after each look when each certificate expires."""
        self._kube = kube
        self._cache = cache
        self._namespace = namespace
        self._hosts = names(namespace, cluster_domain)
        self._now = now
        self._entropy = entropy
        self._lifetimes = lifetimes
        self._ends = ends
        self._bundle = ""

    async def verify(self) -> None:
        """Read both Secrets, write what is due, and make the API server trust it; raises what Kube does.

        Conflict if another controller wrote one of them meanwhile: what it wrote holds.
        """
        stored = await self._read(CA_SECRET), await self._read(TLS_SECRET)
        authority, serving = (each.held for each in stored)
        due = wanted(
            authority,
            serving,
            self._hosts,
            now=self._now(),
            entropy=self._entropy,
            lifetimes=self._lifetimes,
            in_force=self._in_force(),
        )
        # caBundle first: until a served certificate is trusted, every write of a database fails.
        if due.authority != authority:
            if authority.crt and authority.crt != due.authority.crt:
                logger.warning("Replaced an authority that cannot sign, or was due secret=%s", CA_SECRET)
            await self._write(CA_SECRET, due.authority, stored[0])
        self._bundle = due.bundle
        await self.inject()
        if due.serving != serving:
            await self._write(TLS_SECRET, due.serving, stored[1])
        for name, held in (("authority", due.authority), ("serving", due.serving)):
            self._ends(name, certificate.expiry(held.crt).timestamp())

    async def inject(self) -> None:
        """Put the caBundle into whichever webhook configuration has lost it."""
        if not self._bundle:
            return
        encoded = base64.b64encode(self._bundle.encode()).decode()
        for kind in WEBHOOK_CONFIGURATIONS:
            live = self._cache.object(kind, "", CONFIGURATION)
            if live is not None and _bundles(live) - {encoded}:
                self._cache.put(kind, await self._kube.apply(_injection(kind, live, encoded)))
                logger.info("Injected the caBundle kind=%s name=%s", kind, CONFIGURATION)

    def _in_force(self) -> frozenset[str] | None:
        """Return the authorities that are in every caBundle; None if there is none to be in."""
        live = [self._cache.object(kind, "", CONFIGURATION) for kind in WEBHOOK_CONFIGURATIONS]
        bundles = [bundle for each in live if each is not None for bundle in _bundles(each)]
        sets = [frozenset(certificate.split(_decoded(bundle))) for bundle in bundles]
        return frozenset.intersection(*sets) if sets else None

    async def _read(self, name: str) -> Stored:
        secret = await self._kube.get("Secret", self._namespace, name)
        if secret is None:
            return Stored(StoredPair())
        data = secret.get("data") or {}
        fields = ("tls.crt", "tls.key", "ca.crt", "next.crt", "next.key")
        held = StoredPair(*(_decoded(data.get(field) or "") for field in fields))
        fixed = secret.get("type") != _TYPE or secret.get("immutable") is True
        return Stored(held, secret["metadata"]["resourceVersion"], secret["metadata"]["uid"], fixed)

    async def _write(self, name: str, held: StoredPair, before: Stored) -> None:
        if before.fixed:
            logger.warning("Deleted a Secret that cannot be written, to make it anew secret=%s", name)
            await self._kube.delete(
                "Secret", self._namespace, name, uid=before.uid, resource_version=before.version
            )
        values = {
            "tls.crt": held.crt,
            "tls.key": held.key,
            "ca.crt": held.trusted,
            "next.crt": held.next_crt,
            "next.key": held.next_key,
        }
        data = {entry: base64.b64encode(text.encode()).decode() for entry, text in values.items() if text}
        labels = {"app.kubernetes.io/name": "keddah", "app.kubernetes.io/managed-by": "keddah"}
        absent = before.fixed or before.version is None
        await self._kube.apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": name, "namespace": self._namespace, "labels": labels},
                "type": _TYPE,
                "data": data,
            },
            absent=absent,
            resource_version=None if absent else before.version,
        )
        logger.info("Wrote certificates secret=%s ends=%s", name, certificate.expiry(held.crt).date())


def _bundles(configuration: Manifest) -> set[str]:
    webhooks = configuration.get("webhooks") or []
    return {str(webhook["clientConfig"].get("caBundle") or "") for webhook in webhooks}


def _injection(kind: str, live: Manifest, encoded: str) -> Manifest:
    """Return only the fields that are ours: webhooks are merged by name."""
    return {
        "apiVersion": KINDS[kind].api_version,
        "kind": kind,
        "metadata": {"name": CONFIGURATION},
        "webhooks": [
            {"name": webhook["name"], "clientConfig": {"caBundle": encoded}} for webhook in live["webhooks"]
        ],
    }


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
