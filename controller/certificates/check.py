"""Maintains the webhooks' certificates: periodically, and at once when a caBundle was changed."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from controller.kube.answers import KubeError

if TYPE_CHECKING:
    from controller.certificates.rotation import Lifetimes
    from controller.certificates.webhooks import WebhookCertificates

logger = logging.getLogger(__name__)

PERIOD = 60.0
"""Seconds between two checks of the certificates themselves, if none lives for minutes only."""
_LOOKS = 20
"""At the certificates, at the least, in any of the times that they are given."""
_TRY_AGAIN = 5.0


class CertificateCheck:
    """Checks the certificates periodically, and injects the CA bundle again when `alarm` is called."""

    def __init__(self, certificates: WebhookCertificates, lifetimes: Lifetimes) -> None:
        self._certificates = certificates
        shortest = min(lifetimes.authority, lifetimes.leaf, lifetimes.overlap)
        self._period = min(PERIOD, shortest.total_seconds() / _LOOKS)
        self._configured = asyncio.Event()

    def alarm(self) -> None:
        """Record that a webhook configuration changed."""
        self._configured.set()

    async def run(self) -> None:
        """Run until cancelled; retries soon while the API server fails."""
        verify = True
        while True:
            self._configured.clear()
            failed = True
            try:
                await (self._certificates.verify() if verify else self._certificates.inject())
                failed = False
            except KubeError as error:
                logger.warning("Could not keep the webhooks' certificates error=%r", str(error))
            except Exception:
                # Whatever a Secret holds that nobody thought of, databases are managed all the same.
                logger.exception("Could not keep the webhooks' certificates")
            try:
                async with asyncio.timeout(_TRY_AGAIN if failed else self._period):
                    await self._configured.wait()
            except TimeoutError:
                verify = True
            else:
                verify = failed
