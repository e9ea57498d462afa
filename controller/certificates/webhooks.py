"""The webhooks' certificates: an authority, a serving pair, and the caBundle by which it is trusted.

`wanted` is pure. A CA rotation has several steps, and a crash may interrupt it anywhere, because each step
follows from the contents of the two Secrets: first the next CA is created and trusted (caBundle holds both);
some time later it starts to sign; the old one stays trusted until it expires. So a serving certificate is
always trusted before it is served.
"""

from __future__ import annotations

import base64
import binascii
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from controller.certificates import certificate, pki
from controller.kube.kinds import CONFIGURATION, KINDS, WEBHOOK_CONFIGURATIONS
from controller.kube.objects import Manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from controller.kube.client import Kube
    from controller.watches.cache import Cache

logger = logging.getLogger(__name__)

SERVICE = "keddah-webhooks"
CA_SECRET = "keddah-webhooks-ca"  # noqa: S105 - a name
TLS_SECRET = "keddah-webhooks-tls"  # noqa: S105 - a name

TRUSTED_BEFORE_SIGNING = timedelta(minutes=10)
"""How long the next authority is in every caBundle before it signs: API servers read them within seconds."""


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
    authority: StoredPair, serving: StoredPair, hosts: Iterable[str], *, now: datetime, entropy: pki.Entropy
) -> Certificates:
    """Return both Secrets as they should be now; the very same ones when nothing is due."""
    signing = _authority(authority, now, entropy)
    trusted = _trusted(signing, (authority.trusted, serving.trusted), now)
    pair = certificate.Pair(serving.crt, serving.key)
    hosts = tuple(hosts)
    if certificate.renewal_due(pair.crt, now) or not certificate.serves(pair, signing.crt, hosts):
        signer = pki.Authority(signing.crt, signing.key)
        pair = pki.issue_server(signer, hosts, now=now, entropy=entropy)
    return Certificates(
        StoredPair(signing.crt, signing.key, trusted, signing.next_crt, signing.next_key),
        StoredPair(pair.crt, pair.key, trusted),
    )


def _authority(held: StoredPair, now: datetime, entropy: pki.Entropy) -> StoredPair:
    """Return the signing authority and the next one: created if lost, prepared when due, promoted in time."""
    if not _is_authority(held.crt, held.key, now):
        fresh = pki.issue_authority(SERVICE, now=now, entropy=entropy)
        return StoredPair(fresh.crt, fresh.key)
    if not certificate.renewal_due(held.crt, now):
        return StoredPair(held.crt, held.key)
    if not _is_authority(held.next_crt, held.next_key, now):
        fresh = pki.issue_authority(SERVICE, now=now, entropy=entropy)
        return StoredPair(held.crt, held.key, "", fresh.crt, fresh.key)
    if now - certificate.issued(held.next_crt) >= TRUSTED_BEFORE_SIGNING:
        return StoredPair(held.next_crt, held.next_key)
    return StoredPair(held.crt, held.key, "", held.next_crt, held.next_key)


def _trusted(signing: StoredPair, before: Iterable[str], now: datetime) -> str:
    """Return the authorities to trust: the present, the next, and former ones that have not expired."""
    candidates = certificate.split(signing.crt + signing.next_crt + "".join(before))
    return "".join(pem for pem in candidates if _lasts(pem, now))


def _is_authority(crt: str, key: str, now: datetime) -> bool:
    return _lasts(crt, now) and certificate.signs(certificate.Pair(crt, key))


def _lasts(crt: str, now: datetime) -> bool:
    try:
        return now < certificate.expiry(crt)
    except ValueError:
        return False


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
    ) -> None:
        self._kube = kube
        self._cache = cache
        self._namespace = namespace
        self._hosts = names(namespace, cluster_domain)
        self._now = now
        self._entropy = entropy
        self._bundle = ""

    async def verify(self) -> None:
        """Read both Secrets, write what is due, and make the API server trust it; raises what Kube does."""
        authority, serving = await self._read(CA_SECRET), await self._read(TLS_SECRET)
        due = wanted(authority, serving, self._hosts, now=self._now(), entropy=self._entropy)
        # caBundle first: until a served certificate is trusted, every write of a database fails.
        if due.authority != authority:
            if authority.crt and authority.crt != due.authority.crt and _lasts(authority.crt, self._now()):
                logger.warning("Replaced an authority that cannot sign, or was due secret=%s", CA_SECRET)
            await self._write(CA_SECRET, due.authority)
        self._bundle = due.bundle
        await self.inject()
        if due.serving != serving:
            await self._write(TLS_SECRET, due.serving)

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

    async def _read(self, name: str) -> StoredPair:
        secret = await self._kube.get("Secret", self._namespace, name)
        data = (secret or {}).get("data") or {}
        fields = ("tls.crt", "tls.key", "ca.crt", "next.crt", "next.key")
        return StoredPair(*(_decoded(data.get(field) or "") for field in fields))

    async def _write(self, name: str, held: StoredPair) -> None:
        values = {
            "tls.crt": held.crt,
            "tls.key": held.key,
            "ca.crt": held.trusted,
            "next.crt": held.next_crt,
            "next.key": held.next_key,
        }
        data = {entry: base64.b64encode(text.encode()).decode() for entry, text in values.items() if text}
        labels = {"app.kubernetes.io/name": "keddah", "app.kubernetes.io/managed-by": "keddah"}
        await self._kube.apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": name, "namespace": self._namespace, "labels": labels},
                "type": "kubernetes.io/tls",
                "data": data,
            }
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
