"""kopf as a source of events."""

from __future__ import annotations

from controller.watches.handlers import _NoMemories


async def test_nothing_is_kept_of_an_object_between_its_events() -> None:
    memories = _NoMemories()
    await memories.recall({"metadata": {"uid": "one"}}, noticed_by_listing=True)
    assert list(memories.iter_all_memories()) == []
