"""One real API server for the whole tier; each test works in names of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deploy.local.controlplane import DELETION, ControlPlane

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Run an API server whose garbage collector and namespace controller work."""
    with ControlPlane(tmp_path_factory.mktemp("plane"), controllers=DELETION) as started:
        yield started
