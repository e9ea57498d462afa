"""Colours, and the SVG around a picture: for a viewer that prefers dark, the same file has the dark ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Final


@dataclass(frozen=True)
class Palette:
    """Colours that are read on one ground."""

    ground: str
    text: str
    faint: str
    line: str
    curves: tuple[str, ...]
    """Red, green, yellow, blue, magenta, cyan."""


LIGHT: Final = Palette(
    "#ffffff",
    "#1f2328",
    "#59636e",
    "#d1d9e0",
    ("#c62a2f", "#1a7f37", "#8a6100", "#0969da", "#8250df", "#0b7285"),
)
DARK: Final = Palette(
    "#0d1117",
    "#e6edf3",
    "#9198a1",
    "#3d444d",
    ("#ff7b72", "#3fb950", "#d29922", "#58a6ff", "#d2a8ff", "#56d4dd"),
)


def picture(
    width: float, height: float, title: str, styles: Mapping[str, tuple[str, str]], body: str, about: str
) -> str:
    """Return the SVG of a picture; `styles` are rules by selector, each for light and for dark."""
    light, dark = (
        "".join(f"{selector} {{ {rules[ground]} }}\n" for selector, rules in styles.items())
        for ground in (0, 1)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}"'
        f' role="img" font-family="ui-monospace, Menlo, Consolas, monospace">\n'
        f"<title>{escape(title)}</title>\n<desc>{escape(about)}</desc>\n"
        f"<style>\n{light}@media (prefers-color-scheme: dark) {{\n{dark}}}\n</style>\n{body}\n</svg>\n"
    )


def both(rule: str, light: str, dark: str) -> tuple[str, str]:
    """Return a rule with the colour of each ground in place of `{}`."""
    return rule.format(light), rule.format(dark)
