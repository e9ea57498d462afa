"""The commands of `kubectl pgdb`, with a kubectl that answers from memory."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from kubectl_pgdb.__main__ import COMMANDS, main
from kubectl_pgdb.commands.restore import copied
from kubectl_pgdb.completion import candidates
from kubectl_pgdb.kubectl import Ended, Kubectl, KubectlError
from kubectl_pgdb.session import PLURAL
from schemas.reasons import REASONS
from tests.factory import database, submitted

READS = ("get", "logs")


class Fake:
    """kubectl that knows one database, and remembers what it was told to do."""

    def __init__(self, **answers: object) -> None:
        self.commands: list[list[str]] = []
        self.given: list[str] = []
        self._answers = answers

    def __call__(self, command: Sequence[str], given: str | None) -> Ended:
        """Answer by the first word that somebody has an answer for; an exception is a refusal."""
        self.commands.append(list(command[1:]))
        self.given += [given] if given else []
        found = next((self._answers[word] for word in command if word in self._answers), {"items": []})
        return Ended(1, err=str(found)) if isinstance(found, Exception) else Ended(0, json.dumps(found))


def ran(fake: Fake, *words: str) -> Result:
    """Give how a command ended."""
    return CliRunner().invoke(main, words, obj=fake)


def orders(**status: object) -> Fake:
    """Give a kubectl that knows `orders`."""
    return Fake(**{PLURAL: database("orders") | {"status": status}})


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    done = ran(Fake(), name, "--help")
    assert done.exit_code == 0, done.output
    assert COMMANDS[name]


def test_a_command_that_is_mistyped_is_guessed() -> None:
    assert (
        "No such command 'swichover'. Did you mean switchover?" in ran(Fake(), "swichover", "orders").output
    )


@pytest.mark.parametrize("command", ["status", "logs", "psql"])
def test_without_kubectl_in_the_path_it_says_so(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECTL", "/nowhere/kubectl")
    done = CliRunner().invoke(main, [command, "orders"])
    assert (done.exit_code, done.output) == (1, "Error: /nowhere/kubectl: No such file or directory\n")


def test_status_reads_no_secret_and_answers_in_json() -> None:
    fake = orders(ready="1/1", primary="orders-0")
    done = ran(fake, "status", "orders", "-n", "shop", "-o", "json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    assert (found["name"], found["primary"], found["unread"]) == ("orders", "orders-0", [])
    assert "secret" not in str(fake.commands).lower()
    assert all("--namespace=shop" in command for command in fake.commands)


def test_status_shows_what_may_be_read_and_says_what_may_not() -> None:
    fake = Fake(
        **{
            PLURAL: database("orders"),
            "events": PermissionError("Forbidden: events"),
        }
    )
    done = ran(fake, "status", "orders")
    assert done.exit_code == 0, done.output
    assert "not shown: Forbidden: events" in done.output


@pytest.mark.parametrize(
    ("lease", "told"),
    [
        ({"spec": {"renewTime": "2026-12-01T00:00:00.000000Z"}}, True),
        ({"spec": {"renewTime": "2127-12-01T00:00:00.000000Z"}}, False),
        ({"spec": {}}, False),
        (PermissionError("Forbidden: leases"), False),
    ],
)
def test_a_controller_that_is_not_heard_of_is_told(lease: object, told: bool) -> None:  # noqa: FBT001 - a case
    """What it said last may sound well for hours."""
    fake = Fake(**{"lease": lease, PLURAL: database("orders")})
    shown = ran(fake, "status", "orders", "--namespace=shop", "--context=kind-a").output
    assert ("No word of keddah's controller for" in shown) == told
    assert ("kubectl --context=kind-a get pods --namespace=keddah-system" in shown) == told
    assert "Forbidden" not in shown


def test_events_of_a_former_database_of_the_name_are_not_shown() -> None:
    told = {"lastTimestamp": "2026-12-01T00:00:00Z", "type": "Warning", "message": "…"}
    both = {"u1": "Old", "u2": "New"}
    events = [told | {"involvedObject": {"uid": uid}, "reason": reason} for uid, reason in both.items()]
    live = database("orders")
    live["metadata"]["uid"] = "u2"
    fake = Fake(**{"events": {"items": events}, PLURAL: live})
    shown = ran(fake, "status", "orders").output
    assert "New" in shown
    assert "Old" not in shown


def test_a_database_that_is_not_there_is_told_in_the_words_of_the_api_server() -> None:
    words = 'Error from server (NotFound): postgresqldatabases.keddah.dev "orders" not found'
    done = ran(Fake(**{PLURAL: LookupError(words)}), "status", "orders")
    assert done.exit_code == 1
    assert done.output == 'Error: (NotFound): postgresqldatabases.keddah.dev "orders" not found\n'


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("status orders", "kubectl get postgresqldatabases.keddah.dev orders --output=json"),
        ("logs orders -f", "kubectl logs --selector=keddah.dev/database=orders,app.kubernetes.io/component"),
        ("logs orders -i 1", "kubectl logs orders-1 --all-containers"),
        (
            "psql orders -d app",
            "exec service/orders --container=postgres --stdin -- env 'PGOPTIONS=-c search",
        ),
        ("psql orders --app", "exec service/orders --container=postgres --stdin -- sh -c"),
    ],
)
def test_show_prints_the_plain_kubectl_and_runs_nothing(words: str, shown: str) -> None:
    fake = Fake()
    done = ran(fake, *words.split(), "--show")
    assert done.exit_code == 0, done.output
    assert shown in done.output
    assert fake.commands == []


def test_a_reason_is_explained_whatever_its_case_and_a_slip_is_mended() -> None:
    assert "A volume is full" in ran(Fake(), "conditions", "explain", "diskfull").output
    assert "did you mean DiskFull" in ran(Fake(), "conditions", "explain", "DiskFul").output
    assert json.loads(ran(Fake(), "conditions", "list", "-o", "json").output)[0].keys() == {
        "reason",
        "type",
        "meaning",
        "next",
    }


def test_kubectl_is_told_what_may_come_next() -> None:
    assert candidates(["st"]) == ["status"]
    assert candidates(["conditions", "explain", "diskf"]) == ["DiskFull"]
    assert candidates(["conditions", "explain", "BackedU"]) == ["BackedUp"]


def test_without_kubectl_the_error_says_so(tmp_path: Path) -> None:
    with pytest.raises(KubectlError, match="No such file"):
        Kubectl(program=str(tmp_path / "kubectl")).read("get", "pods")


SHOWN = {
    "switchover orders --to 1": "annotate {} orders --overwrite keddah.dev/switchover-now=ID/orders-1",
    "restart orders -i orders-2": "annotate {} orders --overwrite keddah.dev/restart-now=ID/orders-2",
    "reload orders": "annotate {} orders --overwrite keddah.dev/reload-now=ID",
    "pause orders": "annotate {} orders --overwrite keddah.dev/pause-now=ID",
    "resume orders": "annotate {} orders --overwrite keddah.dev/resume-now=ID",
    "rotate orders": "annotate {} orders --overwrite keddah.dev/rotate-passwords=ID",
    "rotate orders app reader": "annotate {} orders --overwrite keddah.dev/rotate-passwords=ID/app,reader",
    "backup orders --id before": "annotate {} orders --overwrite keddah.dev/backup-now=before",
    "verify-backup orders": "annotate {} orders --overwrite keddah.dev/verify-now=ID",
    "restore orders --to former": "annotate {} orders --overwrite keddah.dev/restore-to=former",
    "restore orders --into copy": "create --filename=-",
    "hibernate orders": """patch {} orders --type=merge '--patch={{"spec": {{"hibernated": true}}}}'""",
    "wake orders": """patch {} orders --type=merge '--patch={{"spec": {{"hibernated": false}}}}'""",
    "discard orders 1": "annotate persistentvolumeclaim data-orders-1 --overwrite keddah.dev/discard=UID",
    "top orders": "exec service/orders --container=postgres --pod-running-timeout=2s -- env",
    "report orders": "get pods,persistentvolumeclaims,services,configmaps,",
    "lint orders.yaml": "apply --dry-run=server --filename=orders.yaml",
    "install": "apply --server-side --kustomize=",
}


@pytest.mark.parametrize("words", SHOWN)
def test_what_changes_something_is_shown_and_not_done(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubectl_pgdb.asking.identity", lambda _: "ID")
    fake = Fake()
    done = ran(fake, *words.split(), "--show")
    assert done.exit_code == 0, done.output
    assert f"kubectl {SHOWN[words].format(PLURAL)}" in done.output
    assert all(command[0] == "get" for command in fake.commands)


def test_a_command_that_is_shown_can_be_run() -> None:
    """With the manifest that it reads; one of a file finds the file."""
    first, *manifest, last = ran(orders(), "restore", "orders", "--into=copy", "--show").output.splitlines()
    assert (first, last) == ("kubectl create --filename=- <<'EOF'", "EOF")
    assert json.loads("\n".join(manifest)) == copied(database("orders")["spec"], "orders", "copy", None)
    shown = ran(Fake(), "install", "--registry=registry.example.com/keddah", "--show").output.split()
    folder = Path(next(word for word in shown if "kustomize=" in word).partition("=")[2])
    assert (folder / "kustomization.yaml").exists()
    shutil.rmtree(folder.parent)


def request_of(state: str, message: str) -> dict[str, object]:
    """Give the answer to a request of which a test says the id."""
    return {"requests": [{"name": "switchover-now", "id": "ID", "state": state, "message": message}]}


@pytest.mark.parametrize(
    ("state", "code", "said"),
    [
        ("Done", 0, "switchover: orders-1 is primary\n"),
        ("Refused", 1, "Error: switchover: refused: orders-1 is primary\n"),
    ],
)
def test_the_answer_of_the_controller_is_the_end_of_the_command(
    state: str, code: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kubectl_pgdb.asking.identity", lambda _: "ID")
    done = ran(orders(**request_of(state, "orders-1 is primary")), "switchover", "orders")
    assert (done.exit_code, done.output) == (code, said)


def test_machines_are_answered_in_json_and_by_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubectl_pgdb.asking.identity", lambda _: "ID")
    done = ran(orders(**request_of("Refused", "no standby")), "switchover", "orders", "-o", "json")
    assert done.exit_code == 1
    assert json.loads(done.output) == {
        "action": "switchover",
        "done": False,
        "message": "refused: no standby",
    }


@pytest.mark.parametrize(
    "words", ["switchover orders", "backup orders", "rotate orders", "wake orders", "discard orders 1 -y"]
)
def test_who_does_not_wait_is_told_that_it_was_asked_for(words: str) -> None:
    done = ran(orders(), *words.split(), "--no-wait")
    assert (done.exit_code, done.output.partition(":")[2]) == (
        0,
        " asked for; `kubectl pgdb status` shows how it goes\n",
    )
    done = ran(orders(), *words.split(), "--no-wait", "-o", "json")
    assert json.loads(done.output)["done"] is False


def test_an_older_answer_is_none_and_the_wait_ends() -> None:
    fake = orders(**request_of("Done", "of yesterday"))
    done = ran(fake, "switchover", "orders", "--timeout=0")
    assert done.exit_code == 1
    assert "not over after 0 s: waits for keddah's controller" in done.output


def test_a_restore_in_place_is_asked_about_after_admission_has_had_its_say() -> None:
    fake = orders()
    done = CliRunner().invoke(main, ["restore", "orders", "--to=former"], obj=fake, input="n\n")
    assert done.exit_code == 1
    assert [command[-1] for command in fake.commands] == ["--output=json", "--dry-run=server"]


def test_what_was_restored_already_is_not_asked_for_again() -> None:
    live = database("orders")
    asked = {"annotations": {"keddah.dev/restore-to": "2026-11-27T10:00:00Z"}}
    fake = Fake(**{PLURAL: {**live, "metadata": live["metadata"] | asked}})
    done = ran(fake, "restore", "orders", "--to=2026-11-27T10:00:00Z", "--yes")
    assert done.exit_code == 1
    assert "already" in done.output


def test_what_admission_warns_of_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    said = "Warning: pause-now 1: nobody fails over\nI1201 03:00:00 noise\n"
    kubectl = Kubectl(runner=lambda _command, _given: Ended(0, "annotated", said))
    assert kubectl.change("annotate", "pgdb", "orders", "keddah.dev/pause-now=1") == "annotated"
    assert capsys.readouterr().err == "Warning: pause-now 1: nobody fails over\n"


def test_a_copy_has_what_its_data_needs_and_a_repository_of_its_own() -> None:
    spec = {"version": "18", "database": "shop", "hibernated": True, "deletionProtection": True}
    backup = {
        "repository": {"s3": {"bucket": "b", "path": "/orders"}},
        "retention": {"days": 3},
    }
    assert copied({**spec, "backup": backup}, "orders", "copy", "2026-11-27T10:00:00Z")["spec"] == {
        "version": "18",
        "database": "shop",
        "backup": {"retention": {"days": 3}},
        "restore": {"from": {"name": "orders"}, "targetTime": "2026-11-27T10:00:00Z"},
    }


def test_an_installation_is_waited_for_and_has_the_images_of_a_registry() -> None:
    fake = Fake(apply="", rollout="")
    done = ran(fake, "install", "--registry=registry.example.com/keddah", "--tag=7", "--namespace=shop")
    assert done.exit_code == 0, done.output
    apply, *waits = fake.commands
    assert apply[:2] == ["apply", "--server-side"]
    assert apply[2].endswith("/overlay")
    assert [wait[2] for wait in waits] == ["deployment/keddah-controller", "deployment/keddah-webhooks"]


def test_lint_says_what_the_linter_says(tmp_path: Path) -> None:
    file = tmp_path / "orders.yaml"
    file.write_text(yaml.safe_dump(submitted(replicas=0), sort_keys=False))
    done = ran(Fake(), "lint", str(file), "-o", "json")
    assert done.exit_code == 1
    ((found),) = json.loads(done.output)
    assert found["refused"] is True
    assert "spec.replicas" in found["text"]


def test_every_command_that_a_next_step_names_is_there() -> None:
    for reason in REASONS.values():
        for words in reason.next.split("kubectl pgdb ")[1:]:
            assert words.split()[0] in COMMANDS, reason
