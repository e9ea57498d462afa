"""Whether a standby's data may be discarded: only while the primary certainly has every commit."""

from __future__ import annotations

from controller.observe.world import Instance, World

NO_PRIMARY = "there is no ready primary, so this may be the last good copy"


def trusted_primary(world: World) -> Instance | str:
    """Return the primary if it has every acknowledged commit; else why it may not."""
    primary, last = world.primary, world.leadership.last_primary
    if primary is None or not primary.fit:
        return NO_PRIMARY
    node = world.nodes.get(primary.node)
    if node is None or not node.ready:
        return f"the primary's node {primary.node} is not Ready, so this may be the last good copy"
    if last not in (None, primary.name):
        return f"{last} acknowledged the newest commits, and {primary.name} has not taken over from it yet"
    return primary
