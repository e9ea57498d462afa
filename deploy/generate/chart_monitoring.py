"""The chart's template of what Prometheus and Grafana are told.

Alerts and the board have braces of their own, which Helm would take for its own: they are files of the chart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from controller.kube.objects import Manifest
from deploy.generate import chart
from deploy.generate.chart_values import DOCS, MONITORING
from deploy.generate.document import GENERATED, documents
from deploy.generate.monitoring import dashboard, rules
from deploy.generate.monitoring.alert import RUNBOOKS, runbooks
from deploy.generate.objects import NAMESPACE

_RULES: Final = "rules.yaml"
_WHERE: Final = "THE-NAMESPACE-OF-KEDDAH"
"""Of the release, in the files, where no template expression can stand."""
_ALL: Final = "    any: true\n"
_CHOSEN: Final = f"""\
    {{{{- with $.Values.watchedNamespaces }}}}
    matchNames: {{{{ toJson . }}}}
    {{{{- else }}}}
{_ALL}    {{{{- end }}}}
"""
_SITE: Final = f'$.Values.monitoring.{DOCS} | trimSuffix "/"'
_RUNBOOKS: Final = (
    f'{{{{- $runbooks := "{RUNBOOKS}" }}}}\n'
    f"{{{{- if $.Values.monitoring.{DOCS} }}}}\n"
    f'{{{{- $runbooks = printf "{runbooks("%s")}" ({_SITE}) }}}}\n'
    "{{- end }}\n"
)


def template(monitors: Sequence[Manifest], alerts: Sequence[Manifest], boards: Sequence[Manifest]) -> str:
    """Return the template of each, for where the value of its name is true."""
    scraped, alerting, board = MONITORING
    key = dashboard.KEY
    own = f'replace "{_WHERE}" $.Release.Namespace | replace "{RUNBOOKS}" $runbooks | '
    parts = (
        chart.optional(f"monitoring.{scraped}", monitors).replace(_ALL, _CHOSEN),
        _RUNBOOKS,
        _from_file(
            chart.optional(f"monitoring.{alerting}", _without(alerts, "spec")), "spec:", _RULES, own, 2
        ),
        _from_file(
            chart.optional(f"monitoring.{board}", _without(boards, "data")), f"data:\n  {key}: |", key, "", 4
        ),
    )
    return GENERATED + "".join(parts)


def files() -> dict[str, str]:
    """Return the files that the template takes as they are."""
    alerts = documents([rules.rules()]).replace(NAMESPACE, _WHERE)
    return {_RULES: GENERATED + alerts, dashboard.KEY: dashboard.text()}


def _without(objects: Sequence[Manifest], field: str) -> list[Manifest]:
    return [{key: value for key, value in each.items() if key != field} for each in objects]


def _from_file(text: str, begin: str, file: str, changed: str, indentation: int) -> str:
    """Return the template of one object with the text of a file of the chart at its end."""
    end = "{{- end }}\n"
    given = f'{{{{- $.Files.Get "files/{file}" | {changed}nindent {indentation} }}}}\n'
    return f"{text.removesuffix(end)}{begin}\n{' ' * indentation}{given}{end}"
