"""The certificates of a cluster, and the kubeconfigs that carry them.

Not made by the operator's own `controller/certificates`: here users and groups are written into certificates
(O=, as the API server reads them), one key signs everything, and a launcher must not break with the product.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from deploy.local.state import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_VALIDITY = timedelta(days=365)
# The clocks of two machines differ; a certificate that starts now is refused by the slower one.
_BACKDATED = timedelta(minutes=5)


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key, both PEM, in two files."""

    certificate: Path
    key: Path


def _usage(*, authority: bool) -> x509.KeyUsage:
    # Python 3.13 verifies strictly (RFC 5280): an authority without keyUsage is refused.
    return x509.KeyUsage(
        digital_signature=True,
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
        return x509.IPAddress(IPv4Address(name))
    except ValueError:
        return x509.DNSName(name)


def _subject(common_name: str, organizations: Iterable[str]) -> x509.Name:
    groups = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in organizations]
    return x509.Name([*groups, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def _write_private(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)


def _write_last(path: Path, content: bytes) -> None:
    # A pair counts as present when its certificate is: write that last, and atomically.
    write_atomically(path, content.decode())


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + _VALIDITY)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


class Authority:
    """A certificate authority in a folder: created on first use, and reused afterwards."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self.pair = Pair(folder / f"{name}.crt", folder / f"{name}.key")
        if not self.pair.certificate.exists():
            self._create(name)
        self._certificate = x509.load_pem_x509_certificate(self.pair.certificate.read_bytes())
        key = serialization.load_pem_private_key(self.pair.key.read_bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError(f"{self.pair.key} is not a key of this authority's kind")
        self._key = key

    def _create(self, name: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _subject(name, ())
        certificate = (
            _builder(subject, subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_usage(authority=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        _write_private(self.pair.key, _private_pem(key))
        _write_last(self.pair.certificate, certificate.public_bytes(serialization.Encoding.PEM))

    def issue(
        self, file: str, common_name: str, *, groups: Iterable[str] = (), serves: Iterable[str] = ()
    ) -> Pair:
        """Return the pair with this file name, made if it is not there.

        It is a client's, for the user `common_name` in `groups`, and a server's too if it `serves` names
        or addresses.
        """
        pair = Pair(self._folder / f"{file}.crt", self._folder / f"{file}.key")
        if pair.certificate.exists():
            return pair
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._leaf(
            _subject(common_name, groups), key.public_key(), [_alternative(n) for n in serves]
        )
        _write_private(pair.key, _private_pem(key))
        signed = builder.sign(self._key, hashes.SHA256())
        _write_last(pair.certificate, signed.public_bytes(serialization.Encoding.PEM))
        return pair

    def _leaf(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, names: list[x509.GeneralName]
    ) -> x509.CertificateBuilder:
        purposes = [ExtendedKeyUsageOID.CLIENT_AUTH, *([ExtendedKeyUsageOID.SERVER_AUTH] if names else [])]
        issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = (
            _builder(subject, self._certificate.subject, key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
            .add_extension(issuer_key, critical=False)
        )
        return builder.add_extension(x509.SubjectAlternativeName(names), critical=False) if names else builder

    def kubeconfig(
        self, path: Path, server: str, user: str, *, groups: Iterable[str] = (), context: str = "keddah"
    ) -> Path:
        """Write the kubeconfig of a user, certificates inside, and give its path."""
        pair = self.issue(f"{path.parent.name}-{path.name}", user, groups=groups)
        document = kubeconfig_document(server, self.pair.certificate.read_bytes(), pair, context)
        content = yaml.safe_dump(document, sort_keys=False).encode()
        # It may be in use: an up-to-date file is not written again.
        if not path.exists() or path.read_bytes() != content:
            _write_private(path, content)
        return path


def kubeconfig_document(server: str, authority: bytes, pair: Pair, context: str) -> dict[str, object]:
    """Return the content of a kubeconfig: one cluster, one user, one context, all of the same name."""
    user = {
        "client-certificate-data": base64.b64encode(pair.certificate.read_bytes()).decode(),
        "client-key-data": base64.b64encode(pair.key.read_bytes()).decode(),
    }
    cluster = {"server": server, "certificate-authority-data": base64.b64encode(authority).decode()}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": context, "cluster": cluster}],
        "users": [{"name": context, "user": user}],
        "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
        "current-context": context,
    }


def signing_key(folder: Path) -> Pair:
    """Return the key that service account tokens are signed with; `certificate` is the public half."""
    folder.mkdir(parents=True, exist_ok=True)
    pair = Pair(folder / "service-accounts.pub", folder / "service-accounts.key")
    if not pair.certificate.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        _write_private(pair.key, _private_pem(key))
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        _write_last(pair.certificate, public)
    return pair
