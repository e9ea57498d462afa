"""Rules on what users add to an instance's pod."""

from __future__ import annotations

import pytest

from controller.desired import names
from controller.desired.instances.pod import pod_template
from controller.protocol import settings
from schemas.admit import admit
from schemas.api.types import decode
from schemas.rules import environment, sidecars, volumes
from tests import container_parts, factory, verdicts
from tests.container_parts import Template, beside, env, mounting, volume
from tests.verdicts import refused


def test_all_that_a_pod_can_have_is_accepted() -> None:
    assert refused(template=container_parts.WHOLE) == []


@pytest.mark.parametrize(("template", "path"), [*container_parts.INVALID, *container_parts.OURS], ids=str)
def test_a_mistake_is_named_once_where_it_is(template: Template, path: str) -> None:
    (violation,) = refused(template=template)
    assert violation.startswith(f"{path}: got "), violation


def test_mistakes_of_all_parts_come_in_one_answer_with_what_to_do() -> None:
    template = {
        "env": [{"name": "PGHOST", "value": "x"}],
        "volumes": [{"name": "host", "hostPath": {"path": "/"}}],
        "volumeMounts": [{"name": "host", "mountPath": "/var/run"}],
        "sidecars": [{"name": "a", "image": "i", "ports": [{"containerPort": 5432}]}, {"image": "i"}],
    }
    kinds = "configMap, csi, downwardAPI, emptyDir, persistentVolumeClaim, projected or secret"
    hidden = "must be neither above nor below /run/postgresql, which the database needs as it is"
    name = "must be at most 63 characters of a-z, 0-9 and -, a letter or digit at both ends"
    assert [violation.removeprefix("spec.template.") for violation in refused(template=template)] == [
        f"sidecars[1].name: got nothing; {name}",
        'env[0].name: got "PGHOST"; is read by what runs in this container; choose another',
        f"volumes[0]: got []; must be one of {kinds}: Pod Security `restricted` allows no other",
        f'volumeMounts[0].mountPath: got "/var/run"; {hidden}',
        "sidecars[0].ports[0].containerPort: got 5432; is the pod's own port postgresql",
    ]


def test_what_is_keddahs_own_is_all_that_its_pods_have() -> None:
    """Of a database with everything: what a later change adds to the pod is refused to users, too."""
    s3 = {
        "bucket": "orders",
        "endpoint": "s3.example.com",
        "region": "eu",
        "caSecret": {"name": "ca", "key": "ca.crt"},
        "credentials": {"name": "s3"},
    }
    db = factory.typed_database(backup={"repository": {"s3": s3}}, restore={"from": {"name": "other"}})
    pod = pod_template(db, "image")["spec"]
    assert {each["name"] for each in pod["volumes"]} <= volumes.OWN
    assert {each["name"] for each in pod["containers"]} == sidecars.OWN
    ports = {each["containerPort"]: each["name"] for c in pod["containers"] for each in c["ports"]}
    assert ports == sidecars.OWN_PORTS
    (container,) = (each for each in pod["containers"] if each["name"] == "postgres")
    for variable in container["env"]:
        assert refused(template=env(name=variable["name"], value="x")), variable
    for mount in container["volumeMounts"]:
        assert refused(template=mounting(mount["mountPath"])), mount
    for directory in (settings.RUN_DIRECTORY, settings.SETTINGS_FILE, "/usr/lib/postgresql/17/bin"):
        assert refused(template=mounting(directory)), directory
    for name in (names.keys_secret, names.superuser_secret, names.replication_secret):
        assert name("orders").removeprefix("orders-") in environment.INTERNAL_SECRETS
        assert refused(template=volume(secret={"secretName": name("orders")}))
    for claim in (names.claim("orders", 3), names.repository_claim("orders")):
        assert refused(template=volume(persistentVolumeClaim={"claimName": claim})), claim


def test_a_part_that_was_stored_with_a_mistake_stays_and_a_new_one_is_refused() -> None:
    stored = factory.complete_database(template=env(name="PGHOST", value="x"))
    changed = factory.complete_database(template={**env(name="PGHOST", value="x"), **beside(name="backup")})
    verdict = admit(changed, stored, policy=factory.policy(), now=verdicts.NOW)
    assert [each.path for each in verdict.violations] == ["spec.template.sidecars[0].name"]


def test_what_can_hurt_is_warned_of() -> None:
    template = {**volume(emptyDir={}), **beside(readinessProbe={"tcpSocket": {"port": 1}})}
    verdict = admit(factory.database(template=template), policy=factory.policy(), now=verdicts.NOW)
    assert [text for text in verdict.warnings if text.startswith("spec.template")] == [
        "spec.template.volumes[0].emptyDir: without sizeLimit it can fill the node's disk, which evicts pods",
        "spec.template.sidecars[0].readinessProbe: while it fails, orders-ro leaves the instance out",
    ]


def test_a_sidecar_is_confined_and_gets_no_token_unless_it_brings_one() -> None:
    db = decode(factory.complete_database(template=container_parts.WHOLE))
    first, second = pod_template(db, "image")["spec"]["initContainers"]
    assert first["restartPolicy"] == second["restartPolicy"] == "Always"
    assert second["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert first["securityContext"] == second["securityContext"] | {
        "readOnlyRootFilesystem": False,
        "runAsGroup": 0,
        "runAsUser": 65534,
    }
    token = {"name": "no-token", "mountPath": volumes.TOKEN_DIRECTORY, "readOnly": True}
    assert first["volumeMounts"] == [{"name": "d", "mountPath": "/tmp"}, token]  # noqa: S108
    assert token not in second["volumeMounts"]


def test_no_variable_of_a_user_can_refer_to_keddahs_own() -> None:
    db = decode(factory.complete_database(template=env(name="A", value="$(PATRONI_SUPERUSER_PASSWORD)")))
    (container, *_) = pod_template(db, "image")["spec"]["containers"]
    assert [each["name"] for each in container["env"]].index("A") == 0
