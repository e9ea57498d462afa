"""The tables of alerts and pictures say nothing that cannot be, and nothing is missing beside them."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.generate import chart_monitoring
from deploy.generate.monitoring import dashboard
from deploy.generate.monitoring.alert import Severity
from deploy.generate.monitoring.alerts import ALERTS, GROUPS
from deploy.generate.monitoring.board import ROWS
from deploy.generate.monitoring.rules import duration, rules
from deploy.generate.monitoring.scraping import TARGETS, pod_monitors, scrape_configs
from deploy.generate.monitoring.series import (
    DATABASES_JOB,
    KEDDAH_JOB,
    UnknownSeriesError,
    instance,
    keddah,
    of_instances,
    of_keddah,
)
from deploy.manifests import (
    CHART_FILES,
    MONITORING,
    differences,
    monitoring_files,
    objects,
    overlay_files,
)
from tests.alerts.cases import CASES
from tests.golden import GOLDEN

RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks.md"
SECTION = re.compile(r"^### (Keddah\w+)\n\*(critical|warning), ", re.MULTILINE)
QUOTED = re.compile(r'"[^"]*"|\[[^]]*\]')
WORD = re.compile(r"[a-z_][a-z_0-9]*")
WORDS_OF_PROMQL = {
    *("absent", "and", "bool", "by", "changes", "count", "group_left", "histogram_quantile", "increase"),
    *(
        "max",
        "min",
        "on",
        "or",
        "predict_linear",
        "rate",
        "sum",
        "time",
        "topk",
        "unless",
        "clamp_min",
        "deriv",
    ),
}
EXPRESSIONS = {alert.name: alert.expression for alert in ALERTS} | {
    f"{panel.title}: {query.legend}": query.expression
    for row in ROWS
    for panel in row.panels
    for query in panel.queries
}


def test_what_is_committed_is_what_the_code_says() -> None:
    assert differences(MONITORING, monitoring_files()) == []
    assert differences(CHART_FILES, chart_monitoring.files()) == []


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    sections = SECTION.findall(RUNBOOKS.read_text(encoding="utf-8"))
    assert sections == [(alert.name, str(alert.severity)) for alert in ALERTS]
    assert all(alert.runbook() == f"docs/runbooks.md#{alert.name.lower()}" for alert in ALERTS)


def test_every_alert_has_a_story_in_which_it_fires_and_goes_again() -> None:
    assert {case.alert for case in CASES} == {alert.name for alert in ALERTS}
    for case in CASES:
        assert any(at < case.fires for at in case.quiet), case.alert
    over = {case.alert for case in CASES if any(at > case.fires for at in case.quiet)}
    assert over == {alert.name for alert in ALERTS}


def test_every_alert_says_in_a_line_what_is_wrong_and_then_what_to_do() -> None:
    assert [name for name, times in Counter(alert.name for alert in ALERTS).items() if times > 1] == []
    for alert in ALERTS:
        assert re.fullmatch(r"Keddah([A-Z][a-z]+|WAL)+", alert.name)
        assert "\n" not in alert.summary
        assert len(alert.summary) < 160, alert.name
        assert "kubectl" in alert.next, alert.name
        assert alert.severity in Severity


def test_of_what_nobody_exports_no_expression_can_be_written() -> None:
    for lookup in (keddah, instance):
        with pytest.raises(UnknownSeriesError, match="nothing exports keddah_queue_length"):
            lookup("keddah_queue_length")
    with pytest.raises(UnknownSeriesError, match="keddah_queue_depth has no label database"):
        keddah("keddah_queue_depth")(database="orders")
    assert keddah("keddah_reconciles_total")(result="failed") == 'keddah_reconciles_total{result="failed"}'
    assert str(instance("pg_up")) == 'pg_up{job=~"(.+/)?keddah-databases"}'


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_every_word_of_an_expression_is_known(name: str) -> None:
    """Find names and labels that were written by hand, past the look-up."""
    words = {*WORD.findall(QUOTED.sub("", EXPRESSIONS[name]))}
    every = {**of_keddah(), **of_instances()}
    used = [*(each[word] for word in words for each in (of_keddah(), of_instances()) if word in each)]
    assert used
    labels = {label for series in used for label in series.labels}
    assert words - WORDS_OF_PROMQL - every.keys() - labels == set()


def test_names_that_others_use_too_are_asked_of_keddahs_jobs_only() -> None:
    for name, expression in EXPRESSIONS.items():
        for found in re.finditer(r"\b((?:pg|process)_\w+|up)\b(.{0,7})", expression):
            assert found[2].startswith('{job=~"'), (name, found[0])
    pattern = re.compile(r"(.+/)?keddah")
    assert [bool(pattern.fullmatch(job)) for job in ("keddah", "team/keddah", "my-keddah")] == [1, 1, 0]
    assert [target.name for target in TARGETS] == [KEDDAH_JOB, DATABASES_JOB]


def test_alerts_wait_as_long_as_their_table_says_and_less_where_a_test_asks() -> None:
    waits = {rule["alert"]: rule.get("for") for group in rules()["groups"] for rule in group["rules"]}
    assert (waits["KeddahNoPrimary"], waits["KeddahRestarting"]) == ("2m", None)
    quick = {rule["alert"]: rule.get("for") for group in rules(0.01)["groups"] for rule in group["rules"]}
    assert (quick["KeddahNoPrimary"], quick["KeddahNotBackedUp"]) == ("1s", "36s")
    assert [duration(timedelta(seconds=s)) for s in (1, 90, 120, 7200)] == ["1s", "90s", "2m", "2h"]
    assert [group["name"] for group in rules()["groups"]] == [group.name for group in GROUPS]


def test_what_is_scraped_are_pods_with_that_port() -> None:
    ports = {
        port["name"]: item["spec"]["template"]["metadata"]["labels"]
        for item in objects()
        if item["kind"] == "Deployment"
        for container in item["spec"]["template"]["spec"]["containers"]
        for port in container["ports"]
    }
    own, databases = TARGETS
    assert own.selector.items() <= ports[own.port].items()
    [golden] = sorted(GOLDEN.glob("*.yaml"))[:1]
    items = [item for item in yaml.safe_load_all(golden.read_text(encoding="utf-8")) if item]
    [pod] = [
        item["spec"]["template"]
        for item in items
        if item["kind"] == "StatefulSet"
        and databases.selector.items() <= item["spec"]["template"]["metadata"]["labels"].items()
    ]
    assert {*databases.labels.values()} <= pod["metadata"]["labels"].keys()
    named = [port["name"] for each in pod["spec"]["containers"] for port in each.get("ports", [])]
    assert named.count(databases.port) == 1


def test_in_some_namespaces_databases_are_looked_for_in_these_only() -> None:
    _, databases = pod_monitors(("shop",))
    assert databases["spec"]["namespaceSelector"] == {"matchNames": ["shop"]}
    assert pod_monitors()[1]["spec"]["namespaceSelector"] == {"any": True}
    own, databases = scrape_configs(("shop",))["scrape_configs"]
    for job, namespace in ((own, "keddah-system"), (databases, "shop")):
        assert job["kubernetes_sd_configs"][0]["namespaces"] == {"names": [namespace]}
        assert job["honor_labels"] is True


def test_the_installation_has_it_where_somebody_asks(tmp_path: Path) -> None:
    def listed(**more: Any) -> list[str]:  # noqa: ANN401
        files = overlay_files(tmp_path / "build", registry="r.example", tag="7", **more)
        names: list[str] = yaml.safe_load(files["kustomization.yaml"])["resources"]
        return [*names, *re.findall(r"^kind: (\w+)", "".join(files.values()), re.MULTILINE)]

    assert not any("monitoring" in name for name in listed())
    assert any(name.endswith("deploy/monitoring") for name in listed(monitored=True))
    assert not any("docs.example" in name for name in listed(monitored=True))
    served = listed(monitored=True, docs="https://docs.example/keddah/")
    assert {"monitoring.yaml", "PrometheusRule", "PodMonitor", "ConfigMap"} <= {*served}
    assert not any(name.endswith("deploy/monitoring") for name in served)
    within = listed(certificates="cert-manager", namespaces=("shop",), monitored=True)
    assert {"PodMonitor", "PrometheusRule"} <= {*within}


def test_the_board_has_each_picture_once_and_none_over_another() -> None:
    board = json.loads(dashboard.text())
    panels = board["panels"]
    assert [panel["title"] for panel in panels if panel["type"] == "row"] == [row.title for row in ROWS]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = Counter(
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    )
    assert max(taken.values()) == 1
    assert max(x for x, _ in taken) == 23
    assert [variable["name"] for variable in board["templating"]["list"]] == [
        "datasource",
        "namespace",
        "database",
    ]
