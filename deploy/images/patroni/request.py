"""Requests to the REST APIs of other members."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import urllib3
from patroni.request import PatroniRequest

from .call import CALL_SECONDS

# Connect timeout for a member that has just failed to accept a connection within CALL_SECONDS.
ABSENT_SECONDS = 0.05


class Request(PatroniRequest):  # type: ignore[misc] # Patroni is in the image only
    """Patroni's requests, with a short connect timeout: it distinguishes slow members from absent ones."""

    absent: str | None = None
    """The URL of a member that has just failed to accept a connection."""

    def request(self, method: str, url: str, body: Any = None, **settings: Any) -> Any:  # noqa: ANN401 - Patroni's own
        """Send a request, with a connect timeout that is shorter than Patroni's."""
        if method == "GET" and "timeout" in settings:
            settings["timeout"] = urllib3.Timeout(connect=self._timeout(url), read=settings["timeout"])
        return super().request(method, url, body, **settings)

    def _timeout(self, url: str) -> float:
        absent = self.absent is not None and urlsplit(self.absent).netloc == urlsplit(url).netloc
        return ABSENT_SECONDS if absent else CALL_SECONDS
