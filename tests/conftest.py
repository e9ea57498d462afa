"""What holds for every test."""

from __future__ import annotations

import gc

from hypothesis import HealthCheck, settings

# How long an example takes says how busy the machine is, and nothing of the example.
settings.register_profile(
    "unhurried", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("unhurried")


def pytest_collection() -> None:
    """Collect no garbage while tests are collected: what is made then stays until the end."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Leave what is there out of all later collections, which would look through it again and again."""
    gc.freeze()
    gc.enable()
