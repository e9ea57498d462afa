"""The Secrets of one database: created once, restored when lost, never changed by accident.

NAME-keys and the other Secrets are redundant, so either can be lost: passwords are derived from the seed in
NAME-keys; if NAME-keys itself is lost, it comes back from its copy in the operator's namespace, and where
that is lost too, a new one takes over what the other Secrets still hold. The serving certificate of the
members is kept until its renewal is due, and a renewed one is loaded without a restart.

What is left of no Secret is made anew and noted as renewed: the server knows the old password.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from controller.certificates.certificate import Pair, expiry, renewal_due, serves, signs
from controller.certificates.certificate import issued as made_at
from controller.certificates.generations import Generation, in_use
from controller.certificates.generations import purpose as numbered
from controller.certificates.keys import DatabaseKeys, Former
from controller.certificates.pki import Entropy, issue_server
from controller.certificates.rotation import DEFAULT, Lifetimes
from controller.desired import names
from controller.desired.access import login
from controller.desired.instances.authentication import REPLICATION
from controller.desired.repository import GENERATED_KEY, enabled
from controller.desired.repository.settings import repository_names
from controller.desired.secrets import certificate, keys_copy, secrets, server_names
from controller.desired.secrets_watch import RENEWED, complete, renewed_passwords, secrets_watch, watched
from controller.kube.objects import Manifest, entry_of
from controller.observe.state import ObservedState
from controller.plan import issued, rotation
from controller.plan.actions import Reload
from controller.plan.outcome import Stalled
from controller.protocol.member import CONTAINER
from schemas.api.types import PostgreSQLDatabase

_HOLDERS: Mapping[str, Callable[[str], str]] = {
    "app": names.app_secret,
    "superuser": names.superuser_secret,
    "replication": names.replication_secret,
}
"""Purposes of passwords, and the Secrets that hold them."""
NOTHING_READY: Mapping[str, int] = {}
_ASKED_FOR = ("app", "replication")
"""Purposes of the passwords that the server asks for; the superuser has none to give (patroni.py, hba)."""


@dataclass(frozen=True, slots=True)
class Making:
    """What certificates and passwords are made of."""

    now: datetime
    entropy: Entropy
    lifetimes: Lifetimes


def credentials(
    db: PostgreSQLDatabase,
    observed: ObservedState,
    *,
    operator: str,
    cluster_domain: str,
    now: datetime,
    entropy: Entropy,
    lifetimes: Lifetimes = DEFAULT,
    ready: Mapping[str, int] = NOTHING_READY,
) -> tuple[Manifest, ...]:
    """Return every Secret as it should be, and what belongs to them, given the Secrets that were observed.

    `operator` is the operator's namespace; `ready`: see `rotation.rotated`.
    """
    live = observed.children.get("Secret", {})
    making = Making(now, entropy, lifetimes)
    known = _acknowledged(db, _keys(db, observed, making), observed)
    keys = rotation.rotated(db, known, ready, now, rotation.seen(db, known, live))
    copy = live.get(names.keys_copy(db.metadata.namespace, db.metadata.name), {"metadata": {}})
    owners = copy["metadata"].get("ownerReferences") or observed.namespace
    watch = secrets_watch(db, live, keys.renewed)
    name = db.metadata.name

    def pair(secret: str, wanted: tuple[str, ...]) -> Pair:
        return _server(keys, live.get(secret), wanted, making)

    server = pair(names.tls_secret(name), server_names(db, cluster_domain))
    shown = issued.shown(db, observed, keys, server, cluster_domain, now)
    if issued.changed(live.get(names.tls_secret(name)), shown):
        own = shown is not None and shown.pair == server
        server = _made(keys, server_names(db, cluster_domain), making)
        shown = replace(shown, pair=server) if shown and own else shown
    repository = pair(names.repository_tls_secret(name), repository_names(db)) if enabled(db) else None
    return (
        *secrets(db, keys, server, repository, shown),
        keys_copy(db, keys, operator, owners),
        *([watch] if watch else []),
        *([wanted] if (wanted := certificate(db, cluster_domain)) else []),
    )


def lost_passwords(db: PostgreSQLDatabase, observed: ObservedState) -> Stalled | None:
    """Report passwords that are made anew in the Secrets, and that the server does not know."""
    name, namespace = db.metadata.name, db.metadata.namespace
    watch, renewed = names.secrets_watch(name), _renewed(db, observed)
    if not renewed:
        return None
    primary = observed.leadership.holder or names.pod(name, 0)
    users = {"app": db.spec.owner, "replication": REPLICATION}
    # psql asks twice, and sends the server a verifier and not the password.
    shown = '{{$p := .data.password | base64decode}}{{printf "%s\\n%s\\n" $p $p}}'
    commands = [
        f"kubectl get secret {_HOLDERS[purpose](name)} -n {namespace} -o go-template='{shown}'"
        f" | kubectl exec -i {primary} -c {CONTAINER} -n {namespace} -- psql -c '\\password {users[purpose]}'"
        for purpose in renewed
        if purpose in users
    ]
    told = f"kubectl annotate configmap {watch} -n {namespace} {RENEWED}-"
    return Stalled(
        "PasswordsLost",
        f"the Secrets were lost together with the copy of {names.keys_secret(name)} in the operator's"
        f" namespace, and have new passwords, which the server does not know ({', '.join(renewed)});"
        f" set them: {'; '.join(commands)}; then say so: {told}",
    )


def reloads(observed: ObservedState, name: str) -> list[Reload]:
    """Return the members that serve with another certificate than the one in NAME-tls.

    The kubelet updates the mounted file within a minute or two, and Patroni and PostgreSQL read it only on a
    reload; reloading too early does no harm.
    """
    held = entry_of(observed.children.get("Secret", {}).get(names.tls_secret(name)), "tls.crt")
    if not held:
        return []
    return [
        Reload(instance.name, instance.ip, "it uses an older certificate than the one in its Secret")
        for instance in observed.instances
        if observed.certificates.get(instance.name, held).split() != held.split()
    ]


def database_keys(manifest: Manifest) -> DatabaseKeys | None:
    """Read NAME-keys; None when it is damaged."""
    try:
        return DatabaseKeys.decode(manifest.get("data") or {})
    except (KeyError, ValueError):
        return None


def _keys(db: PostgreSQLDatabase, observed: ObservedState, making: Making) -> DatabaseKeys:
    """Return the keys as they are stored, or as what is left of them allows; and the authorities in time."""
    name, live = db.metadata.name, observed.children.get("Secret", {})
    pairs = [names.tls_secret(name), *([names.repository_tls_secret(name)] if enabled(db) else [])]
    leaves = [entry_of(live.get(secret), "tls.crt") for secret in pairs]
    now, entropy, lifetimes = making.now, making.entropy, making.lifetimes
    return _stored_or_new(db, observed, making).turned(
        leaves, name, now=now, entropy=entropy, lifetimes=lifetimes
    )


def _stored_or_new(db: PostgreSQLDatabase, observed: ObservedState, making: Making) -> DatabaseKeys:
    name, now, live = db.metadata.name, making.now, observed.children.get("Secret", {})
    stored = live.get(names.keys_secret(name))
    known = database_keys(stored) if stored else None
    if known is not None and signs(known.authority):
        return replace(known, former=_usable(known.former, now)) if known.former else known
    copy = _copy(db, observed)
    generations = _generations(db, known or copy, live.get(names.app_secret(name)), now)
    held = {
        _of(purpose, generations): entry_of(live.get(secret(name)), "password")
        for purpose, secret in _HOLDERS.items()
    }
    held["encryption"] = entry_of(live.get(names.encryption_secret(name)), GENERATED_KEY)
    # An authority that cannot sign is replaced; the seed beside it may be all that fits the data.
    seeded = {purpose: known.password(purpose) for purpose in held} if known is not None else {}
    passwords = seeded | {purpose: password for purpose, password in held.items() if password}
    tls = live.get(names.tls_secret(name))
    former = _usable(Former(entry_of(tls, "tls.crt"), entry_of(tls, "tls.key"), entry_of(tls, "ca.crt")), now)
    if copy is not None:
        return _from_copy(replace(copy, generations=generations), passwords, former)
    lost = [
        purpose for purpose in _ASKED_FOR if has_data(observed) and _of(purpose, generations) not in passwords
    ]
    return DatabaseKeys.generate(
        name,
        now=now,
        entropy=making.entropy,
        passwords=passwords,
        former=former,
        renewed=lost,
        lifetime=making.lifetimes.authority,
        generations=generations,
    )


def _generations(
    db: PostgreSQLDatabase, keys: DatabaseKeys | None, app: Manifest | None, now: datetime
) -> Mapping[str, Generation]:
    """Return the generations where NAME-keys was lost: NAME-app may be newer than what is left of it."""
    known = dict(keys.generations) if keys is not None else {}
    of_app, user = known.get("app", Generation(0, now)), entry_of(app, "username")
    if user and user == login(db.spec.owner, of_app.number + 1):
        return {**known, "app": of_app.followed(now)}
    return known


def _of(purpose: str, generations: Mapping[str, Generation]) -> str:
    return numbered(purpose, in_use(generations, purpose))


def _copy(db: PostgreSQLDatabase, observed: ObservedState) -> DatabaseKeys | None:
    """Return the keys of the copy if they can be of use: to a database without data they are a stranger's."""
    name = names.keys_copy(db.metadata.namespace, db.metadata.name)
    copy = observed.children.get("Secret", {}).get(name)
    keys = database_keys(copy) if copy and has_data(observed) else None
    return keys if keys is not None and signs(keys.authority) else None


def _from_copy(copy: DatabaseKeys, passwords: Mapping[str, str], former: Former | None) -> DatabaseKeys:
    """Return the keys of the copy; what the other Secrets still say is newer than what it may say."""
    newer = {purpose: text for purpose, text in passwords.items() if text != copy.password(purpose)}
    known = former is None or former.ca_crt == copy.trusted
    return replace(copy, passwords={**copy.passwords, **newer}, former=copy.former if known else former)


def _acknowledged(db: PostgreSQLDatabase, keys: DatabaseKeys, observed: ObservedState) -> DatabaseKeys:
    """Forget what was renewed, once a person has taken the note of it away.

    The note is written with the UIDs of the Secrets that it is about, so its absence means something only
    beside those.
    """
    name, live = db.metadata.name, observed.children
    watch = live.get("ConfigMap", {}).get(names.secrets_watch(name))
    uids = {secret: manifest["metadata"].get("uid") for secret, manifest in live.get("Secret", {}).items()}
    current = complete(watch, name) and all(uids.get(each) == uid for each, uid in watched(watch).items())
    return replace(keys, renewed=()) if current and not renewed_passwords(watch) else keys


def _renewed(db: PostgreSQLDatabase, observed: ObservedState) -> tuple[str, ...]:
    """Return whose passwords are new, as NAME-keys says where it was read, else as is noted.

    It is noted with the last of several writes, and nothing but chance brings another reconcile after that.
    """
    name, live = db.metadata.name, observed.children
    stored = live.get("Secret", {}).get(names.keys_secret(name))
    if stored and (known := database_keys(stored)) is not None:
        return _acknowledged(db, known, observed).renewed
    return renewed_passwords(live.get("ConfigMap", {}).get(names.secrets_watch(name)))


def has_data(observed: ObservedState) -> bool:
    """Whether there is anything that passwords must fit: volumes, or a database that was initialized."""
    return bool(observed.claims) or observed.leadership.initialized


def _usable(former: Former, now: datetime) -> Former | None:
    """Keep the pair that members serve with: while they run, they trust only its CA."""
    return former if serves(former, former.ca_crt, ()) and now < expiry(former.crt) else None


def _server(keys: DatabaseKeys, held: Manifest | None, wanted: tuple[str, ...], making: Making) -> Pair:
    """Keep the pair in a Secret while it is valid; issue a new one when it is due, lost or wrong.

    With every new authority comes a new pair too: without it, running members do not load what they trust.
    """
    pair = Pair(entry_of(held, "tls.crt"), entry_of(held, "tls.key"))
    due = renewal_due(pair.crt, making.now) or not serves(pair, keys.signers, wanted)
    if not due and (keys.upcoming is None or made_at(pair.crt) >= made_at(keys.upcoming.crt)):
        return pair
    return _made(keys, wanted, making)


def _made(keys: DatabaseKeys, wanted: tuple[str, ...], making: Making) -> Pair:
    return issue_server(
        keys.authority,
        wanted,
        now=making.now,
        entropy=making.entropy,
        lifetime=making.lifetimes.leaf,
        client_too=True,
    )
