"""Debian's docker-registry in the engine's namespace: without TLS, and with one user."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Final

import yaml

from deploy.local.processes import Program, run, wait_until
from tests.docker.engine import REGISTRY
from tests.docker.packages import programs

if TYPE_CHECKING:
    from tests.docker.engine import Engine

USER: Final = "puller"
PASSWORD: Final = "pulled-by-tests"
_HASH: Final = "$2b$05$ZMgduqgaxqJgYBFezcJrKu.U6pb4Ph1KKqdh9GdKZ4A19xzVjVlXu"
"""Of the password (bcrypt, the one that the registry knows)."""
_START_SECONDS: Final = 20.0


def up(engine: Engine) -> None:
    """Start it, empty, unless it runs, and have the engine's client know the password."""
    folder = engine.folder / "registry"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "users").write_text(f"{USER}:{_HASH}\n")
    configuration = {
        "version": "0.1",
        "log": {"accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": f"{folder}/storage"}},
        "http": {"addr": REGISTRY},
        "auth": {"htpasswd": {"realm": "tests", "path": f"{folder}/users"}},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(configuration))
    command = (str(programs() / "docker-registry"), "serve", f"{folder}/config.yaml")
    engine.start(Program("registry", command))
    tail = engine.processes().tail
    wait_until(_answers, f"the registry, {tail('registry')}", _START_SECONDS)
    login = ("login", "--username", USER, "--password-stdin", REGISTRY)
    client = (programs() / "docker", "--config", engine.folder / "client")
    run(*client, "--host", f"unix://{engine.socket}", *login, text=PASSWORD)


def hosts() -> str:
    """Return what a containerd has to be told of it, in the hosts.toml of its name."""
    return f'server = "http://{REGISTRY}"\n[host."http://{REGISTRY}"]\ncapabilities = ["pull", "resolve"]\n'


def pull_secret(name: str, namespace: str) -> str:
    """Return the Secret with which its images are pulled, as JSON."""
    entry = {"auths": {REGISTRY: {"username": USER, "password": PASSWORD}}}
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": json.dumps(entry)},
    }
    return json.dumps(body)


def _answers() -> bool:
    host, _, port = REGISTRY.partition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True
