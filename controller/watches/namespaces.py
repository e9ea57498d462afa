"""Which of the namespaces that an installation names can be watched just now.

One that is named may not be there yet, or is deleted, and its Role with it: every request in it is forbidden
then. That must not keep the others from being looked after.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.kube.answers import Refused
from controller.kube.kinds import DATABASE

if TYPE_CHECKING:
    from controller.kube.client import Kube

_FORBIDDEN = 403


async def readable(kube: Kube, named: tuple[str, ...]) -> tuple[str, ...]:
    """Return the namespaces in which databases may be listed; without any name, ask for all of the cluster.

    Raises Refused where none of them may be, and what else the API server answers.
    """
    if not named:
        await kube.list_metadata(DATABASE)
        return ()
    found, last = [], None
    for namespace in named:
        try:
            await kube.list_metadata(DATABASE, namespace)
        except Refused as error:
            if error.status != _FORBIDDEN:
                raise
            last = error
        else:
            found.append(namespace)
    if last is not None and not found:
        raise last
    return tuple(found)
