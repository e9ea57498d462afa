"""Looks at the built site as a browser would: nothing is loaded from elsewhere, nothing leads nowhere.

mkdocs has checked what is written in Markdown; this is about what themes, templates and alerts add.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from deploy.generate.monitoring.alerts import ALERTS

_LOADS: Final = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
"""By a browser, unasked; `link` has a few relations that load nothing."""
_NOTHING_LOADED: Final = frozenset({"canonical", "next", "prev", "alternate"})
_OF_STYLES: Final = re.compile(r"""(?:url\(\s*["']?|@import\s+["']|href=["'])((?:https?:)?//[^)"']+)""")
"""What styles load, and pictures."""
_ABSENT: Final = "404.html"
"""A server shows it at any address, so its links are absolute."""


class _Page(HTMLParser):
    """What a page loads, where it leads, and which anchors it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag in _LOADS and not _NOTHING_LOADED & {*given.get("rel", "").split()}:
            self.loaded.append(given.get(_LOADS[tag], ""))


def mistakes(site: Path, leading: Iterable[str] = ()) -> list[str]:
    """Return what is wrong with a site, one line each; `leading` to it are links that others have."""
    pages = {
        path: _Page(path.read_text(encoding="utf-8"))
        for path in sorted(site.rglob("*.html"))
        if path.name != _ABSENT
    }
    if not pages:
        return [f"{site} has no page"]
    others = _Page("")
    others.links += leading
    return [*_of_pages(site, {**pages, site / "elsewhere": others}), *_of_styles(site)]


def _of_pages(site: Path, pages: dict[Path, _Page]) -> Iterator[str]:
    for path, page in pages.items():
        name = path.relative_to(site)
        yield from (f"{name} loads {each}" for each in page.loaded if _foreign(each))
        for link in [*page.links, *page.loaded]:
            if urlsplit(link).scheme or _foreign(link):
                continue
            where, _, anchor = link.partition("#")
            target = (path.parent / unquote(where.partition("?")[0])).resolve() if where else path.resolve()
            if not target.is_file():
                yield f"{name} leads to {link}, which is not there"
            elif anchor and target in pages and unquote(anchor) not in pages[target].anchors | {"__top"}:
                yield f"{name} leads to {link}, where there is no such anchor"


def _of_styles(site: Path) -> Iterator[str]:
    for path in sorted((*site.rglob("*.css"), *site.rglob("*.svg"))):
        for found in _OF_STYLES.findall(path.read_text(encoding="utf-8")):
            yield f"{path.relative_to(site)} loads {found}"


def _foreign(address: str) -> bool:
    return address.startswith("//") or urlsplit(address).scheme in ("http", "https")


def main(arguments: list[str]) -> int:
    """Print what is wrong; 1 if anything is."""
    (folder,) = arguments
    found = mistakes(Path(folder).resolve(), [alert.runbook(".") for alert in ALERTS])
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
