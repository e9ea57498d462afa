"""Rules on what pods carry, with the exact words."""

from __future__ import annotations

import pytest

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
            {"affinity": {"podaffinity": {}}},
            ["affinity.podaffinity: got {}; is not a kind of affinity; must be nodeAffinity"],
        ),
        (
            {"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone"}]},
            ["topologySpreadConstraints[0].whenUnsatisfiable: got null; is required in every constraint"],
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
    }
    assert refused(template=template) == []
