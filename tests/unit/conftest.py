"""Unit tests leave this machine's caches and clusters alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session", autouse=True)
def _own_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep caches, logs and clusters in folders of this run, as a build may be under way beside it."""
    with pytest.MonkeyPatch.context() as environment:
        for folder in ("XDG_CACHE_HOME", "XDG_STATE_HOME"):
            environment.setenv(folder, str(tmp_path_factory.mktemp(folder)))
        yield
