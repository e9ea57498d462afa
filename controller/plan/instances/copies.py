"""Whether a standby's data may be discarded: only while the primary certainly has every commit."""

from __future__ import annotations

from controller.observe.state import Instance, ObservedState

NO_PRIMARY = "there is no ready primary, so this may be the last good copy"


def failed_source(observed: ObservedState) -> str | None:
    """Say that the primary could not deliver a copy of itself: another may have the last good one."""
    failed = next((i.name for i in observed.instances if i.copy == "source-damaged"), None)
    if failed is None:
        return None
    return f"the primary could not deliver a whole copy to {failed}, so this may be the last good copy"


def trusted_primary(observed: ObservedState) -> Instance | str:
    """Return the primary if it has every acknowledged commit; else why it may not."""
    primary, last = observed.primary, observed.leadership.last_primary
    if primary is None or not primary.fit:
        return NO_PRIMARY
    node = observed.nodes.get(primary.node)
    if node is None or not node.ready:
        return f"the primary's node {primary.node} is not Ready, so this may be the last good copy"
    if last not in (None, primary.name):
        return f"{last} acknowledged the newest commits, and {primary.name} has not taken over from it yet"
    return primary
