"""What the Secrets of one database are derived from: its authority, and the seed of its passwords; pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Self

from controller.certificates import generations as over_time
from controller.certificates.certificate import Pair, signed
from controller.certificates.generations import Generation, purpose
from controller.certificates.pki import AUTHORITY_LIFETIME, Authority, Entropy, issue_authority
from controller.certificates.rotation import Lifetimes, Rotation, turned

_SEED_BYTES = 32
_PASSWORD_CHARACTERS = 32
_SAVED = "password."  # begins the name of an entry of NAME-keys
_RENEWED = "renewed-passwords"
_UPCOMING = ("next.crt", "next.key")
_EARLIER = "earlier.crt"
_GENERATIONS = "generations"
_REQUEST = "rotation-request"
_FORMER = ("former.crt", "former.key", "former-ca.crt")


@dataclass(frozen=True, slots=True, repr=False)
class Former(Pair):
    """A pair of authorities (`ca_crt`, one PEM after the other) whose key was lost."""

    ca_crt: str

    def signed(self, pem: str) -> bool:
        """Whether the certificate in `pem` is signed by one of these authorities."""
        return signed(pem, self.ca_crt)


@dataclass(frozen=True, slots=True)
class DatabaseKeys:
    """What every secret of one database is derived from: its certificate authority and a seed.

    Passwords are functions of the seed, so that a Secret that was deleted comes back with the password
    that fits the data. `passwords` holds those that are not: they were saved from the other Secrets when
    this one was lost. So was `former`: members that run trust no other until they have loaded a new one.
    """

    ca_crt: str
    ca_key: str
    seed: bytes
    passwords: Mapping[str, str] = field(default_factory=dict)
    former: Former | None = None
    renewed: tuple[str, ...] = ()
    """Whose passwords were lost and made anew, although the server knows the old ones."""
    upcoming: Authority | None = None
    """The authority that will sign."""
    earlier: str = ""
    """Authorities (PEM) that signed before, and are trusted still."""
    generations: Mapping[str, Generation] = field(default_factory=dict)
    """Of the passwords that were rotated, by purpose."""
    request: str = ""
    """The last request for new passwords that was taken up."""

    def __repr__(self) -> str:
        return "DatabaseKeys(…)"

    @classmethod
    def generate(
        cls,
        name: str,
        *,
        now: datetime,
        entropy: Entropy,
        passwords: Mapping[str, str] | None = None,
        former: Former | None = None,
        renewed: Iterable[str] = (),
        lifetime: timedelta = AUTHORITY_LIFETIME,
        generations: Mapping[str, Generation] | None = None,
    ) -> Self:
        """Make new ones; `name` goes into the authority's subject, what is given is kept as it is."""
        authority = issue_authority(name, now=now, entropy=entropy, lifetime=lifetime)
        return cls(
            authority.crt,
            authority.key,
            entropy(_SEED_BYTES),
            passwords or {},
            former,
            tuple(renewed),
            generations=generations or {},
        )

    @classmethod
    def decode(cls, data: Mapping[str, str]) -> Self:
        """Read the `data` (base64) of the Secret NAME-keys; raises KeyError or ValueError when damaged."""
        values = {name: base64.b64decode(value, validate=True) for name, value in data.items()}
        saved = {
            name.removeprefix(_SAVED): value.decode()
            for name, value in values.items()
            if name.startswith(_SAVED)
        }
        found = [values[name].decode() for name in _FORMER if name in values]
        former = Former(*found) if len(found) == len(_FORMER) else None
        renewed = tuple(filter(None, values.get(_RENEWED, b"").decode().split(",")))
        authority = values["ca.crt"].decode(), values["ca.key"].decode()
        upcoming = [values[name].decode() for name in _UPCOMING if name in values]
        return cls(
            *authority,
            values["seed"],
            saved,
            former,
            renewed,
            Authority(*upcoming) if len(upcoming) == len(_UPCOMING) else None,
            values.get(_EARLIER, b"").decode(),
            over_time.decode(values.get(_GENERATIONS, b"").decode()),
            values.get(_REQUEST, b"").decode(),
        )

    def encode(self) -> dict[str, str]:
        """Return the `data` (base64) of the Secret NAME-keys."""
        saved = {f"{_SAVED}{purpose}": password.encode() for purpose, password in self.passwords.items()}
        values = {"ca.crt": self.ca_crt.encode(), "ca.key": self.ca_key.encode(), "seed": self.seed, **saved}
        if self.former:
            parts = (self.former.crt, self.former.key, self.former.ca_crt)
            values |= {name: part.encode() for name, part in zip(_FORMER, parts, strict=True)}
        if self.upcoming:
            pair = (self.upcoming.crt, self.upcoming.key)
            values |= {name: part.encode() for name, part in zip(_UPCOMING, pair, strict=True)}
        if self.earlier:
            values[_EARLIER] = self.earlier.encode()
        if self.renewed:
            values[_RENEWED] = ",".join(self.renewed).encode()
        if self.request:
            values[_REQUEST] = self.request.encode()
        if self.generations:
            values[_GENERATIONS] = over_time.encode(self.generations).encode()
        return {name: base64.b64encode(value).decode() for name, value in values.items()}

    @property
    def authority(self) -> Authority:
        """The pair that signs the database's certificates."""
        return Authority(self.ca_crt, self.ca_key)

    @property
    def rotation(self) -> Rotation:
        """The authorities over time."""
        return Rotation(self.authority, self.upcoming, self.earlier)

    @property
    def signers(self) -> str:
        """The authorities (PEM) of the certificates that are in use."""
        return self.ca_crt + (self.former.ca_crt if self.former else "")

    @property
    def trusted(self) -> str:
        """The PEM bundle of all authorities that clients and members of this database trust."""
        return self.rotation.trusted + (self.former.ca_crt if self.former else "")

    def turned(
        self, leaves: Iterable[str], name: str, *, now: datetime, entropy: Entropy, lifetimes: Lifetimes
    ) -> Self:
        """Return the keys with the authorities that there should be now; `leaves` (PEM) are being served."""
        turn = turned(self.rotation, leaves, name, now=now, entropy=entropy, lifetimes=lifetimes)
        return replace(
            self,
            ca_crt=turn.signing.crt,
            ca_key=turn.signing.key,
            upcoming=turn.upcoming,
            earlier=turn.former,
        )

    def generation(self, base: str) -> int:
        """Return which password of that purpose is in use."""
        return over_time.in_use(self.generations, base)

    def password(self, base: str, generation: int = 0) -> str:
        """Return the password for "app", "superuser", "replication" or "rewind": 32 URL-safe characters."""
        wanted = purpose(base, generation)
        kept = self.passwords.get(wanted)
        if kept is not None:
            return kept
        digest = hmac.new(self.seed, wanted.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode()[:_PASSWORD_CHARACTERS]
