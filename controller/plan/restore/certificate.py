"""The Secret NAME-source: a certificate of the source's authority, copies of what opens its bucket."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime

from msgspec import UNSET

from controller.certificates.certificate import Pair, renewal_due, serves, signs
from controller.certificates.pki import Entropy, issue_member
from controller.desired import names
from controller.desired.restore.secret import copied, encoded, secret
from controller.desired.secrets import server_names
from controller.kube.objects import Manifest
from controller.observe.restore.source import Source
from controller.observe.state import ObservedState
from controller.plan.credentials import database_keys
from schemas.api.backup import Restore
from schemas.api.types import PostgreSQLDatabase


def source_secret(
    db: PostgreSQLDatabase, observed: ObservedState, now: datetime, entropy: Entropy
) -> tuple[Manifest, ...]:
    """Return the Secret as it should be while the database is restored; nothing before and after that."""
    restore, source = db.spec.restore, observed.source
    if restore is UNSET or source is None:
        return ()
    held = observed.children.get("Secret", {}).get(names.source(db.metadata.name))
    data = {**_pair(db, source, held, now, entropy), **_copies(restore, source)}
    return (secret(db, data),) if data else ()


def _pair(
    db: PostgreSQLDatabase, source: Source, held: Manifest | None, now: datetime, entropy: Entropy
) -> dict[str, str]:
    """Return a certificate with the name that the source's members have, and for the server of its volume.

    The pair that is there stays while it is valid.
    """
    stored = source.secrets.get(names.keys_secret(source.name))
    keys = database_keys(stored) if stored else None
    if source.db is None or keys is None or not signs(keys.authority):
        return {}
    host = names.source_host(db.metadata.name, db.metadata.namespace)
    pair = Pair(_text(held, "tls.crt"), _text(held, "tls.key"))
    if renewal_due(pair.crt, now) or not serves(pair, keys.signers, (host,)):
        member = server_names(source.db, "")[0]
        pair = issue_member(keys.authority, member, host, now=now, entropy=entropy)
    entries = {"ca.crt": keys.trusted, "tls.crt": pair.crt, "tls.key": pair.key}
    return {entry: encoded(text) for entry, text in entries.items()}


def _copies(restore: Restore, source: Source) -> dict[str, str]:
    found = {}
    for entry, (name, key) in copied(restore, source.db).items():
        value = (source.secrets.get(name, {}).get("data") or {}).get(key)
        if isinstance(value, str):
            found[entry] = value
    return found


def _text(manifest: Manifest | None, entry: str) -> str:
    """Return one entry of a Secret; "" when it is missing or unreadable."""
    try:
        return base64.b64decode(((manifest or {}).get("data") or {}).get(entry, ""), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
