"""`kubectl pgdb conditions`."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import click

from kubectl_pgdb.screens.reasons import explained, listed
from kubectl_pgdb.session import Session, command
from schemas.reasons import REASONS
from schemas.reasons.conditions import CONDITIONS


@click.group
def conditions() -> None:
    """Say what conditions, and reasons of conditions and events, mean. It needs no cluster."""


def _begun(_: click.Context, __: click.Parameter, begun: str) -> list[str]:
    return [name for name in _names() if name.lower().startswith(begun.lower())]


def _names() -> list[str]:
    return sorted({*REASONS, *CONDITIONS})


@conditions.command(short_help="Say what REASON means, and what to do about it.")
@click.argument("reason", shell_complete=_begun)
@command
def explain(session: Session, reason: str) -> None:
    """Say what REASON means, and what to do about it; or what the condition of that name says."""
    name = next((each for each in _names() if each.lower() == reason.lower()), None)
    if name is None:
        near = get_close_matches(reason, _names(), n=3, cutoff=0.5)
        hint = f"; did you mean {', '.join(near)}?" if near else "; `conditions list` has them all"
        raise click.ClickException(f"no reason or condition is called {reason}{hint}")
    holds = {"condition": name, "holds": CONDITIONS[name]} if name in CONDITIONS else {}
    session.answer((_content(name) if name in REASONS else {}) | holds, explained(name))


@conditions.command("list")
@command
def list_(session: Session) -> None:
    """List all reasons."""
    session.answer([_content(name) for name in sorted(REASONS)], listed(sorted(REASONS)))


def _content(name: str) -> dict[str, Any]:
    reason = REASONS[name]
    return {"reason": name, "type": reason.type, "meaning": reason.meaning, "next": reason.next}
