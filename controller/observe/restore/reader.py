"""Reads what a database is restored from, while it is; nothing at all for any other."""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from controller.desired import names
from controller.desired.restore.secret import copied
from controller.kube.objects import Key, Manifest
from controller.observe.backups.record import recorded
from controller.observe.restore.source import Source, accepted, contents, holds, outlived, serves, told
from controller.observe.secrets import SecretReader
from controller.watches.cache import Cache
from schemas.api.backup import Restore
from schemas.api.types import decode


class SourceReader:
    """Reads the sources of new databases: from the watches' store, and their Secrets by name."""

    def __init__(self, secrets: SecretReader, cache: Cache) -> None:
        self._secrets = secrets
        self._cache = cache

    async def read(self, key: Key) -> Source | None:
        """Return what this database is to be restored from; None if it is not."""
        restore = self._restore(key)
        if restore is None:
            return None
        if restore.from_.name is UNSET:
            wanted = {secret for secret, _ in copied(restore, None).values()}
            return Source("", secrets=await self._secrets.named(key.namespace, wanted))
        return await self._database(key, restore, str(restore.from_.name))

    async def _database(self, key: Key, restore: Restore, name: str) -> Source:
        def config_map(of: str) -> Manifest | None:
            return self._cache.object("ConfigMap", key.namespace, of)

        live = self._cache.database(Key(key.namespace, name))
        configuration = config_map(names.config(name))
        backup = config_map(names.backup_settings(name))
        db = accepted(name, live, configuration) or outlived(name, backup)
        wanted = {names.keys_secret(name)}
        if db is not None:
            wanted |= {secret for secret, _ in copied(restore, db).values()}
        record, archive = recorded(backup), restore.from_.archive or ""
        repository = self._cache.object("StatefulSet", key.namespace, names.repository(name))
        claim = self._cache.object("PersistentVolumeClaim", key.namespace, names.repository_claim(name))
        return Source(
            name,
            exists=live is not None and "deletionTimestamp" not in live["metadata"],
            db=db,
            holds=holds(configuration),
            contents=contents(record, archive),
            archive=archive,
            archives=tuple(each.archive for each in (record, *record.former) if each.last_backup),
            settings=told(backup, record, archive),
            serves=serves(repository),
            claim=claim is not None and "deletionTimestamp" not in claim["metadata"],
            secrets=await self._secrets.named(key.namespace, wanted),
        )

    def _restore(self, key: Key) -> Restore | None:
        manifest = self._cache.database(key) or {}
        spec = manifest.get("spec")
        if not isinstance(spec, dict) or "restore" not in spec:
            return None
        try:
            restore = decode({"spec": {"restore": spec["restore"]}}).spec.restore
        except msgspec.ValidationError:
            return None
        return restore if isinstance(restore, Restore) else None
