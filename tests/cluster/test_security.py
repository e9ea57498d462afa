"""Who gets in, and who does not."""

from __future__ import annotations

from tests.client_pod import client_pod
from tests.clusters import Cluster
from tests.databases import Database
from tests.kubectl import Output

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
        done = _login(trio, pod, host, "verify-full")
        assert done.out.strip() == "t", done.err


def test_a_name_that_is_not_the_databases_is_not_verified(trio: Database) -> None:
    pod = trio.pods()[0]
    refused = _login(trio, pod["metadata"]["name"], pod["status"]["podIP"], "verify-full")
    assert "does not match host name" in refused.err


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


def test_a_pod_of_somebody_else_cannot_change_anything(
    cluster: Cluster, trio: Database, namespace: str
) -> None:
    client_pod(cluster, namespace)
    primary = trio.primary()
    address = next(p["status"]["podIP"] for p in trio.pods() if p["metadata"]["name"] == primary)
    ask = ("exec", "client", "--", "python3", "-W", "ignore", "-c", ASK, "POST")
    for change in ("switchover", "reinitialize"):
        answer = cluster.good("--namespace", namespace, *ask, f"https://{address}:8008/{change}").split()[0]
        # Where NetworkPolicies have effect, it does not even get there.
        assert answer in (*OUT, "unreachable")
    assert trio.primary() == primary


def test_database_pods_satisfy_pod_security_restricted(cluster: Cluster, trio: Database) -> None:
    # Their namespace enforces it, or they would not run; this says it aloud, and warnings would name them.
    level = "pod-security.kubernetes.io/enforce=restricted"
    label = ("label", "namespace", trio.namespace, level, "--overwrite", "--dry-run=server")
    answer = cluster(*label)
    assert answer.code == 0
    assert "Warning" not in answer.err
