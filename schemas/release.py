"""Which release of keddah this is."""

from __future__ import annotations

from typing import Final

RELEASE: Final = "0.1.0"
"""As in `pyproject.toml`; the images and the chart have it as their tag."""
