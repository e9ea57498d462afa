"""What a terminal shows, drawn by rich from the plugin's own screens."""

from __future__ import annotations

import io
import re
from typing import Final

from rich.color import parse_rgb_hex
from rich.console import Console, RenderableType
from rich.terminal_theme import TerminalTheme

from deploy.documentation.pictures.palette import DARK, LIGHT, Palette, both, picture
from deploy.documentation.recorded import Status
from kubectl_pgdb.screens.status import status as screen
from kubectl_pgdb.session import THEME

_WIDTH: Final = 80
_FONT: Final = 20
_LINE: Final = 24.4
"""Of rich, for characters of 12.2 by 20."""
_CHARACTER: Final = 12.2
_MARGIN: Final = 16
_CLIPPED: Final = re.compile(r' clip-path="[^"]*"')
"""Rich cuts each line off at its end, where there is nothing."""


def status(recorded: Status) -> str:
    """Return the picture of `kubectl pgdb status`."""
    name = recorded.database.name
    return drawn(
        f"kubectl pgdb status {name}",
        screen(recorded.database, recorded.at),
        f"What kubectl pgdb status {name} prints. The database: {recorded.origin}.",
    )


def drawn(command: str, renderable: RenderableType, about: str) -> str:
    """Return the picture of a terminal in which a command was run."""
    light, body, height = _exported(command, renderable, LIGHT)
    dark, *_ = _exported(command, renderable, DARK)
    rules = {selector: (rule, dark[selector]) for selector, rule in light.items()}
    rules[".ground"] = both("fill: {};", LIGHT.ground, DARK.ground)
    rules["text"] = (f"font-size: {_FONT}px; white-space: pre;",) * 2
    width = _WIDTH * _CHARACTER + 2 * _MARGIN
    ground = f'<rect class="ground" width="{width:g}" height="{height:g}" rx="8"/>'
    inner = f'<g transform="translate({_MARGIN},{_MARGIN})">{body}</g>'
    return picture(width, height, command, rules, f"{ground}\n{inner}", about)


def _exported(
    command: str, renderable: RenderableType, palette: Palette
) -> tuple[dict[str, str], str, float]:
    """Return the rules by class, the text, and the height of what rich draws with these colours."""
    console = Console(
        file=io.StringIO(),
        width=_WIDTH,
        theme=THEME,
        highlight=False,
        record=True,
        force_terminal=True,
        color_system="standard",
    )
    console.print(f"$ {command}", style="name")
    console.print(renderable)
    styles, body = (
        console.export_svg(theme=_theme(palette), clear=False, code_format=part, unique_id="terminal")
        for part in ("{styles}", "{backgrounds}{matrix}")
    )
    rules = dict(line.strip().rstrip("}").split(" { ", 1) for line in styles.splitlines() if line.strip())
    lines = len(console.export_text(clear=True).splitlines())
    return rules, _CLIPPED.sub("", body), lines * _LINE + 2 * _MARGIN


def _theme(palette: Palette) -> TerminalTheme:
    named = (palette.ground, palette.text, *palette.curves)
    colours: list[tuple[int, int, int]] = [parse_rgb_hex(each.removeprefix("#")) for each in named]
    ground, text = colours[:2]
    normal = [*colours[1:], text]
    return TerminalTheme(ground, text, normal, normal)
