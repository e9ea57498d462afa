"""The certificate of an issuer that PostgreSQL shows to clients (tls.issuerRef); pure.

cert-manager makes the Secret NAME-server; what is right of it is copied into NAME-tls, from where the
pods have it. Until there is one, or when what is there is not right, PostgreSQL goes on with what it has:
first with a certificate of the database's own CA.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import chain

from cryptography import x509

from controller.certificates.certificate import Pair, lasts, serves, signed, split
from controller.certificates.keys import DatabaseKeys
from controller.desired import names
from controller.desired.instances.parameters import ISSUED as PARAMETERS
from controller.desired.instances.patroni import has_issuer
from controller.desired.instances.pod import ISSUED
from controller.desired.secrets import Shown, server_names
from controller.kube.objects import Manifest, annotations_of, condition_of, entry_of
from controller.observe.state import ObservedState
from controller.plan.actions import Delete
from controller.plan.outcome import Waiting
from schemas.api.types import PostgreSQLDatabase

CERTIFICATE = "Certificate"


def shown(
    db: PostgreSQLDatabase, observed: ObservedState, keys: DatabaseKeys, own: Pair, domain: str, now: datetime
) -> Shown | None:
    """Return what PostgreSQL shows, `own` if there is nothing else; None where no issuer is declared.

    Another CA is trusted before anything of it is shown: by standbys, which could not connect else, and by
    applications that read it from NAME-app.
    """
    name, live = db.metadata.name, observed.children.get("Secret", {})
    tls = live.get(names.tls_secret(name))
    held = _held(tls)
    if not has_issuer(db):
        return held if held.pair.crt and _used(observed, name) else None
    kept = held.pair
    if not kept.crt or signed(kept.crt, keys.trusted) or not lasts(kept.crt, now):
        kept = own
    former = [each for each in split(held.authorities) if lasts(each, now)]
    if wrong(db, observed, domain, now):
        return Shown(kept, _bundle(former, split(keys.trusted)))
    offered = live[names.server_certificate(name)]
    authorities = split(entry_of(offered, "ca.crt"))
    bundle = _bundle(authorities, [each for each in former if each not in authorities], split(keys.trusted))
    trusted = set(authorities) <= set(former) and _read(observed, tls)
    return Shown(_pair(offered) if trusted else kept, bundle)


def changed(tls: Manifest | None, chosen: Shown | None) -> bool:
    """Whether members are to read other files of an issuer than those in NAME-tls.

    What they show each other is made anew with them: by that it is seen which of them have read both.
    """
    held = _held(tls)
    return bool(chosen and held.pair.crt) and chosen != held


def problem(db: PostgreSQLDatabase, observed: ObservedState, domain: str, now: datetime) -> str:
    """Say why the issuer's newest certificate cannot be shown, given the Secrets; "" if it can."""
    if not has_issuer(db):
        return ""
    name, live = db.metadata.name, observed.children.get("Secret", {})
    if why := wrong(db, observed, domain, now):
        return why
    if _held(live.get(names.tls_secret(name))).pair != _pair(live[names.server_certificate(name)]):
        return "instances are to read the issuer's CA first, and then its certificate"
    return ""


def wrong(db: PostgreSQLDatabase, observed: ObservedState, domain: str, now: datetime) -> str:
    """Say what is wrong with what the issuer has given; "" if nothing is."""
    name = names.server_certificate(db.metadata.name)
    secret = observed.children.get("Secret", {}).get(name)
    if secret is None:
        return _not_issued(observed.children.get(CERTIFICATE, {}).get(name), name)
    pair, authority = _pair(secret), entry_of(secret, "ca.crt")
    if not split(authority):
        return f"Secret {name} has no ca.crt, by which clients could verify: its issuer does not give its CA"
    path = authority + "".join(split(pair.crt)[1:])
    if not lasts(pair.crt, now) or not serves(pair, path, server_names(db, domain)):
        waits = _not_issued(observed.children.get(CERTIFICATE, {}).get(name), name)
        return f"Secret {name} has no pair of its CA for all names of the database; {waits}"
    if x509.load_pem_x509_certificate(pair.crt.encode()).signature_hash_algorithm is None:
        return (
            f"Secret {name} is signed by a key (Ed25519) by which no client could log in: SCRAM needs a hash"
        )
    return ""


def everywhere(observed: ObservedState, template: Manifest) -> bool:
    """Whether every pod, and every one that this template makes, has the files of an issuer's certificate."""
    return all(ISSUED in annotations_of(each) for each in (template, *observed.pods.values()))


def pending(why: str) -> Waiting | None:
    """Wait for the issuer, if there is a problem with it; the Secrets are read again then."""
    return Waiting(10, "CertificatePending", why) if why else None


def given_up(db: PostgreSQLDatabase, observed: ObservedState) -> list[Delete]:
    """Return the removal of a Certificate that is not declared any more."""
    name, namespace = names.server_certificate(db.metadata.name), db.metadata.namespace
    live = observed.children.get(CERTIFICATE, {}).get(name)
    if live is None or has_issuer(db):
        return []
    metadata = live["metadata"]
    mine = any(owner["uid"] == db.metadata.uid for owner in metadata.get("ownerReferences") or [])
    why = "tls.issuerRef is not declared any more"
    return (
        [Delete(CERTIFICATE, name, metadata["uid"], metadata["resourceVersion"], why, namespace)]
        if mine
        else []
    )


def _held(tls: Manifest | None) -> Shown:
    pair = Pair(entry_of(tls, "server.crt"), entry_of(tls, "server.key"))
    return Shown(pair, entry_of(tls, "server-ca.crt"))


def _pair(secret: Manifest) -> Pair:
    return Pair(entry_of(secret, "tls.crt"), entry_of(secret, "tls.key"))


def _bundle(*authorities: Iterable[str]) -> str:
    return "".join(dict.fromkeys(chain.from_iterable(authorities)))


def _read(observed: ObservedState, tls: Manifest | None) -> bool:
    """Whether all members have read the files that are in NAME-tls."""
    newest = entry_of(tls, "tls.crt").split()
    return all(served.split() == newest for served in observed.certificates.values())


def _used(observed: ObservedState, name: str) -> bool:
    """Whether servers may still read these files, or standbys verify by them."""
    config = observed.children.get("ConfigMap", {}).get(names.config(name))
    told = PARAMETERS["ssl_cert_file"] in annotations_of(config).get("config", "")
    return told or any(ISSUED in annotations_of(pod) for pod in observed.pods.values())


def _not_issued(certificate: Manifest | None, name: str) -> str:
    told = condition_of((certificate or {}).get("status") or {}, "Ready").get("message") or "nothing is said"
    return f"Certificate {name} is not issued yet: {told}"
