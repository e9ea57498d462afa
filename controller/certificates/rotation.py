"""The lives of an authority that others have to trust; pure.

The next one is trusted before it signs, and the former one after its last certificate was replaced. Each step
follows from what is stored and what is served, so it does no harm if a controller ends between two of them,
or if two controllers take the same one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from controller.certificates import certificate, pki

OVERLAP = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """For how long certificates are made."""

    authority: timedelta = pki.AUTHORITY_LIFETIME
    leaf: timedelta = pki.LEAF_LIFETIME
    overlap: timedelta = OVERLAP
    """How long the next authority is trusted before it signs, and the former one after it signed last."""


DEFAULT = Lifetimes()


@dataclass(frozen=True, slots=True)
class Rotation:
    """The authority that signs, the one that will, and those (PEM) that did."""

    signing: pki.Authority
    upcoming: pki.Authority | None = None
    former: str = ""

    @property
    def trusted(self) -> str:
        """All that others have to trust (PEM)."""
        return self.signing.crt + (self.upcoming.crt if self.upcoming else "") + self.former


def turned(
    held: Rotation,
    leaves: Iterable[str],
    name: str,
    *,
    now: datetime,
    entropy: pki.Entropy,
    lifetimes: Lifetimes,
    in_force: Collection[str] | None = None,
) -> Rotation:
    """Return the authorities as they should be now; the very same ones while nothing is due.

    `leaves` are the certificates (PEM) that are served. `in_force` are the authorities (PEM) that clients are
    known to trust: none else begins to sign. None if nobody can tell.
    """
    signing, former = held.signing, held.former
    upcoming = held.upcoming if held.upcoming and usable(held.upcoming, now) else None

    def made() -> pki.Authority:
        return pki.issue_authority(name, now=now, entropy=entropy, lifetime=lifetimes.authority)

    if not usable(signing, now):
        signing, upcoming, former = upcoming or made(), None, signing.crt + former
    elif not certificate.renewal_due(signing.crt, now):
        upcoming = None
    elif upcoming is None:
        upcoming = made()
    elif _may_sign(upcoming, signing, now, lifetimes.overlap, in_force):
        signing, upcoming, former = upcoming, None, signing.crt + former
    if all(_settled(leaf, signing, now, lifetimes.overlap) for leaf in leaves):
        former = ""
    return Rotation(signing, upcoming, _lasting(former, (signing, upcoming), now))


def usable(authority: pki.Authority, now: datetime) -> bool:
    """Whether it can sign, and has not ended."""
    return certificate.lasts(authority.crt, now) and certificate.signs(authority)


def _may_sign(
    upcoming: pki.Authority,
    signing: pki.Authority,
    now: datetime,
    overlap: timedelta,
    in_force: Collection[str] | None,
) -> bool:
    """Whether it was trusted for long enough; half of the present one's rest is enough where less is left."""
    if in_force is not None and upcoming.crt not in in_force:
        return False
    made = certificate.issued(upcoming.crt)
    return now - made >= min(overlap, (certificate.expiry(signing.crt) - made) / 2)


def _settled(leaf: str, signing: pki.Authority, now: datetime, overlap: timedelta) -> bool:
    """Whether a certificate is of the present authority, and for so long that nobody has another any more."""
    return certificate.signed(leaf, signing.crt) and now - certificate.issued(leaf) >= overlap


def _lasting(former: str, present: Iterable[pki.Authority | None], now: datetime) -> str:
    """Return those of the former that have not ended, each once."""
    others = {each.crt for each in present if each is not None}
    return "".join(
        pem for pem in certificate.split(former) if pem not in others and certificate.lasts(pem, now)
    )
