"""`python -m tests.fuzz.guided TARGET FOLDER SECONDS`: one target under atheris, in a process of its own.

libFuzzer ends the process that it runs in. Faults do not end it: the first input of each place is kept in
FOLDER/faults, what reaches new code in FOLDER/corpus, and what it came to in FOLDER/TARGET.json.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
import time
import traceback
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["schemas", "webhooks"]):
    from tests.fuzz import mutation, seeds, targets

_JSON_FIRST = {"review": 0.85, "linter": 0.3, "parsers": 0.0}
"""How often a document is changed as JSON and not as bytes."""
_REPORT_SECONDS = 10.0


class _Run:
    """One run of a target."""

    def __init__(self, name: str, folder: Path) -> None:
        self._name = name
        self._target = targets.TARGETS[name]
        self._folder = folder
        self._began = time.monotonic()
        self._reported = 0.0
        self.executions = 0
        self.slowest = 0.0
        self.faults: dict[str, str] = {}

    def once(self, content: bytes) -> None:
        """Try an input; keep it if it is a fault of a place that had none."""
        self.executions += 1
        try:
            self.slowest = max(self.slowest, targets.timely(self._target, content))
        except Exception as error:  # noqa: BLE001  whatever it is, it is what is looked for
            self._keep(error, content)
        if time.monotonic() > self._reported + _REPORT_SECONDS:
            self._report()

    def mutator(self, content: bytes, most: int, seed: int) -> bytes:
        """Change an input, as libFuzzer asks for."""
        chance = random.Random(seed)  # noqa: S311
        if chance.random() >= _JSON_FIRST[self._name]:
            return bytes(atheris.Mutate(content, most))
        return mutation.mutated(content, chance, lambda text: bytes(atheris.Mutate(text, 400)))[:most]

    def _keep(self, error: Exception, content: bytes) -> None:
        frames = traceback.extract_tb(error.__traceback__)
        place = f"{type(error).__name__} at {Path(frames[-1].filename).name}:{frames[-1].lineno}"
        if place in self.faults:
            return
        self.faults[place] = str(error)[:300]
        name = f"{self._name}-{hashlib.sha256(place.encode()).hexdigest()[:12]}"
        (self._folder / "faults" / name).write_bytes(content)
        (self._folder / "faults" / f"{name}.txt").write_text(
            f"{place}\n{''.join(traceback.format_exception(error))}", errors="replace"
        )
        self._report()

    def _report(self) -> None:
        self._reported = time.monotonic()
        report = {
            "target": self._name,
            "executions": self.executions,
            "minutes": round((self._reported - self._began) / 60, 1),
            "slowest_seconds": round(self.slowest, 3),
            "faults": self.faults,
        }
        (self._folder / f"{self._name}.json").write_text(json.dumps(report, indent=1))


def main(name: str, folder: Path, seconds: int) -> None:
    """Begin with the seeds and what earlier runs kept; never returns."""
    corpus, words = folder / "corpus" / name, folder / "words"
    for made in (corpus, folder / "faults"):
        made.mkdir(parents=True, exist_ok=True)
    for seed in seeds.seeds(name):
        (corpus / hashlib.sha256(seed).hexdigest()[:20]).write_bytes(seed)
    words.write_text(seeds.dictionary())
    run = _Run(name, folder)
    limits = (
        f"-max_total_time={seconds}",
        f"-max_len={targets.LARGEST}",
        "-timeout=120",
        "-rss_limit_mb=3000",
    )
    arguments = [sys.argv[0], *limits, f"-dict={words}", f"-artifact_prefix={folder}/faults/", str(corpus)]
    atheris.Setup(arguments, run.once, custom_mutator=run.mutator)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
