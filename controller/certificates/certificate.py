"""Reads certificates: subject names, issuer, validity."""

from __future__ import annotations

import re
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
BACKDATED = timedelta(hours=1)
_PEM = re.compile("-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")
_RENEWED = (0.6, 2 / 3)
"""After which part of its life a certificate is renewed: each at its own moment in between."""
_DRAWS = 9973
"""A prime: serial numbers are spread evenly over as many moments."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key, both PEM."""

    crt: str
    key: str

    def __repr__(self) -> str:
        return "Pair(…)"  # never a key in a log


def renewal_due(pem: str, now: datetime) -> bool:
    """Whether the first certificate in `pem` is past some two thirds of its life, or not valid yet.

    When exactly follows from its serial number, so that what was made together is not renewed together.
    """
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        return True
    begin, end = _made(certificate), certificate.not_valid_after_utc
    earliest, latest = _RENEWED
    part = earliest + (latest - earliest) * (certificate.serial_number % _DRAWS) / _DRAWS
    return not certificate.not_valid_before_utc <= now < begin + (end - begin) * part


def expiry(pem: str) -> datetime:
    """Return when the first certificate in `pem` ends; raises ValueError when it is unreadable."""
    return x509.load_pem_x509_certificate(pem.encode()).not_valid_after_utc


def lasts(pem: str, now: datetime) -> bool:
    """Whether the first certificate in `pem` can be read, and has not ended."""
    try:
        return now < expiry(pem)
    except ValueError:
        return False


def issued(pem: str) -> datetime:
    """Return when the first certificate in `pem` was made; raises ValueError when it is unreadable."""
    return _made(x509.load_pem_x509_certificate(pem.encode()))


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


def _made(certificate: x509.Certificate) -> datetime:
    """Return when it was made, if it was made here; another's may live for less than ours are back-dated."""
    begin = certificate.not_valid_before_utc
    made = begin + BACKDATED
    return made if made < certificate.not_valid_after_utc else begin


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
    """Return every certificate of a PEM bundle, in order and each once, whatever stands between them."""
    return tuple(dict.fromkeys(f"{found}\n" for found in _PEM.findall(bundle.replace("\r", ""))))


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
