"""Maintains the webhooks' certificates: periodically, and at once when a caBundle was changed."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from controller.kube.answers import KubeError

if TYPE_CHECKING:
    from controller.certificates.webhooks import WebhookCertificates

logger = logging.getLogger(__name__)

PERIOD = 60.0
"""Seconds between two checks of the certificates themselves."""
_TRY_AGAIN = 5.0


class CertificateCheck:
    """Checks the certificates periodically, and injects the CA bundle again when `alarm` is called."""

    def __init__(self, certificates: WebhookCertificates) -> None:
        self._certificates = certificates
        self._configured = asyncio.Event()

    def alarm(self) -> None:
        """Record that a webhook configuration changed."""
        self._configured.set()

    async def run(self) -> None:
        """Run until cancelled; retries soon while the API server fails."""
        verify = True
        while True:
            self._configured.clear()
            pause = PERIOD
            try:
                await (self._certificates.verify() if verify else self._certificates.inject())
            except KubeError as error:
                logger.warning("Could not keep the webhooks' certificates error=%r", str(error))
                pause = _TRY_AGAIN
            except Exception:
                # Whatever a Secret holds that nobody thought of, databases are managed all the same.
                logger.exception("Could not keep the webhooks' certificates")
                pause = _TRY_AGAIN
            try:
                async with asyncio.timeout(pause):
                    await self._configured.wait()
            except TimeoutError:
                verify = True
            else:
                verify = pause == _TRY_AGAIN
