"""Custom queries in the status: whether all of them are answered."""

from __future__ import annotations

from typing import Final

from controller.desired.instances import exporter
from controller.report.finding import Finding, StatusComponent, Subject

KIND: Final = "Monitored"


def _findings(subject: Subject) -> list[Finding]:
    db, observed = subject.db, subject.observed
    declared = exporter.settings(db)
    if not declared.enabled or not declared.queries or db.spec.hibernated:
        return []
    failing = {each.name: each.queries for each in observed.instances if each.queries}
    if failing:
        name, words = min(failing.items())
        return [Finding(KIND, False, "QueriesFailing", f"{name}: {words}")]
    if not any(each.ready for each in observed.instances):
        return [Finding(KIND, None, "NotReported", "No instance answers")]
    wanted = frozenset(exporter.arguments(db))
    if late := [each.name for each in observed.instances if each.asks != wanted]:
        words = f"the pods that have these queries are still to come: {', '.join(late)}"
        return [Finding(KIND, None, "NotReported", words)]
    return [Finding(KIND, True, "QueriesAnswered", "All of monitoring.queries are answered")]


MONITORING: Final = StatusComponent(_findings)
