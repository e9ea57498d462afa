"""Certificates and passwords, pure: the time and the random bytes are arguments.

Keys are ECDSA P-256. Authorities carry keyUsage and leaves carry subject and authority key identifiers,
because Python 3.13 and OpenSSL verify strictly (RFC 5280, sections 4.2.1.1 to 4.2.1.3).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Self, TypeAlias

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Entropy: TypeAlias = Callable[[int], bytes]
"""Gives so many unpredictable bytes: `secrets.token_bytes` outside of tests."""

AUTHORITY_LIFETIME = timedelta(days=3650)
LEAF_LIFETIME = timedelta(days=365)
# The clocks of two machines differ; a certificate that starts now is refused by the slower one.
_BACKDATED = timedelta(minutes=5)
_SEED_BYTES = 32
_PASSWORD_CHARACTERS = 32
_KEPT = "password-"  # begins the name of an entry of NAME-keys
_SAVED = "password."
_COMMON_NAME_LIMIT = 64  # RFC 5280, ub-common-name


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key, both PEM."""

    crt: str
    key: str

    def __repr__(self) -> str:
        return "Pair(…)"  # never a key in a log


@dataclass(frozen=True, slots=True, repr=False)
class Authority(Pair):
    """A pair that signs others."""


@dataclass(frozen=True, slots=True)
class DatabaseKeys:
    """What every secret of one database is derived from: its certificate authority and a seed.

    Passwords are functions of the seed, so that a Secret that was deleted comes back with the password
    that fits the data. `passwords` holds those that are not: they were saved from the other Secrets when
    this one was lost.
    """

    ca_crt: str
    ca_key: str
    seed: bytes
    passwords: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return "DatabaseKeys(…)"

    @classmethod
    def generate(
        cls, name: str, *, now: datetime, entropy: Entropy, passwords: Mapping[str, str] | None = None
    ) -> Self:
        """Make new ones; `name` goes into the authority's subject, `passwords` are kept as they are."""
        authority = issue_authority(name, now=now, entropy=entropy)
        return cls(authority.crt, authority.key, entropy(_SEED_BYTES), passwords or {})

    @classmethod
    def decode(cls, data: Mapping[str, str]) -> Self:
        """Read the `data` (base64) of the Secret NAME-keys; raises KeyError or ValueError when damaged."""
        values = {name: base64.b64decode(value, validate=True) for name, value in data.items()}
        saved = {
            name.removeprefix(_SAVED): value.decode()
            for name, value in values.items()
            if name.startswith(_SAVED)
        }
        return cls(values["ca.crt"].decode(), values["ca.key"].decode(), values["seed"], saved)

    def encode(self) -> dict[str, str]:
        """Return the `data` (base64) of the Secret NAME-keys."""
        saved = {f"{_SAVED}{purpose}": password.encode() for purpose, password in self.passwords.items()}
        values = {"ca.crt": self.ca_crt.encode(), "ca.key": self.ca_key.encode(), "seed": self.seed, **saved}
        return {name: base64.b64encode(value).decode() for name, value in values.items()}

    @property
    def authority(self) -> Authority:
        """The pair that signs the database's certificates."""
        return Authority(self.ca_crt, self.ca_key)

    def password(self, purpose: str) -> str:
        """Return the password for "app", "superuser", "replication" or "rewind": 32 URL-safe characters."""
        if purpose in self.passwords:
            return self.passwords[purpose]
        kept = self.passwords.get(purpose)
        if kept is not None:
            return kept
        digest = hmac.new(self.seed, purpose.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode()[:_PASSWORD_CHARACTERS]


def issue_authority(name: str, *, now: datetime, entropy: Entropy) -> Authority:
    """Make a self-signed authority that may sign leaves but no other authority."""
    key = _key(entropy)
    subject = _subject(name)
    public = key.public_key()
    builder = (
        _builder(subject, subject, public, now, AUTHORITY_LIFETIME, entropy)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
    )
    return Authority(_sign(builder, key), _private_pem(key))


def issue_server(
    authority: Authority,
    names: Iterable[str],
    *,
    now: datetime,
    entropy: Entropy,
    client_too: bool = False,
) -> Pair:
    """Make a pair for a server known under these DNS names and IP addresses; the first is its common name.

    With `client_too` the same pair identifies its holder as a client as well: Patroni's members call one
    another with the pair they serve with.
    """
    alternatives = tuple(names)
    usages = [ExtendedKeyUsageOID.SERVER_AUTH]
    if client_too:
        usages.append(ExtendedKeyUsageOID.CLIENT_AUTH)
    return _leaf(authority, alternatives[0], alternatives, usages, now, entropy)


def issue_client(authority: Authority, name: str, *, now: datetime, entropy: Entropy) -> Pair:
    """Make a pair by which a client proves that it is `name`."""
    return _leaf(authority, name, (), [ExtendedKeyUsageOID.CLIENT_AUTH], now, entropy)


def renewal_due(pem: str, now: datetime) -> bool:
    """Whether the first certificate in `pem` is past two thirds of its life, not yet valid, or unreadable."""
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        return True
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return not start <= now < start + (end - start) * 2 / 3


def expiry(pem: str) -> datetime:
    """Return when the first certificate in `pem` ends; raises ValueError when it is unreadable."""
    return x509.load_pem_x509_certificate(pem.encode()).not_valid_after_utc


def issued(pem: str) -> datetime:
    """Return when the first certificate in `pem` was made here; raises ValueError when it is unreadable."""
    return x509.load_pem_x509_certificate(pem.encode()).not_valid_before_utc + _BACKDATED


def serves(pair: Pair, authority_pem: str, names: Iterable[str]) -> bool:
    """Whether the pair belongs together, is signed by one of these authorities and covers every name."""
    try:
        certificate = x509.load_pem_x509_certificate(pair.crt.encode())
        key = serialization.load_pem_private_key(pair.key.encode(), None)
    except (ValueError, TypeError):
        return False
    return (
        key.public_key() == certificate.public_key()
        and any(_signed_by(certificate, pem) for pem in split(authority_pem))
        and _names(certificate) >= {_alternative(name) for name in names}
    )


def split(bundle: str) -> tuple[str, ...]:
    """Return every certificate of a PEM bundle, in order and each once."""
    end = "-----END CERTIFICATE-----\n"
    parts = (part.strip() for part in bundle.replace("\r", "").replace(end.strip(), end).split(end))
    return tuple(dict.fromkeys(f"{part}\n{end}" for part in parts if part.startswith("-----BEGIN CERT")))


def _key(entropy: Entropy) -> ec.EllipticCurvePrivateKey:
    # 16 bytes more than the curve's order has, so that the remainder is evenly spread (FIPS 186-5, A.2.1).
    order = ec.SECP256R1().group_order
    number = int.from_bytes(entropy(48), "big") % (order - 1) + 1
    return ec.derive_private_key(number, ec.SECP256R1())


def _leaf(
    authority: Authority,
    name: str,
    alternatives: tuple[str, ...],
    usages: list[x509.ObjectIdentifier],
    now: datetime,
    entropy: Entropy,
) -> Pair:
    issuer = x509.load_pem_x509_certificate(authority.crt.encode())
    signer = serialization.load_pem_private_key(authority.key.encode(), None)
    if not isinstance(signer, ec.EllipticCurvePrivateKey):
        raise TypeError("the authority's key is not an elliptic curve key")
    key = _key(entropy)
    public = key.public_key()
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        _builder(_subject(name), issuer.subject, public, now, LEAF_LIFETIME, entropy)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False
        )
    )
    if alternatives:
        names = x509.SubjectAlternativeName([_alternative(text) for text in alternatives])
        builder = builder.add_extension(names, critical=False)
    return Pair(_sign(builder, signer), _private_pem(key))


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    now: datetime,
    lifetime: timedelta,
    entropy: Entropy,
) -> x509.CertificateBuilder:
    # Positive and at most 20 octets (RFC 5280, 4.1.2.2).
    serial = (int.from_bytes(entropy(16), "big") >> 1) + 1
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(serial)
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + lifetime)
    )


def _sign(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> str:
    certificate = builder.sign(key, hashes.SHA256(), ecdsa_deterministic=True)
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _private_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:_COMMON_NAME_LIMIT])])


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _names(certificate: x509.Certificate) -> set[x509.GeneralName]:
    try:
        return set(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return set()


def _signed_by(certificate: x509.Certificate, authority_pem: str) -> bool:
    try:
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority_pem.encode()))
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
