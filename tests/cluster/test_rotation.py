"""A database's CA is replaced while applications verify the server by it, and nobody is refused."""

from __future__ import annotations

import secrets
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from controller.certificates.certificate import signed, split
from controller.certificates.keys import DatabaseKeys
from controller.certificates.pki import issue_authority
from controller.certificates.rotation import DEFAULT
from controller.desired.secrets import keys_secret
from schemas.api.types import decode
from tests import factory
from tests.client_pod import NAME as CLIENT
from tests.client_pod import client_pod
from tests.clusters import POLL
from tests.databases import Database
from tests.rounds import Rounds
from tests.waiting import until

SOON = timedelta(seconds=75)
"""From when the database is made to when its next CA may sign."""
PROMOTED_SECONDS, SERVED_SECONDS = 240, 240
"""The Secrets are read every half minute or so; the kubelet mounts what changed within two."""
VERIFIED = "sslmode=verify-full sslrootcert=/tmp/ca.crt"
SHOWN = """
import socket, ssl, struct, sys
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
line = socket.create_connection((sys.argv[1], 5432), 5)
line.sendall(struct.pack("!II", 8, 80877103))
assert line.recv(1) == b"S"
print(ssl.DER_cert_to_PEM_cert(context.wrap_socket(line).getpeercert(binary_form=True)))
"""
"""Ask PostgreSQL for TLS (its protocol, SSLRequest), and print the certificate that it shows."""


class Logins(Rounds):
    """An application that connects again and again, each time verifies the server, and writes."""

    def __init__(self, database: Database, login: str) -> None:
        super().__init__("logins", every=0.3)
        self._database, self._login = database, login
        self.made = 0
        self.refused: list[str] = []

    def look(self) -> None:
        """Connect and write a row."""
        where = ("--namespace", self._database.namespace, "exec", CLIENT, "--")
        done = self._database.cluster(
            *where, "psql", "-X", "-c", "INSERT INTO rows DEFAULT VALUES", self._login
        )
        self.made += 1
        if done.code != 0:
            self.refused.append(done.err)


def aged(name: str) -> DatabaseKeys:
    """Give keys whose CA is past two thirds of its life, and whose next one may sign soon."""
    now = datetime.now(UTC)
    keys = DatabaseKeys.generate(name, now=now - DEFAULT.authority * 0.7, entropy=secrets.token_bytes)
    made = now + SOON - DEFAULT.overlap
    return replace(keys, upcoming=issue_authority(name, now=made, entropy=secrets.token_bytes))


def shown(database: Database, pod: str) -> str:
    """Return the certificate that an instance's PostgreSQL serves with."""
    done = database.execute(pod, "python3", "-c", SHOWN, "localhost")
    return done.out if done.code == 0 else ""


@pytest.mark.minutes(6)
def test_a_ca_is_replaced_and_costs_nobody_who_verifies_a_connection(database: Database) -> None:
    cluster, namespace = database.cluster, database.namespace
    client_pod(cluster, namespace)
    keys = aged(database.name)
    wanted = decode(factory.submitted(database.name, namespace, version="17", replicas=2))
    cluster.rest.create(keys_secret(wanted, keys)).expect()
    database.apply(replicas=2).expect()
    database.settled()
    secret = database.secret("app")
    assert keys.upcoming is not None
    assert set(split(secret["ca.crt"])) == {keys.ca_crt, keys.upcoming.crt}
    # The application reads whom to trust once, before the next CA signs anything.
    inside = ("--namespace", namespace, "exec", "-i", CLIENT, "--")
    cluster.good(*inside, "sh", "-c", "cat > /tmp/ca.crt", stdin=secret["ca.crt"])
    login = f"{secret['uri'].partition('?')[0]}?{VERIFIED.replace(' ', '&')}"
    cluster.good(*inside, "psql", "-X", "-c", "CREATE TABLE rows (at timestamptz DEFAULT now())", login)
    assert all(signed(shown(database, pod), keys.ca_crt) for pod in database.pod_names())
    staying = subprocess.Popen(
        ["kubectl", *inside, "psql", "-X", "-v", "ON_ERROR_STOP=1", login],
        env=cluster.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    with staying, Logins(database, login) as logins:
        assert staying.stdin
        staying.stdin.write("INSERT INTO rows DEFAULT VALUES \\watch 0.5\n")
        staying.stdin.flush()
        next_ca = keys.upcoming.crt
        until(
            lambda: signed(database.secret("tls")["tls.crt"], next_ca), PROMOTED_SECONDS, database.story, POLL
        )
        # Members go on trusting the former one, as clients do.
        assert set(split(database.secret("app")["ca.crt"])) == {keys.ca_crt, next_ca}
        until(
            lambda: all(signed(shown(database, pod), next_ca) for pod in database.pod_names()),
            SERVED_SECONDS,
            database.story,
            POLL,
        )
        made = logins.made
        until(lambda: logins.made > made + 5, 60)
        assert staying.poll() is None
        staying.kill()
    assert logins.refused == []
    # Members still believe one another, and the controller.
    [standby] = database.standbys()
    database.switch_over(standby)
    database.settled()
