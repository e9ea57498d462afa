"""Connection settings and credentials of the API server."""

from __future__ import annotations

from pathlib import Path

from kubernetes.aio import config
from kubernetes.aio.client import Configuration

__all__ = ["Configuration", "UnusableConfiguration", "configuration"]

_CONNECTIONS = 32


class UnusableConfiguration(Exception):  # noqa: N818 - what it is
    """The kubeconfig or the service account does not say how to reach an API server."""


async def configuration(kubeconfig: Path | None, context: str | None = None) -> Configuration:
    """Read how to reach the API server: from a kubeconfig, or (None) from the pod's service account.

    The token of a service account is read again every minute, as it rotates. Raises UnusableConfiguration.
    """
    # trust_env would read ~/.netrc in a thread before every request; proxies come with the kubeconfig.
    loaded = Configuration(connection_pool_maxsize=_CONNECTIONS, client_session_kwargs={"trust_env": False})
    try:
        if kubeconfig is None:
            config.load_incluster_config(client_configuration=loaded)
        else:
            await config.load_kube_config(
                str(kubeconfig), context=context, client_configuration=loaded, persist_config=False
            )
    except (config.ConfigException, OSError) as error:
        raise UnusableConfiguration(str(error)) from error
    return loaded
