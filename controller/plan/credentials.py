"""The Secrets of one database: created once, restored when lost, never changed by accident.

NAME-keys and the other Secrets are redundant, so either can be lost: passwords are derived from the seed in
NAME-keys; if NAME-keys itself is lost, a new one takes over what the other Secrets still hold. The serving
certificate of the members is kept until its renewal is due.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from controller.certificates.certificate import Pair, expiry, renewal_due, serves
from controller.certificates.pki import DatabaseKeys, Entropy, Former, issue_server
from controller.desired import names
from controller.desired.secrets import secrets, server_names
from controller.plan.actions import Manifest
from schemas.types import PostgreSQLDatabase


def credentials(
    db: PostgreSQLDatabase, live: Mapping[str, Manifest], *, now: datetime, entropy: Entropy
) -> tuple[Manifest, ...]:
    """Return every Secret as it should be, given those that exist by name."""
    keys = _keys(db, live, now, entropy)
    return secrets(db, keys, _server(db, keys, live, now, entropy))


def database_keys(manifest: Manifest) -> DatabaseKeys | None:
    """Read NAME-keys; None when it is damaged."""
    try:
        return DatabaseKeys.decode(manifest.get("data") or {})
    except (KeyError, ValueError):
        return None


def _keys(
    db: PostgreSQLDatabase, live: Mapping[str, Manifest], now: datetime, entropy: Entropy
) -> DatabaseKeys:
    name = db.metadata.name
    stored = live.get(names.keys_secret(name))
    known = database_keys(stored) if stored else None
    if known is not None:
        return replace(known, former=_usable(known.former, now)) if known.former else known
    holders = {
        "app": names.app_secret(name),
        "superuser": names.superuser_secret(name),
        "replication": names.replication_secret(name),
    }
    kept = {purpose: _text(live.get(secret), "password") for purpose, secret in holders.items()}
    passwords = {purpose: password for purpose, password in kept.items() if password}
    tls = live.get(names.tls_secret(name))
    former = Former(_text(tls, "tls.crt"), _text(tls, "tls.key"), _text(tls, "ca.crt"))
    return DatabaseKeys.generate(
        name, now=now, entropy=entropy, passwords=passwords, former=_usable(former, now)
    )


def _usable(former: Former, now: datetime) -> Former | None:
    """Keep the pair that members serve with: while they run, they trust only its CA."""
    return former if serves(former, former.ca_crt, ()) and now < expiry(former.crt) else None


def _server(
    db: PostgreSQLDatabase,
    keys: DatabaseKeys,
    live: Mapping[str, Manifest],
    now: datetime,
    entropy: Entropy,
) -> Pair:
    """Keep the pair in NAME-tls while it is valid; issue a new one when it is due, lost or wrong."""
    held = live.get(names.tls_secret(db.metadata.name))
    pair = Pair(_text(held, "tls.crt"), _text(held, "tls.key"))
    wanted = server_names(db)
    if not renewal_due(pair.crt, now) and serves(pair, keys.trusted, wanted):
        return pair
    return issue_server(keys.authority, wanted, now=now, entropy=entropy, client_too=True)


def _text(secret: Manifest | None, entry: str) -> str:
    """Return one entry of a Secret; "" when it is missing or unreadable."""
    encoded = ((secret or {}).get("data") or {}).get(entry, "")
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
