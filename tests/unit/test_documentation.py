"""Pages of docs/ are reachable, read the same on GitHub and on the site, and their examples are right."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from kubectl_pgdb.__main__ import main
from schemas.admit import admit
from schemas.api.types import API_VERSION
from schemas.crd import openapi
from schemas.lint.files import default_policy
from schemas.policy import defaults
from schemas.reasons import REASONS
from tests.site import mistakes

TOP = Path(__file__).parents[2]
DOCS = TOP / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
OTHERS = (TOP / "README.md", TOP / "CONTRIBUTING.md")
TEXTS = {str(path.relative_to(TOP)): path.read_text(encoding="utf-8") for path in (*PAGES, *OTHERS)}
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BEGINS = re.compile(r"[-*] |\d+\. |\|")
COMMAND = re.compile(r"kubectl pgdb ([a-z][^`\n|#;()]*)")
OURS = re.compile(r"`((?:controller|deploy|docs|kubectl_pgdb|requirements|schemas|tests|webhooks)/[\w./-]+)`")
MODULE = re.compile(r"python -m ((?:controller|deploy|schemas|tests)[a-z_.]*)")
TARGET = re.compile(r"(?:^|`)make ([a-z-]+)", re.MULTILINE)
FIELD = re.compile(r"(?<![\w./])spec(?:\.(?!md\b)[a-zA-Z][a-zA-Z0-9]*)+(?!\.md)")
NOW = datetime(2027, 1, 1, tzinfo=UTC)


def blocks(language: str) -> Iterator[tuple[str, str]]:
    for page, text in TEXTS.items():
        yield from ((page, body) for found, body in BLOCK.findall(text) if found == language)


def test_every_page_is_in_the_navigation_once() -> None:
    navigation = (TOP / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    assert sorted(re.findall(r"[\w/-]+\.md", navigation)) == [str(path.relative_to(DOCS)) for path in PAGES]


@pytest.mark.parametrize("page", TEXTS)
def test_lists_and_tables_stand_alone(page: str) -> None:
    """GitHub begins one below a line of text; Python-Markdown takes it for more of that text."""
    lines = BLOCK.sub("", TEXTS[page]).splitlines()
    for before, line in pairwise(lines):
        if BEGINS.match(line) and before.strip() and before[0] not in "# ":
            assert BEGINS.match(before), f"an empty line before {line!r}"


def specs() -> Iterator[tuple[str, dict[str, Any]]]:
    """Give every database that a page shows, whole or its spec alone, with the page's name."""
    for page, body in blocks("yaml"):
        for shown in yaml.safe_load_all(body):
            kind = shown.get("kind", "PostgreSQLDatabase")
            if kind == "PostgreSQLDatabase" and "spec" in shown and "containers" not in shown["spec"]:
                metadata = {"name": "orders", "namespace": "shop"} | shown.get("metadata", {})
                yield page, {"apiVersion": API_VERSION, "kind": kind, **shown, "metadata": metadata}


def test_what_pages_show_of_a_spec_is_accepted() -> None:
    policy = default_policy()
    for page, manifest in specs():
        verdict = admit(defaults.completed(manifest, policy), None, policy=policy, now=NOW)
        assert [str(each) for each in verdict.violations] == [], (page, manifest)
    assert len(list(specs())) > 10


def test_every_command_of_the_plugin_that_a_page_shows_exists() -> None:
    shown = [(page, words.split()) for page, text in TEXTS.items() for words in COMMAND.findall(text)]
    for page, words in shown:
        command = main.get_command(click.Context(main), words[0])
        assert command is not None, (page, words)
        known = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
        own = " ".join(words).partition(" -- ")[0].split()
        used = {word.partition("=")[0] for word in own if re.match(r"--?[a-z]", word)}
        assert used <= known | {"-f"}, (page, words)
    assert len(shown) > 30


def _is_field(path: str) -> bool:
    schema: Any = openapi.working_schema()["properties"]["spec"]
    for part in path.split(".")[1:]:
        while schema.get("type") == "array":
            schema = schema["items"]
        others = schema.get("additionalProperties")
        schema = schema.get("properties", {}).get(part) or (others if isinstance(others, dict) else None)
        if schema is None:
            return False
    return True


def test_every_field_that_a_page_or_a_reason_names_exists() -> None:
    """Whoever is told to correct a field looks for it."""
    advice = {name: f"{reason.meaning} {reason.next}" for name, reason in REASONS.items()}
    shown = [(page, path) for page, text in (TEXTS | advice).items() for path in FIELD.findall(text)]
    assert [each for each in shown if not _is_field(each[1])] == []
    assert len(shown) > 100


def test_files_modules_and_targets_that_pages_name_are_there() -> None:
    makefile = (TOP / "Makefile").read_text(encoding="utf-8")
    targets = " ".join(re.findall(r"^([a-z][a-z0-9 -]*):", makefile, re.MULTILINE)).split()
    for page, text in TEXTS.items():
        for name in OURS.findall(text):
            assert (TOP / name).exists(), (page, name)
        for name in MODULE.findall(text):
            module = TOP / name.replace(".", "/")
            assert module.with_suffix(".py").is_file() or (module / "__main__.py").is_file(), (page, name)
        assert {*TARGET.findall(text)} <= {*targets}, page


PAGE = "<html><body><h1 id=here>T</h1>{}</body></html>"


@pytest.mark.parametrize(
    ("inside", "told"),
    [
        ('<a href="#here">.</a><a href="https://example.com/">.</a><img src="a.svg">', []),
        ('<script src="https://example.com/x.js"></script>', ["index.html loads https://example.com/x.js"]),
        ('<link rel="stylesheet" href="//example.com/x.css">', ["index.html loads //example.com/x.css"]),
        ('<a href="other.html">.</a>', ["index.html leads to other.html, which is not there"]),
        ('<img src="b.svg">', ["index.html leads to b.svg, which is not there"]),
        (
            '<a href="index.html#gone">.</a>',
            ["index.html leads to index.html#gone, where there is no such anchor"],
        ),
    ],
)
def test_a_site_that_loads_from_elsewhere_or_leads_nowhere_is_told(
    tmp_path: Path, inside: str, told: list[str]
) -> None:
    (tmp_path / "index.html").write_text(PAGE.format(inside))
    (tmp_path / "a.svg").write_text("<svg/>")
    assert mistakes(tmp_path) == told


def test_alerts_that_lead_nowhere_are_told(tmp_path: Path) -> None:
    (tmp_path / "runbooks.html").write_text(PAGE.format('<h3 id="keddahnoprimary">.</h3>'))
    assert mistakes(tmp_path, ["./runbooks.html#keddahnoprimary"]) == []
    assert mistakes(tmp_path, ["./runbooks.html#gone"]) == [
        "elsewhere leads to ./runbooks.html#gone, where there is no such anchor"
    ]


def test_styles_load_nothing_from_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(PAGE.format(""))
    (tmp_path / "x.css").write_text('@font-face{src:url("https://example.com/f.woff")} a{b:url(data:x)}')
    assert mistakes(tmp_path) == ["x.css loads https://example.com/f.woff"]
