"""Reads certificates: subject names, issuer, validity."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import TypeAlias

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

Signer: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
SIGNERS = (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey, ed25519.Ed25519PrivateKey)
"""Kinds of keys that an authority may sign with: ours is an elliptic curve's, many companies' is RSA."""

# The clocks of two machines differ; a certificate that starts now is refused by the slower one.
BACKDATED = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key, both PEM."""

    crt: str
    key: str

    def __repr__(self) -> str:
        return "Pair(…)"  # never a key in a log


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
    return x509.load_pem_x509_certificate(pem.encode()).not_valid_before_utc + BACKDATED


def serves(pair: Pair, authority_pem: str, names: Iterable[str]) -> bool:
    """Whether the pair belongs together, is signed by one of these authorities and covers every name."""
    try:
        certificate = x509.load_pem_x509_certificate(pair.crt.encode())
        key = serialization.load_pem_private_key(pair.key.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return (
        key.public_key() == certificate.public_key()
        and any(_signed_by(certificate, pem) for pem in split(authority_pem))
        and _names(certificate) >= {alternative_name(name) for name in names}
    )


def signs(pair: Pair) -> bool:
    """Whether the pair belongs together and is an authority that can sign, whoever made it and with what key.

    One whose certificate another authority has signed will do: to those who trust it, it is a root.
    """
    try:
        certificate = x509.load_pem_x509_certificate(pair.crt.encode())
        key = serialization.load_pem_private_key(pair.key.encode(), None)
        if not isinstance(key, SIGNERS) or key.public_key() != certificate.public_key():
            return False
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = _extension(certificate, x509.KeyUsage)
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.ExtensionNotFound):
        return False
    return constraints.ca and (usage is None or usage.key_cert_sign)


def _extension(certificate: x509.Certificate, kind: type[x509.KeyUsage]) -> x509.KeyUsage | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def signed(pem: str, authority_pem: str) -> bool:
    """Whether the first certificate in `pem` is signed by one of these authorities; false if unreadable."""
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        return False
    return any(_signed_by(certificate, each) for each in split(authority_pem))


def split(bundle: str) -> tuple[str, ...]:
    """Return every certificate of a PEM bundle, in order and each once."""
    end = "-----END CERTIFICATE-----\n"
    parts = (part.strip() for part in bundle.replace("\r", "").replace(end.strip(), end).split(end))
    return tuple(dict.fromkeys(f"{part}\n{end}" for part in parts if part.startswith("-----BEGIN CERT")))


def alternative_name(name: str) -> x509.GeneralName:
    """Write a host name or an IP address as a certificate names it."""
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
