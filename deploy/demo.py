"""`make demo`: from an empty machine to a restored row in four acts, each command with its real output."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from deploy.images.engine import EngineError
from deploy.installation import build_images, install, kubectl
from deploy.local.processes import CommandError
from deploy.progress import task
from deploy.target import CHECKOUT, Say, Target, TargetError, choose

SAMPLES = "deploy/samples"
_READY = "--for=condition=Ready"
_SQL = """
CREATE TABLE IF NOT EXISTS greetings (id serial PRIMARY KEY, said text, at timestamptz DEFAULT now());
INSERT INTO greetings (said) VALUES ('hello from three nodes') RETURNING *;
"""
_COPY = """kubectl apply -f - <<YAML
apiVersion: keddah.dev/v1alpha1
kind: PostgreSQLDatabase
metadata: {{name: orders-copy}}
spec:
  restore: {{from: {{name: orders}}, targetTime: "{moment}"}}
YAML"""


def main(arguments: Sequence[str]) -> int:
    """Run the demo, or with `down` end it; 1 when something failed, 130 when interrupted."""
    say = _elapsed()
    try:
        if list(arguments) == ["down"]:
            choose(say, use=False).down()
        else:
            _demo(choose(say), say)
    except (TargetError, EngineError, CommandError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        make = f"{_state(os.environ)}make"
        print(f"\nInterrupted. `{make} demo` goes on from here, `{make} demo-down` takes all of it away.")
        return 130
    return 0


def _demo(target: Target, say: Say) -> None:
    images = build_images(say) if target.builds_images else None
    say(f"cluster: {target.name}")
    target.up(images.archives if images else ())
    install(target, images, say)
    _act(say, "Act 1: a manifest with five mistakes is refused, and all five are named")
    _show(target, "cat deploy/samples/mistakes.yaml")
    _show(target, f"kubectl apply -f {SAMPLES}/mistakes.yaml", fails=True)
    _act(say, "Act 2: a three-line manifest is completed")
    _show(target, f"cat {SAMPLES}/small.yaml")
    _show(target, f"kubectl apply -f {SAMPLES}/small.yaml")
    _show(target, "kubectl get pgdb orders -o jsonpath='{.spec}' | python3 -m json.tool")
    _act(say, "Act 3: it becomes three PostgreSQL instances on three nodes")
    kubectl(target, "wait", _READY, "pgdb/orders", "--timeout=180s", quiet=True)
    say("one instance is Ready")
    _show(target, "kubectl scale pgdb orders --replicas=3")
    _show(target, "kubectl wait --for=jsonpath='{.status.readyReplicas}'=3 pgdb/orders --timeout=180s")
    _show(target, f"kubectl wait {_READY} pgdb/orders --timeout=180s")
    kubectl(target, "wait", "--for=condition=Reconciling=False", "pgdb/orders", "--timeout=180s", quiet=True)
    say("three instances are Ready")
    _sql(target, "SELECT version()")
    _sql(target, " ".join(_SQL.split()))
    _show(target, "kubectl get pods -l keddah.dev/database=orders -L keddah.dev/role -o wide")
    _show(target, "kubectl get services,secrets -l keddah.dev/database=orders")
    _show(target, "kubectl get pgdb orders")
    _act(say, "Act 4: it was backed up by itself; a row that was deleted comes back")
    _restored(target, say)
    print_usage(target, say)


def _restored(target: Target, say: Say) -> None:
    _show(target, "kubectl wait --for=condition=BackedUp pgdb/orders --timeout=300s")
    _show(target, "kubectl get pgdb orders -o jsonpath='{.status.backups}' | python3 -m json.tool")
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    say(f"it is {moment}, and now a mistake is made")
    # Within the second before, the row was there; after it, it is not.
    time.sleep(1)
    _sql(target, "DELETE FROM greetings RETURNING *")
    _show(target, _COPY.format(moment=moment))
    say("the copy begins once what was written is archived, which takes a minute at most")
    _show(target, f"kubectl wait {_READY} pgdb/orders-copy --timeout=300s")
    _sql(target, "SELECT * FROM greetings", pod="orders-copy-0")
    _show(target, "kubectl get pgdb")


def print_usage(target: Target, say: Say) -> None:
    """Say how the cluster is used, and ended."""
    say("done; the cluster stays up")
    print("\nTo use it:")
    if "KUBECONFIG" in target.environment:
        print(f"  export KUBECONFIG={target.environment['KUBECONFIG']}")
    print("  kubectl get pgdb --watch")
    print("  kubectl explain pgdb.spec")
    print(f"To end it:\n  {_state(target.environment)}make demo-down")


def _state(environment: Mapping[str, str]) -> str:
    """Return what a command must begin with to find the cluster: its user may be in another shell by then."""
    given = environment.get("XDG_STATE_HOME")
    return f"XDG_STATE_HOME={shlex.quote(given)} " if given else ""


def _elapsed() -> Say:
    started = time.monotonic()

    def say(message: str) -> None:
        print(f"[{time.monotonic() - started:6.1f}s] {message}", flush=True)

    return say


def _act(say: Say, title: str) -> None:
    print()
    say(title)


def _sql(target: Target, statement: str, pod: str = "orders-1") -> None:
    """Connect through the Service, from a pod that is not the primary, as the application's Secret says."""
    client = """sh -c 'psql "$(cat /etc/keddah/app/uri)" -c "$0"'"""
    quoted = statement.replace("'", "'\\''")
    _show(target, f"kubectl exec {pod} -c postgres -- {client} '{quoted}'")


def _show(target: Target, command: str, *, fails: bool = False) -> None:
    """Print a command and what it prints; raises TargetError when it ends otherwise than it should."""
    print(f"$ {command}", flush=True)
    with task(command.partition("\n")[0]):
        result = subprocess.run(
            ["bash", "-c", command],
            check=False,
            env=target.environment,
            cwd=CHECKOUT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    print("".join(f"  {line}\n" for line in result.stdout.splitlines()), flush=True)
    if (result.returncode != 0) is not fails:
        expected = "to be refused" if fails else "to succeed"
        raise TargetError(f"expected {expected}, got exit code {result.returncode}: {command}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
