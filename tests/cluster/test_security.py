"""Who gets in, and who does not."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime
from functools import partial

from controller.certificates.keys import DatabaseKeys
from controller.certificates.pki import issue_client
from tests.client_pod import client_pod
from tests.clusters import POLL, Cluster
from tests.databases import Database
from tests.kubectl import Output
from tests.waiting import until

VERIFIED = "psql -XAtc 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()' "
LOGIN = (
    "host=$0 dbname=app user=app password=$(cat /etc/keddah/app/password) sslrootcert=/etc/keddah/app/ca.crt"
)
ASK = """
import ssl, sys, urllib.error, urllib.request
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
method, url, *pair = sys.argv[1:]
if pair:
    context.load_cert_chain(*pair)
request = urllib.request.Request(url, data=b"{}" if method == "POST" else None, method=method)
try:
    print(urllib.request.urlopen(request, timeout=5, context=context).status)
except urllib.error.HTTPError as error:
    print(error.code)
except OSError as error:
    print("unreachable", error)
"""
"""Ask Patroni's API something, and print the status of the answer."""
OUT = ("401", "403")
CHANGES = ("switchover", "failover", "restart", "reinitialize", "reload")


def _login(trio: Database, pod: str, host: str, mode: str) -> Output:
    return trio.execute(pod, "sh", "-c", f'{VERIFIED} "{LOGIN} sslmode={mode}"', host)


def test_clients_that_verify_the_server_by_the_databases_ca_get_in_by_every_name(trio: Database) -> None:
    pod = trio.pod_names()[0]
    for host in ("trio", f"trio.{trio.namespace}.svc", f"trio-ro.{trio.namespace}.svc"):
        login = partial(_login, trio, pod, host, "verify-full")
        # Another test may have deleted the Service of the standbys: names are cached for some seconds.
        until(lambda login=login: login().out.strip() == "t", 40, lambda login=login: login().err, POLL)  # type: ignore[misc]


def test_a_name_that_is_not_the_databases_is_not_verified(trio: Database) -> None:
    pod = trio.pods()[0]
    refused = _login(trio, pod["metadata"]["name"], pod["status"]["podIP"], "verify-full")
    assert "does not match host name" in refused.err


def test_the_controllers_role_is_opened_by_its_own_certificate_alone(trio: Database) -> None:
    pod = trio.primary()
    trio.superuser(pod, "ALTER ROLE keddah PASSWORD 'guessed'")
    login = "host=localhost dbname=app user=keddah password=guessed sslmode=require"
    member = "sslcert=/etc/keddah/tls/tls.crt sslkey=/etc/keddah/tls/tls.key"
    for how in (login, f"{login} {member}"):
        refused = trio.execute(pod, "psql", "-XAtc", "SELECT 1", how)
        assert refused.code != 0
        assert "certificate" in refused.err
    trio.superuser(pod, "ALTER ROLE keddah PASSWORD NULL")


def test_nobody_gets_in_without_tls(trio: Database) -> None:
    refused = _login(trio, trio.pod_names()[0], "trio", "disable")
    assert "no encryption" in refused.err


def test_the_superuser_cannot_log_in_from_the_network(trio: Database) -> None:
    superuser = trio.secret("superuser")
    for user in ("postgres", "replicator"):
        login = f"host=trio dbname=app user={user} password={superuser['password']} sslmode=require"
        refused = trio.execute(trio.pod_names()[0], "psql", "-c", "SELECT 1", login)
        assert refused.code != 0
        assert "pg_hba.conf rejects connection" in refused.err


def test_patronis_api_tells_anyone_and_obeys_nobody_without_a_certificate(trio: Database) -> None:
    primary, uids = trio.primary(), trio.uids()
    pods = {pod["metadata"]["name"]: pod["status"]["podIP"] for pod in trio.pods()}
    caller = trio.standbys()[0]
    url = f"https://{pods[primary]}:8008"
    assert _ask(trio, caller, "GET", f"{url}/readiness") == "200"
    for change in CHANGES:
        assert _ask(trio, caller, "POST", f"{url}/{change}") in OUT, change
    assert _ask(trio, caller, "PATCH", f"{url}/config") in OUT
    assert _ask(trio, caller, "DELETE", f"{url}/restart") in OUT
    # A certificate of the database's CA is what makes the difference.
    pair = ("/etc/keddah/tls/tls.crt", "/etc/keddah/tls/tls.key")
    assert _ask(trio, caller, "DELETE", f"{url}/restart", *pair) not in OUT
    assert (trio.primary(), trio.uids()) == (primary, uids)


def _ask(trio: Database, pod: str, method: str, url: str, *pair: str) -> str:
    done = trio.execute(pod, "python3", "-W", "ignore", "-c", ASK, method, url, *pair)
    assert done.code == 0, done.err
    return done.out.split()[0]


ATTEMPTS: tuple[tuple[str, str, object], ...] = (
    ("POST", "switchover", {"leader": "PRIMARY"}),
    ("POST", "failover", {"candidate": "STANDBY"}),
    ("POST", "restart", {}),
    ("POST", "reinitialize", {"force": True}),
    ("POST", "reload", {}),
    ("POST", "sigterm", {}),
    ("POST", "failsafe", {"name": "STANDBY", "conn_url": "", "api_url": ""}),
    ("POST", "citus", {"type": "before_demote"}),
    ("POST", "mpp", {"type": "before_demote"}),
    ("PATCH", "config", {"pause": True}),
    ("PUT", "config", {"ttl": 20}),
    ("DELETE", "restart", {}),
    ("DELETE", "switchover", {}),
)
"""Everything by which Patroni 4.1 can be told to do something (its api.py)."""
ATTACK = """
import json, os, ssl, sys, urllib.error, urllib.request
order = json.load(sys.stdin)
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
if order["pair"]:
    with open("/tmp/pair", "w") as file:
        file.write(order["pair"])
    context.load_cert_chain("/tmp/pair")

def answer(url, method, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    request.method = method
    try:
        return str(urllib.request.urlopen(request, timeout=5, context=context).status)
    except urllib.error.HTTPError as error:
        return str(error.code)
    except OSError as error:
        return "nothing"

print(json.dumps([answer(*attempt) for attempt in order["attempts"]]))
"""
"""Try it all, and print what came of each."""


def _forged(name: str) -> str:
    """Give a client's certificate of an authority that has the name of the database's, and is another."""
    now = datetime.now(UTC)
    authority = DatabaseKeys.generate(name, now=now, entropy=secrets.token_bytes).authority
    pair = issue_client(authority, "keddah-controller", now=now, entropy=secrets.token_bytes)
    return pair.crt + pair.key


def _attack(
    cluster: Cluster, namespace: str, pair: str, attempts: list[tuple[str, str, object]]
) -> list[str]:
    order = json.dumps({"pair": pair, "attempts": attempts})
    ask = ("exec", "-i", "client", "--", "python3", "-W", "ignore", "-c", ATTACK)
    answers: list[str] = json.loads(
        cluster.good("--namespace", namespace, *ask, stdin=order, seconds=300).splitlines()[-1]
    )
    return answers


def _traces(trio: Database) -> tuple[object, ...]:
    """Give all that an attempt could have changed."""
    config = trio.child("ConfigMap", "trio-config")["metadata"]["annotations"]["config"]
    planned = trio.cluster.rest.get("ConfigMap", trio.namespace, "trio-failover")
    started = trio.everywhere("SELECT pg_postmaster_start_time(), system_identifier FROM pg_control_system()")
    return (
        trio.primary(),
        trio.uids(),
        config,
        (planned or {"metadata": {}})["metadata"].get("annotations"),
        started,
    )


def test_nobody_in_the_pod_network_can_tell_patroni_to_do_anything(
    cluster: Cluster, trio: Database, namespace: str
) -> None:
    client_pod(cluster, namespace)
    before, primary, standby = _traces(trio), trio.primary(), trio.standbys()[0]
    attempts: list[tuple[str, str, object]] = []
    for pod in trio.pods():
        url = f"https://{pod['status']['podIP']}:8008"
        for method, page, body in ATTEMPTS:
            text = json.dumps(body).replace("PRIMARY", primary).replace("STANDBY", standby)
            attempts.append((f"{url}/{page}", method, json.loads(text)))
    # Where NetworkPolicies have effect, nothing gets there; where not, Patroni itself refuses.
    [there] = _attack(cluster, namespace, "", [(f"{url}/readiness", "GET", {})])
    anonymous = "403" if there == "200" else "nothing"
    assert set(_attack(cluster, namespace, "", attempts)) == {anonymous}
    assert set(_attack(cluster, namespace, _forged("trio"), attempts)) == {"nothing"}
    assert _traces(trio) == before


def test_database_pods_satisfy_pod_security_restricted(cluster: Cluster, trio: Database) -> None:
    # Their namespace enforces it, or they would not run; this says it aloud, and warnings would name them.
    level = "pod-security.kubernetes.io/enforce=restricted"
    label = ("label", "namespace", trio.namespace, level, "--overwrite", "--dry-run=server")
    answer = cluster(*label)
    assert answer.code == 0
    assert "Warning" not in answer.err
