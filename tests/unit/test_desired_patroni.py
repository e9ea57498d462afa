from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from controller.desired.instances.authentication import host_based_authentication
from controller.desired.instances.parameters import OWNED, parameters
from controller.desired.instances.patroni import configuration, dynamic, static
from controller.desired.instances.pod import pod_template
from schemas.postgresql.parameters.check import problem
from tests.factory import typed_database


def file(**spec: Any) -> dict[str, Any]:  # noqa: ANN401
    document: dict[str, Any] = yaml.safe_load(static(typed_database(**spec)))
    return document


def test_timeouts_are_ones_that_patroni_accepts() -> None:
    found = dynamic(typed_database())
    assert found["ttl"] >= 20
    assert found["ttl"] >= found["loop_wait"] + 2 * found["retry_timeout"]


@pytest.mark.parametrize(
    ("wish", "mode", "strict"),
    [("Quorum", "quorum", False), ("Strict", "quorum", True), ("Off", False, False)],
)
def test_synchronous_is_patronis_quorum_commit(wish: str, mode: object, strict: object) -> None:
    found = dynamic(typed_database(synchronous=wish))
    assert found["synchronous_mode"] == mode
    assert found["synchronous_mode_strict"] is strict


def test_the_annotation_is_the_text_that_patroni_itself_would_write() -> None:
    db = typed_database(parameters={"application_name": "schön"})
    text = configuration(db)["metadata"]["annotations"]["config"]
    assert text == json.dumps(json.loads(text), separators=(",", ":"))


def test_the_users_parameters_win_over_defaults_in_any_spelling() -> None:
    found = parameters(typed_database(parameters={"Log_Checkpoints": "off", "work_mem": "8MB"}))
    assert found["log_checkpoints"] == "off"
    assert found["work_mem"] == "8MB"
    assert "Log_Checkpoints" not in found


def test_no_spelling_of_the_users_evades_what_is_owned() -> None:
    found = parameters(typed_database(parameters={"SSL": "off"}))
    assert (OWNED | {"log_destination": "jsonlog"}).items() <= found.items()
    assert "SSL" not in found


def test_parameters_do_not_depend_on_the_order_in_which_they_were_written() -> None:
    one = typed_database(parameters={"work_mem": "8MB", "jit": "off"})
    other = typed_database(parameters={"jit": "off", "work_mem": "8MB"})
    assert json.dumps(dynamic(one)) == json.dumps(dynamic(other))


@pytest.mark.parametrize(
    ("resources", "buffers"),
    [
        ({"limits": {"memory": "4Gi"}, "requests": {"memory": "1Gi"}}, "1024MB"),
        ({"requests": {"memory": "1Gi", "cpu": 1}}, "256MB"),
        ({"requests": {"memory": 1073741824}}, "256MB"),
        ({"requests": {"memory": "64Mi"}}, "32MB"),
    ],
)
def test_shared_buffers_follow_the_memory(resources: dict[str, Any], buffers: str) -> None:
    assert parameters(typed_database(resources=resources))["shared_buffers"] == buffers


def test_the_first_lines_are_keddahs_and_the_last_asks_everyone_for_a_password() -> None:
    lines = host_based_authentication(typed_database(hba=["host all app 10.0.0.0/8 scram-sha-256"]))
    theirs = lines.index("host all app 10.0.0.0/8 scram-sha-256")
    refused = next(n for n, line in enumerate(lines) if line.endswith(" reject"))
    assert refused < theirs
    assert "postgres" in lines[refused]
    assert lines[-1] == "hostssl all all all scram-sha-256"


def test_nothing_is_trusted_and_no_network_line_is_without_tls() -> None:
    lines = host_based_authentication(typed_database())
    assert not any("trust" in line for line in lines)
    assert all(line.endswith(" reject") for line in lines if line.startswith(("host ", "hostnossl ")))


def test_each_major_has_its_own_folder_and_programs() -> None:
    found = file(version="18")["postgresql"]
    assert found["data_dir"] == "/var/lib/postgresql/18/data"
    assert found["bin_dir"] == "/usr/lib/postgresql/18/bin"


def test_minors_of_a_major_share_one_file() -> None:
    assert static(typed_database(version="17.5")) == static(typed_database(version="17"))


def test_members_verify_one_another() -> None:
    found = file()
    for role in ("replication", "rewind"):
        login = found["postgresql"]["authentication"][role]
        assert login["sslmode"] == "verify-ca"
        assert {"sslrootcert", "sslcert", "sslkey"} <= login.keys()
    assert found["restapi"]["verify_client"] == "optional"
    assert {"certfile", "keyfile"} <= set(found["ctl"])


def test_how_lines_are_written_is_no_part_of_what_pods_start_with() -> None:
    written, plain = (typed_database(logging=logging) for logging in ("JSON", "Text"))
    assert static(written) == static(plain)
    assert pod_template(written, "image") == pod_template(plain, "image")
    assert [parameters(db)["log_destination"] for db in (written, plain)] == ["jsonlog", "stderr"]
    assert [configuration(db)["data"]["logging"] for db in (written, plain)] == ["JSON", "Text"]


def test_a_changed_parameter_leaves_the_file_alone() -> None:
    assert static(typed_database(parameters={"work_mem": "8MB"})) == static(typed_database())


@pytest.mark.parametrize("major", [17, 18])
def test_defaults_are_parameters_of_every_major_and_the_user_is_refused_what_is_owned(major: int) -> None:
    for name, value in parameters(typed_database(version=str(major))).items():
        assert (problem(name, value, major) is not None) is (name in OWNED), name
