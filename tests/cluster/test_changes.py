"""Changes of a running database: what PostgreSQL can take over is taken over, the rest is rolled."""

from __future__ import annotations

from tests.databases import Database

STARTED = "SELECT pg_postmaster_start_time()"
TIMELINE = "SELECT ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int"


def test_a_parameter_that_can_be_reloaded_restarts_nothing(trio: Database) -> None:
    started, primary = trio.everywhere(STARTED), trio.primary()
    trio.change(parameters={"work_mem": "11MB"})
    trio.until_everywhere("SHOW work_mem", "11MB")
    trio.settled()
    assert trio.everywhere(STARTED) == started
    assert trio.primary() == primary


def test_hba_lines_are_reloaded_and_stand_below_keddahs_own(trio: Database) -> None:
    started = trio.everywhere(STARTED)
    trio.change(hba=["hostssl all app 10.254.0.0/16 reject"])
    rule = "SELECT count(*) FROM pg_hba_file_rules WHERE address = '10.254.0.0' AND auth_method = 'reject'"
    trio.until_everywhere(rule, "1")
    order = """
        SELECT max(rule_number) FILTER (WHERE 'postgres' = ANY (user_name) AND auth_method = 'reject')
             < min(rule_number) FILTER (WHERE user_name = '{app}') FROM pg_hba_file_rules"""
    assert set(trio.everywhere(order).values()) == {"t"}
    trio.settled()
    assert trio.everywhere(STARTED) == started


def test_a_parameter_that_needs_a_restart_is_rolled_with_one_switchover(trio: Database) -> None:
    started, uids, primary = trio.everywhere(STARTED), trio.uids(), trio.primary()
    timeline = int(trio.superuser(primary, TIMELINE))
    trio.change(parameters={"max_connections": "130"})
    trio.until_everywhere("SHOW max_connections", "130", 120)
    trio.settled()
    # PostgreSQL restarts inside its pod.
    assert trio.uids() == uids
    assert all(trio.everywhere(STARTED)[pod] > before for pod, before in started.items())
    assert trio.primary() != primary
    assert int(trio.superuser(trio.primary(), TIMELINE)) == timeline + 1
    trio.until_told("", "max_connections changed")


def test_a_parameter_that_standbys_need_as_high_can_be_lowered(trio: Database) -> None:
    trio.change(parameters={"max_connections": "90"})
    trio.until_everywhere("SHOW max_connections", "90", 120)
    trio.settled()


def test_new_resources_and_labels_make_every_pod_anew_the_primarys_last(trio: Database) -> None:
    uids, primary = trio.uids(), trio.primary()
    trio.change(
        resources={"requests": {"cpu": "15m", "memory": "96Mi"}}, template={"labels": {"team": "payments"}}
    )
    trio.until_pods(
        lambda pods: not uids.items() & {(p["metadata"]["name"], p["metadata"]["uid"]) for p in pods}
    )
    trio.settled()
    pods = trio.pods()
    requests = [pod["spec"]["containers"][0]["resources"]["requests"] for pod in pods]
    assert requests == [{"cpu": "15m", "memory": "96Mi", "ephemeral-storage": "128Mi"}] * 3
    assert {pod["metadata"]["labels"]["team"] for pod in pods} == {"payments"}
    born = sorted(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))
    assert born[-1]["metadata"]["name"] == primary
    assert trio.primary() != primary
