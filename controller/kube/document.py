"""Writes a manifest for server-side apply, whose body the API server reads as YAML, even where it is JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_ESCAPED = re.compile("[^\\x20-\\x7e\\xa0-\\ud7ff\\ue000-\\ufefe\\uff00-\\ufffd\\U00010000-\\U0010ffff]")
"""Characters that YAML takes as escapes only (YAML 1.2, 5.1)."""


def document(manifest: Mapping[str, Any]) -> bytes:
    """Return JSON that is YAML too: JSON alone may write an emoji as two surrogates, which YAML refuses."""
    text = json.dumps(manifest, ensure_ascii=False)
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()
