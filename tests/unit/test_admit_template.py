"""Rules on what pods carry, with the exact words."""

from __future__ import annotations

import pytest

from controller.protocol import member
from schemas.rules import placement
from tests import pod_templates
from tests.verdicts import refused

OWN = "has a key that the operator itself sets; choose another"


@pytest.mark.parametrize(
    ("template", "messages"),
    [
        ({"labels": {"keddah.dev/role": "primary"}}, [f'labels["keddah.dev/role"]: got "primary"; {OWN}']),
        ({"labels": {"x.keddah.dev/y": ""}}, [f'labels["x.keddah.dev/y"]: got ""; {OWN}']),
        (
            {"labels": {"app.kubernetes.io/name": "x"}},
            [f'labels["app.kubernetes.io/name"]: got "x"; {OWN}'],
        ),
        ({"annotations": {"status": "x"}}, [f'annotations.status: got "x"; {OWN}']),
        (
            {"serviceAccount": {"annotations": {"keddah.dev/x": "y", "a b": "c"}}},
            [
                f'serviceAccount.annotations["keddah.dev/x"]: got "y"; {OWN}',
                'serviceAccount.annotations["a b"]: got "c"; has an invalid key; must be NAME or',
            ],
        ),
        (
            {"serviceAccount": {"annotations": {"kubernetes.io/enforce-mountable-secrets": "true"}}},
            [f'serviceAccount.annotations["kubernetes.io/enforce-mountable-secrets"]: got "true"; {OWN}'],
        ),
        ({"labels": {"a b": "c"}}, ['labels["a b"]: got "c"; has an invalid key; must be NAME or']),
        (
            {"labels": {"a": "ä"}},
            ['labels.a: got "ä"; must be at most 63 letters, digits, - _ and ., a letter'],
        ),
        ({"nodeSelector": {"/": "x"}}, ['nodeSelector["/"]: got "x"; has an invalid key']),
        (
            {"tolerations": [{"operator": "Is"}]},
            ['tolerations[0].operator: got "Is"; must be Equal or Exists'],
        ),
        (
            {"tolerations": [{}, {"operator": "Exists", "effect": "Never"}]},
            [
                "tolerations[0].key: got null; must be a taint's key, unless operator is Exists",
                'tolerations[1].effect: got "Never"; must be NoSchedule, PreferNoSchedule or NoExecute',
            ],
        ),
        ({"tolerations": ["x"]}, ['tolerations[0]: got "x"; must be a mapping of names to values']),
        (
            {"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone"}]},
            ["topologySpreadConstraints[0].whenUnsatisfiable: got nothing; must be DoNotSchedule or Sched"],
        ),
        (
            {"affinity": {"podAntiAffinity": {pod_templates.REQUIRED: [{"labelSelector": {}}]}}},
            [f"{pod_templates.APART.removeprefix('spec.template.')}.topologyKey: got nothing; must be a key"],
        ),
    ],
)
def test_templates_that_no_pod_could_carry_are_refused(template: object, messages: list[str]) -> None:
    found = refused(template=template)
    assert len(found) == len(messages), found
    for violation, message in zip(found, messages, strict=True):
        assert violation.startswith(f"spec.template.{message}")


def test_a_template_as_in_any_pod_is_accepted() -> None:
    template = {
        "labels": {"team": "shop", "app.kubernetes.io/part-of": "shop", "empty": ""},
        "annotations": {"example.com/note": "Anything: at all, ä"},
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [
            {"key": "db", "operator": "Exists"},
            {"key": "a", "value": "b", "effect": "NoExecute"},
        ],
        "affinity": {"nodeAffinity": {}},
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
        ],
        "priorityClassName": "high",
        "serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/orders"}},
    }
    assert refused(template=template) == []


@pytest.mark.parametrize("spec", pod_templates.VALID, ids=str)
def test_what_a_pod_can_have_is_accepted(spec: pod_templates.Spec) -> None:
    assert refused(**spec) == []


@pytest.mark.parametrize(("spec", "path"), [*pod_templates.INVALID, *pod_templates.IN_VAIN], ids=str)
def test_a_mistake_in_a_pods_part_is_named_once_where_it_is(spec: pod_templates.Spec, path: str) -> None:
    (violation,) = refused(**spec)
    assert violation.startswith(f"{path}: got ")


def test_mistakes_of_all_parts_come_in_one_answer() -> None:
    template = {
        "labels": {"a b": "c"},
        "tolerations": [{"operator": 5}, {"key": "a", "effect": "Never"}],
        "affinity": {
            "podAntiAffinity": {
                pod_templates.REQUIRED: [
                    {"labelSelector": {"matchLabels": {"app": "x y"}}},
                    {"topologyKey": "zone", "namespaces": ["Shop"]},
                ]
            }
        },
        "topologySpreadConstraints": [{"maxSkew": 0, "topologyKey": "zone"}],
    }
    assert {
        violation.split(": ")[0].removeprefix("spec.template.") for violation in refused(template=template)
    } == {
        'labels["a b"]',
        "tolerations[0].operator",
        "tolerations[1].effect",
        f"affinity.podAntiAffinity.{pod_templates.REQUIRED}[0].topologyKey",
        f"affinity.podAntiAffinity.{pod_templates.REQUIRED}[0].labelSelector.matchLabels.app",
        f"affinity.podAntiAffinity.{pod_templates.REQUIRED}[1].namespaces[0]",
        "topologySpreadConstraints[0].maxSkew",
        "topologySpreadConstraints[0].whenUnsatisfiable",
    }


def test_a_secret_that_is_named_twice_is_a_mistake() -> None:
    secrets = [{"name": "registry"}, {"name": "mirror"}, {"name": "registry"}]
    (violation,) = refused(template={"imagePullSecrets": secrets})
    assert violation == 'spec.template.imagePullSecrets[2].name: got "registry"; is there already'


def test_the_annotation_of_a_container_means_the_databases() -> None:
    assert placement.CONTAINER == member.CONTAINER
