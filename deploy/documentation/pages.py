"""Every page of docs/reference, the page that leads to them, and the pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from deploy.documentation import (
    alerts,
    board,
    commands,
    conditions,
    fields,
    images,
    metrics,
    reasons,
    recorded,
)
from deploy.documentation.pictures import screens

REFERENCE: Final = Path(__file__).parents[2] / "docs" / "reference"
PICTURES: Final = REFERENCE.parent / "pictures"
_PAGES: Final[Mapping[str, tuple[Callable[[], str], str]]] = {
    "spec.md": (fields.spec, "every field: type, default, limits, meaning"),
    "status.md": (fields.status, "every field that the controller writes"),
    "conditions.md": (conditions.conditions, "what each says while it is True"),
    "reasons.md": (reasons.page, "of conditions and events, with meaning and next step"),
    "events.md": (conditions.events, "what is told once, and when"),
    "metrics.md": (metrics.page, "of the instances, the controller and the admission server"),
    "alerts.md": (alerts.page, "severity, expression, runbook"),
    "board.md": (board.page, "the board for Grafana, and what each panel is for"),
    "commands.md": (commands.page, "the commands of the plugin and their options"),
    "images.md": (images.page, "base, versions, packages, extensions"),
}
"""What makes each, and what is in it."""
_HEAD: Final = """\
# Reference

<!-- Generated from the list of these pages by `make manifests`. -->

Generated from the code, but for the table of objects.

| page | has |
|---|---|
"""
_CHILDREN: Final = "| [What becomes of a spec](../children.md) | every object that is made of a database |\n"


def reference_files() -> dict[str, str]:
    """Return the text of every page of docs/reference by name."""
    made = {name: (make(), words) for name, (make, words) in _PAGES.items()}
    rows = (f"| [{_title(text)}]({name}) | {words} |\n" for name, (text, words) in made.items())
    index = "".join((_HEAD, *rows, _CHILDREN))
    return {"README.md": index, **{name: text for name, (text, _) in made.items()}}


def picture_files() -> dict[str, str]:
    """Return the text of every picture of docs/pictures by name."""
    return {"status.svg": screens.status(recorded.status()), **board.pictures()}


def _title(text: str) -> str:
    return next(line for line in text.splitlines() if line.startswith("# ")).removeprefix("# ")
