"""The serving certificate, reloaded without closing connections."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import ssl
from typing import TYPE_CHECKING, Any

from webhooks.log import line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_log = logging.getLogger(__name__)

Stamp = tuple[tuple[int, int, int], ...]


class ServingPair:
    """`tls.crt` and `tls.key` of a mounted Secret, behind one SSLContext that never changes.

    Each handshake is handed to the newest context whose pair loaded, fits together and is trusted by who
    trusts the Secret's `ca.crt`, which is in the caBundle before the pair is written: nobody ever meets half
    a pair, or one that the API server refuses. Connections that are open keep what they began with. There may
    be no pair at first: the controller that writes it may start later than this process.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clients: Path | None = None,
        counted: Callable[[str], None] = lambda _: None,
        ends: Callable[[float], None] = lambda _: None,
    ) -> None:
        """Read nothing yet; `counted` is called with `loaded` or `refused` after each reading.

        `ends` is told when a pair that was loaded expires (Unix), where its authority is known.

        `clients` holds the authorities of clients' certificates; with it nobody else shakes hands.
        """
        self._folder = folder
        self._clients = clients
        self._counted = counted
        self._ends = ends
        self._stamp: Stamp | None = None
        self._complaint = ""
        self._current: ssl.SSLContext | None = None
        self.context = _context()
        self.context.sni_callback = self._choose
        if clients is not None:
            # OpenSSL asks as this one says; whom it believes is said by the one that serves.
            self.context.verify_mode = ssl.CERT_REQUIRED

    @property
    def loaded(self) -> bool:
        """Whether there is a pair to serve with."""
        return self._current is not None

    def refresh(self) -> bool:
        """Read the pair again if its files changed; tells whether another one now serves."""
        try:
            stamp = self._seen()
            if stamp == self._stamp:
                return False
            fresh, ends = _context(), None
            # OpenSSL compares the key with the certificate: a pair caught between two writes does not load,
            # and the next reading finds another stamp.
            fresh.load_cert_chain(self._folder / "tls.crt", self._folder / "tls.key", password=_no_password)
            if (trust := _verifying(self._folder / "ca.crt")) is not None:
                ends = _shake_hands(trust, fresh)
            if self._clients is not None:
                fresh.load_verify_locations(self._clients)
                fresh.verify_mode = ssl.CERT_REQUIRED
        except (OSError, ValueError) as error:
            self._refuse(error)
            return False
        self._stamp, self._current, self._complaint = stamp, fresh, ""
        self._counted("loaded")
        if ends is not None:
            self._ends(ends)
        _log.info(line("Loaded the serving pair", sha256=self._fingerprint()))
        return True

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> int | None:
        """Serve a handshake with the newest pair (called by OpenSSL, with or without SNI)."""
        if self._current is None:
            return ssl.ALERT_DESCRIPTION_INTERNAL_ERROR
        connection.context = self._current
        return None

    def _seen(self) -> Stamp:
        # A Secret volume swaps the symbolic link ..data: inodes change even where times do not.
        files = [(self._folder / name).stat() for name in ("tls.crt", "tls.key")]
        if self._clients is not None:
            files.append(self._clients.stat())
        with contextlib.suppress(FileNotFoundError):
            files.append((self._folder / "ca.crt").stat())
        return tuple((file.st_ino, file.st_mtime_ns, file.st_size) for file in files)

    def _refuse(self, error: Exception) -> None:
        complaint = f"{type(error).__name__}: {error}"
        if complaint == self._complaint:
            return
        self._complaint = complaint
        self._counted("refused")
        kept = "the old one" if self.loaded else "none"
        _log.error(line("Could not load the serving pair", error=complaint, serving_with=kept))

    def _fingerprint(self) -> str:
        """Name the leaf, as `openssl x509 -fingerprint -sha256` does."""
        leaf, end, _ = (
            (self._folder / "tls.crt").read_text(encoding="ascii").partition("-----END CERTIFICATE-----")
        )
        begin = leaf.rfind("-----BEGIN CERTIFICATE-----")
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(leaf[begin:] + end)).hexdigest()


def names(certificate: Mapping[str, Any] | None) -> frozenset[str]:
    """Return the common names and DNS names of a certificate, as `getpeercert` gives it; none of None."""
    found = certificate or {}
    subject = {value for part in found.get("subject", ()) for key, value in part if key == "commonName"}
    return frozenset(subject | {value for key, value in found.get("subjectAltName", ()) if key == "DNS"})


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # The API server keeps connections, not sessions: tickets would cost memory and resume nothing.
    context.num_tickets = 0
    context.set_alpn_protocols(["http/1.1"])
    return context


def _verifying(authorities: Path) -> ssl.SSLContext | None:
    """Return the context of a client that trusts a file of authorities; None if there is none to be read.

    Some issuers of cert-manager give none. What it says is a safeguard: one that is damaged is none.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # The name that the API server uses is in the configuration of the webhooks, which is not known here.
    context.check_hostname = False
    try:
        context.load_verify_locations(authorities)
    except (OSError, ValueError):
        return None
    return context


def _shake_hands(client: ssl.SSLContext, server: ssl.SSLContext) -> float | None:
    """Have a client meet a server, in memory; raises ssl.SSLError if it does not trust it.

    Return when the server's certificate expires (Unix).
    """
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(to_client, to_server)
    answering = server.wrap_bio(to_server, to_client, server_side=True)
    for side in (asking, answering, asking):
        with contextlib.suppress(ssl.SSLWantReadError):
            side.do_handshake()
    ends = (asking.getpeercert() or {}).get("notAfter")
    return float(ssl.cert_time_to_seconds(ends)) if isinstance(ends, str) else None


def _no_password() -> str:
    """Refuse an encrypted key, instead of letting OpenSSL ask the terminal."""
    raise ValueError("the key is encrypted")
