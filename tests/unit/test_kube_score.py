"""What becomes of kube-score's findings; the program itself runs in `make verify`."""

from __future__ import annotations

from tests.kube_score import Exemption, Finding, exemptions, mistakes

FOUND = Finding("pod-probes", "StatefulSet/orders-repository", "Container is missing a livenessProbe")
KNOWN = Exemption(FOUND.check, FOUND.says, ("StatefulSet/*-repository",), "why")


def test_a_finding_without_an_exemption_is_a_mistake() -> None:
    assert mistakes([FOUND], [KNOWN]) == []
    other = Finding(FOUND.check, "StatefulSet/orders", FOUND.says)
    assert mistakes([FOUND, other], [KNOWN]) == [str(other)]
    assert mistakes([Finding(FOUND.check, FOUND.object, "something else")], [KNOWN])[0].endswith("else")


def test_an_exemption_that_nothing_needs_is_a_mistake() -> None:
    assert "StatefulSet/*-repository" in mistakes([], [KNOWN])[0]


def test_every_exemption_has_a_reason_and_none_is_for_all_objects() -> None:
    assert all(each.reason and each.says for each in exemptions())
    assert not [pattern for each in exemptions() for pattern in each.objects if pattern in {"*", "*/*"}]
