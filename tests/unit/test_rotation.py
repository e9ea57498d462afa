"""A year of certificates in seconds: whoever verifies and whoever serves may lag, and nobody is refused."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from controller.certificates import certificate, pki
from controller.certificates.rotation import Lifetimes, Rotation, turned
from controller.certificates.webhooks import Certificates, StoredPair, names, wanted

NOW = datetime(2026, 11, 23, tzinfo=UTC)
DAY = timedelta(days=1)
LIFETIMES = Lifetimes(authority=60 * DAY, leaf=20 * DAY, overlap=5 * DAY)
HOSTS = names("keddah-system", "cluster.local")
LAG = 2 * DAY
"""Of API servers and pods, at most."""


class Told:
    """What was written, and when; whoever is late goes by something older."""

    def __init__(self) -> None:
        self._all: list[tuple[datetime, str]] = []

    def tell(self, now: datetime, text: str) -> None:
        """Write another."""
        self._all.append((now, text))

    @property
    def last(self) -> str:
        """Give the newest, or nothing."""
        return self._all[-1][1] if self._all else ""

    def known(self, now: datetime) -> set[str]:
        """Give all of the last days, and what held before them."""
        recent = sum(moment > now - LAG for moment, _ in self._all)
        return {text for _, text in self._all[-recent - 1 :]}


class Cluster:
    """One whose API servers and pods learn late, and whose controllers end in the midst now and then."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)  # noqa: S311 - the same story for a seed
        self.now = NOW
        self.authority, self.serving = StoredPair(), StoredPair()
        self.bundles, self.served = Told(), Told()
        self.keys: dict[str, str] = {}
        self.authorities: set[str] = set()

    def look(self) -> None:
        """Do what a controller does, which may end after each of its writes."""
        writes = self.draw.choice((3, 3, 3, 3, 2, 1))
        due = self.due()
        self.authority = due.authority
        if writes > 1:
            self.bundles.tell(self.now, due.bundle)
        if writes > 2:
            self.serving = due.serving
            self.served.tell(self.now, due.serving.crt)
            self.keys[due.serving.crt] = due.serving.key
        self.authorities.add(self.authority.crt)

    def due(self) -> Certificates:
        """Give what there should be."""
        return wanted(
            self.authority,
            self.serving,
            HOSTS,
            now=self.now,
            entropy=self.draw.randbytes,
            lifetimes=LIFETIMES,
            in_force=frozenset(certificate.split(self.bundles.last)),
        )

    def check(self) -> None:
        """Check that each API server believes each pod, whatever either of them knows of."""
        for crt in self.served.known(self.now):
            assert certificate.lasts(crt, self.now), self.now
            for bundle in self.bundles.known(self.now):
                leaf = certificate.Pair(crt, self.keys[crt])
                assert certificate.serves(leaf, bundle, HOSTS), self.now


@pytest.mark.parametrize("seed", range(2))
def test_no_api_server_ever_refuses_a_pod(seed: int) -> None:
    cluster = Cluster(seed)
    while not cluster.served.last:
        cluster.look()
    while cluster.now < NOW + 180 * DAY:
        cluster.now += DAY * cluster.draw.choice((0.25, 0.5, 1, 1.5))
        cluster.look()
        cluster.check()
        assert len(certificate.split(cluster.due().bundle)) <= 2, "what is not needed is not trusted"
    assert len(cluster.authorities) > 3


def test_who_is_not_known_to_be_trusted_does_not_sign() -> None:
    held = Rotation(pki.issue_authority("one", now=NOW, entropy=random.Random(1).randbytes))  # noqa: S311

    def at(days: float, of: Rotation, in_force: set[str] | None) -> Rotation:
        moment, entropy = NOW + days * DAY, random.Random(int(days)).randbytes  # noqa: S311
        return turned(of, [], "one", now=moment, entropy=entropy, lifetimes=Lifetimes(), in_force=in_force)

    prepared = at(2500, held, {held.signing.crt})
    assert prepared.upcoming is not None
    assert at(2600, prepared, {held.signing.crt}) == prepared
    assert at(2600, prepared, {held.signing.crt, prepared.upcoming.crt}).signing == prepared.upcoming
    assert at(2600, prepared, None).signing == prepared.upcoming
