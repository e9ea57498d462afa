"""What kube-score says of all that we install and make: `python -m tests.kube_score`.

All of its checks are on, the optional ones too. What it is to leave alone is in `kube_score.yaml`, with the
reason; an exception that nothing needs is a mistake as well.
"""

from __future__ import annotations

import fnmatch
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from controller.kube.kinds import CertificateMode
from deploy.local.build import KUBE_SCORE, KUBERNETES_VERSION, BuildError, binaries
from deploy.manifests import objects
from deploy.progress import to_standard_error
from tests.golden import GOLDEN

EXEMPTIONS: Final = Path(__file__).with_suffix(".yaml")
_MINOR: Final = "v" + KUBERNETES_VERSION.rpartition(".")[0]
_GOOD: Final = 10
"""The grade of what is all right: less is a warning, or critical."""


@dataclass(frozen=True)
class Finding:
    """One thing that kube-score does not like."""

    check: str
    object: str
    """Kind, name, and the container if it is about one: `StatefulSet/orders:postgres`."""
    says: str

    def __str__(self) -> str:
        """Return a line for people."""
        return f"{self.object}: {self.check}: {self.says}"


@dataclass(frozen=True)
class Exemption:
    """What is left alone: findings of one check that say so, of objects whose names fit a pattern."""

    check: str
    says: str
    objects: tuple[str, ...]
    reason: str

    def covers(self, finding: Finding) -> bool:
        """Whether the finding is meant."""
        fits = any(fnmatch.fnmatchcase(finding.object, pattern) for pattern in self.objects)
        return fits and (self.check, self.says) == (finding.check, finding.says)


def exemptions(file: Path = EXEMPTIONS) -> list[Exemption]:
    """Read the exceptions. Raises TypeError, KeyError for one that is not complete."""
    return [
        Exemption(**{**item, "objects": tuple(item["objects"])})
        for item in yaml.safe_load(file.read_text(encoding="utf-8"))
    ]


def findings(program: Path, manifests: Iterable[str]) -> list[Finding]:
    """Return what the program finds in texts of YAML, of which each is judged by itself."""
    found: dict[Finding, None] = {}
    for text in manifests:
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(text)
            file.flush()
            options = ["--all-default-optional", "--kubernetes-version", _MINOR]
            command = [str(program), "score", "--output-format", "json", *options, file.name]
            # It ends with 1 when it has found something, and with another when it could not look.
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        found |= dict.fromkeys(_read(json.loads(done.stdout)))
    return list(found)


def _read(judged: list[dict[str, Any]]) -> Iterable[Finding]:
    for item in judged:
        name = f"{item['type_meta']['kind']}/{item['object_meta']['name']}"
        for check in item["checks"]:
            if check["skipped"] or check["grade"] >= _GOOD:
                continue
            for comment in check["comments"] or [{"summary": check["check"]["comment"], "path": ""}]:
                inside = f":{comment['path']}" if comment["path"] else ""
                yield Finding(check["check"]["id"], name + inside, comment["summary"])


def mistakes(found: Sequence[Finding], known: Sequence[Exemption]) -> list[str]:
    """Return what no exception covers, and the exceptions that cover nothing, a line each."""
    new = [str(finding) for finding in found if not any(each.covers(finding) for each in known)]
    idle = [
        f"{EXEMPTIONS.name}: no {pattern} needs the exception {each.check}: {each.says}"
        for each in known
        for pattern in each.objects
        if not any(fnmatch.fnmatchcase(item.object, pattern) and each.covers(item) for item in found)
    ]
    return new + idle


def manifests() -> list[str]:
    """Return each installation, and all children of each sample, as YAML."""
    installed = [yaml.safe_dump_all(objects(mode)) for mode in CertificateMode]
    installed.append(yaml.safe_dump_all(objects(CertificateMode.CERT_MANAGER, ("shop",))))
    return installed + [file.read_text(encoding="utf-8") for file in sorted(GOLDEN.glob("*.yaml"))]


def main() -> int:
    """Print every mistake; return the exit code."""
    try:
        program = binaries(to_standard_error, bundle=KUBE_SCORE) / "kube-score"
    except BuildError as error:
        print(error, file=sys.stderr)
        return 2
    known = exemptions()
    found = findings(program, manifests())
    wrong = mistakes(found, known)
    for said in wrong:
        print(said, file=sys.stderr)
    print(f"kube-score: {len(found)} findings, {len(known)} exceptions: {len(wrong)} mistakes")
    return min(len(wrong), 1)


if __name__ == "__main__":
    sys.exit(main())
