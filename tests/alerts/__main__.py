"""The rules and what they do, by promtool: `python -m tests.alerts`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from deploy.generate.document import documents
from deploy.generate.monitoring.alerts import ALERTS
from deploy.generate.monitoring.rules import duration
from deploy.local.prometheus import PrometheusError, prometheus
from deploy.manifests import MONITORING
from deploy.progress import to_standard_error
from tests.alerts.case import form
from tests.alerts.cases import CASES

RULES = MONITORING / "rules.yaml"


def main() -> int:
    """Print what is wrong; 0 when every alert does what its test says."""
    try:
        promtool = prometheus(to_standard_error) / "promtool"
    except PrometheusError as error:
        print(error, file=sys.stderr)
        return 1
    alerts = {alert.name: alert for alert in ALERTS}
    with tempfile.TemporaryDirectory() as folder:
        files = []
        # Rules are looked at as often as there is a sample: tests of the same step share a file.
        for step in sorted({case.step for case in CASES}):
            tests = [form(case, alerts[case.alert]) for case in CASES if case.step == step]
            body = {"rule_files": [str(RULES)], "evaluation_interval": duration(step), "tests": tests}
            files.append(Path(folder) / f"{duration(step)}.yaml")
            files[-1].write_text(documents([body]), encoding="utf-8")
        checks: list[list[str | Path]] = [
            ["check", "rules", "--lint-fatal", RULES],
            ["test", "rules", *files],
        ]
        done = [
            subprocess.run([promtool, *check], check=False, capture_output=True, text=True)
            for check in checks
        ]
    for each in done:
        if each.returncode:
            print(each.stdout, each.stderr, sep="", file=sys.stderr)
    print(f"promtool: {len(ALERTS)} alerts, {len(CASES)} stories")
    return max(each.returncode for each in done)


if __name__ == "__main__":
    sys.exit(main())
