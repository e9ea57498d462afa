"""What befalls a bucket is told with its reason, loses nothing, and is over when its cause is.

One database, whose pods reach the server through a proxy; each test leaves both whole.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest

from deploy.local.cluster import CONTROL_PLANE
from deploy.local.pki import Authority
from tests import bucket, sites
from tests.clusters import POLL, Cluster
from tests.databases import Database
from tests.laboratory.ground import ground
from tests.s3_proxy import Proxy, error
from tests.s3_servers import BUCKET, S3, SECRET
from tests.waiting import until

pytestmark = pytest.mark.own_cluster("runs a server of S3 in the cluster's network")

RARELY = "0 0 29 2 *"
KEY, OTHER_KEY = "the-key-of-the-repository-000000", "some-key-of-another-repository-0"
OTHER_SECRET = "another-secret-of-32-characters-"
LARGE = "CREATE TABLE large_{} AS SELECT md5(random()::text) FROM generate_series(1, 300000)"
"""20 MB that hardly can be compressed."""


class Storage:
    """The server, which can be started again with another key, and the proxy."""

    def __init__(self, cluster: Cluster, namespace: str, folder: Path) -> None:
        self.folder = folder
        self._where = cluster, namespace
        self._stack = ExitStack()
        self.server = self._run(SECRET)
        enter = ground(sites.local_name()).enter
        self.proxy = Proxy(self.server, lambda: enter(CONTROL_PLANE))
        bucket.lead(cluster, namespace, self.server.host, self.proxy.port)

    def _run(self, secret: str) -> S3:
        return self._stack.enter_context(bucket.running(*self._where, self.folder, secret=secret))

    def restart(self, secret: str) -> None:
        """Start the server again: its user signs with something else from now on."""
        self._stack.close()
        self.proxy.server = self._run(secret)

    def close(self) -> None:
        """End both."""
        self.proxy.close()
        self._stack.close()


@pytest.fixture(scope="module")
def place(cluster: Cluster, made: Callable[[], str]) -> Database:
    """Give a database that nobody has applied yet."""
    return Database(cluster, made(), "orders")


@pytest.fixture(scope="module")
def storage(cluster: Cluster, place: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    made = Storage(cluster, place.namespace, tmp_path_factory.mktemp("storage"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def orders(place: Database, storage: Storage) -> Database:
    """Give the database, with a first backup, under an encryption key of its user's."""
    bucket.give_secrets(place, storage.server)
    bucket.give_secret(place, "key", key=KEY)
    repository = {"s3": bucket.declared(place.namespace), "encryption": {"secret": {"name": "key"}}}
    backup = {"repository": repository, "verify": {"schedule": ""}}
    place.apply(replicas=1, backupSchedule=RARELY, backup=backup).expect()
    place.settled()
    place.until_condition("BackedUp", "BackupRecent", 180)
    place.until_condition("ArchivingWAL", "Archiving", 60)
    return place


def switched(database: Database) -> str:
    """Write, have the segment ready for the archive, and give its name."""
    primary = database.primary()
    segment = database.superuser(primary, "SELECT pg_walfile_name(pg_current_wal_lsn())")
    database.superuser(primary, "SELECT pg_logical_emit_message(true, 'test', ''), pg_switch_wal()")
    return segment


def count(database: Database) -> int:
    return int((database.status().get("backups") or {}).get("count", 0))


def ask(database: Database, name: str) -> None:
    command = ("annotate", "--overwrite", "pgdb", database.name, f"keddah.dev/backup-now={name}")
    database.cluster.good("--namespace", database.namespace, *command)


def until_stored(database: Database, storage: Storage, *segments: str) -> None:
    def there() -> bool:
        return all(bucket.stored(storage.folder, segment) for segment in segments)

    until(there, 90, database.story, POLL)


def until_backed_up(database: Database, more_than: int) -> None:
    until(lambda: count(database) > more_than, 180, database.story, 5 * POLL)


def test_an_upload_that_is_cut_is_begun_again(orders: Database, storage: Storage) -> None:
    before, weather = count(orders), storage.proxy.weather
    weather.cut_after = 1 << 20
    orders.sql(LARGE.format("a"))
    until_stored(orders, storage, switched(orders))
    until(lambda: weather.cuts >= 1, 60, orders.story, POLL)
    orders.sql(LARGE.format("b"))
    until_stored(orders, storage, switched(orders))
    # The archive has all there is: what is cut now is a backup.
    weather.cut_after = 1 << 20
    ask(orders, "cut")
    until_backed_up(orders, before)
    assert weather.cuts >= 2
    orders.until_condition("ArchivingWAL", "Archiving")


def test_a_minute_in_which_the_server_is_too_busy_leaves_no_trace(orders: Database, storage: Storage) -> None:
    before, end = count(orders), time.monotonic() + 60
    with answering(storage, "503 Slow Down", "SlowDown"):
        segments = [switched(orders)]
        ask(orders, "busy")
        while time.monotonic() < end:
            assert orders.condition("Ready")["status"] == "True"
            time.sleep(5)
            segments.append(switched(orders))
    until_stored(orders, storage, *segments)
    until_backed_up(orders, before)
    orders.until_condition("ArchivingWAL", "Archiving")
    assert orders.condition("BackedUp")["status"] == "True"
    assert "lastError" not in orders.status()["backups"]


@contextmanager
def answering(storage: Storage, answer: str, code: str) -> Iterator[None]:
    storage.proxy.weather.content, storage.proxy.weather.answer = error(code), answer
    try:
        yield
    finally:
        storage.proxy.weather.answer = ""


@contextmanager
def full(_: Database, storage: Storage) -> Iterator[None]:
    with answering(storage, "403 Forbidden", "QuotaExceeded"):
        yield


@contextmanager
def late(_: Database, storage: Storage) -> Iterator[None]:
    """Have a clock be off by 20 minutes: a server of S3 takes a signature for 15."""
    with answering(storage, "403 Forbidden", "RequestTimeTooSkewed"):
        yield


@contextmanager
def without_bucket(_: Database, storage: Storage) -> Iterator[None]:
    there = storage.folder / "data" / BUCKET
    away = there.rename(there.with_name("another"))
    try:
        yield
    finally:
        away.rename(there)


@contextmanager
def mistrusted(_: Database, storage: Storage) -> Iterator[None]:
    storage.proxy.present(Authority(storage.folder / "other", "other-ca"))
    try:
        yield
    finally:
        storage.proxy.present(storage.server.ca)


@contextmanager
def under_another_key(database: Database, _: Storage) -> Iterator[None]:
    bucket.give_secret(database, "key", key=OTHER_KEY)
    try:
        yield
    finally:
        bucket.give_secret(database, "key", key=KEY)


@contextmanager
def with_new_credentials(database: Database, storage: Storage) -> Iterator[None]:
    """Have the server's key change, and the Secret follow."""
    storage.restart(OTHER_SECRET)
    try:
        yield
    finally:
        bucket.give_secrets(database, storage.server, OTHER_SECRET)


@pytest.mark.parametrize(
    ("bad", "reason", "words"),
    [
        (full, "RepositoryFull", "the repository is full"),
        (late, "ClockSkew", "the clocks of the node and of the repository differ"),
        (without_bucket, "BucketMissing", "there is no such bucket"),
        (mistrusted, "CertificateNotTrusted", "is not trusted"),
        (under_another_key, "WrongEncryptionKey", "the encryption key is not the one"),
        (with_new_credentials, "CredentialsRefused", "refuses the credentials"),
    ],
)
def test_a_bad_day_is_told_with_its_reason_and_ends(
    orders: Database,
    storage: Storage,
    bad: Callable[[Database, Storage], AbstractContextManager[None]],
    reason: str,
    words: str,
) -> None:
    def told() -> bool:
        switched(orders)
        condition = orders.condition("ArchivingWAL")
        return condition.get("status") == "False" and condition["reason"] == reason

    with bad(orders, storage):
        segment = switched(orders)
        until(told, 120, orders.story, 20 * POLL)
        message = orders.condition("ArchivingWAL")["message"]
        assert words in message
        assert "is not lost" in message
        assert orders.condition("Ready")["status"] == "True"
    # PostgreSQL tries again at the latest after a minute, and with each segment.
    until_stored(orders, storage, segment, switched(orders))
    orders.until_condition("ArchivingWAL", "Archiving")


def test_no_secret_is_in_what_is_told_of_all_this(orders: Database) -> None:
    namespace = ("--namespace", orders.namespace)
    kinds = "pgdb,pods,jobs,cronjobs,statefulsets,configmaps,events,leases"
    told = orders.cluster.good(*namespace, "get", kinds, "-o", "json")
    for pod in json.loads(told)["items"]:
        if pod["kind"] == "Pod":
            name = pod["metadata"]["name"]
            told += orders.cluster(*namespace, "logs", name, "--all-containers", "--tail=-1").out
    assert "CredentialsRefused" in told
    for secret in (SECRET, OTHER_SECRET, KEY, OTHER_KEY):
        assert secret not in told
