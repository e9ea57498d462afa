"""A minimal Kubernetes API client for the local cluster itself, on the standard library."""

from __future__ import annotations

import http.client
import json
import ssl
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deploy.local.pki import Pair

Object = dict[str, Any]

_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"
_HTTP_ERROR = 400
NOT_FOUND = 404
GONE = 410
# The paths of the kinds that this package writes, instead of discovery.
_COLLECTIONS = {
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "Node": "/api/v1/nodes",
    "PersistentVolume": "/api/v1/persistentvolumes",
    "StorageClass": "/apis/storage.k8s.io/v1/storageclasses",
}


class ApiError(Exception):
    """The API server refused; `code` is the HTTP status."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class Client:
    """A client of one API server as one user. It opens a connection for every call: calls are few."""

    def __init__(self, address: str, port: int, authority: Path, pair: Pair) -> None:
        self._address = address
        self._port = port
        self._context = ssl.create_default_context(cafile=str(authority))
        self._context.load_cert_chain(pair.certificate, pair.key)

    def _connect(self, timeout: float) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(self._address, self._port, timeout=timeout, context=self._context)

    def call(
        self, method: str, path: str, body: Object | None = None, kind: str = "application/json"
    ) -> Object:
        """Make one call and return the response. Raises ApiError, or OSError when there is no server."""
        connection = self._connect(timeout=30)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Content-Type": kind, "Accept": "application/json"})
            response = connection.getresponse()
            answer: Object = json.loads(response.read() or b"{}")
        finally:
            connection.close()
        if response.status >= _HTTP_ERROR:
            raise ApiError(response.status, str(answer.get("message", answer)))
        return answer

    def apply(self, document: Object) -> Object:
        """Write an object by server-side apply."""
        path = f"{_COLLECTIONS[document['kind']]}/{document['metadata']['name']}"
        return self.call("PATCH", f"{path}?fieldManager=keddah-local&force=true", document, _APPLY)

    def merge(self, path: str, change: Object) -> Object:
        """Change some fields of an object by a JSON merge patch."""
        return self.call("PATCH", f"{path}?fieldManager=keddah-local", change, _MERGE)

    def healthy(self, path: str) -> bool:
        """Whether a health endpoint returns ok; False if there is no server."""
        connection = self._connect(timeout=2)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == http.client.OK
        except OSError:
            return False
        finally:
            connection.close()

    def watch(self, path: str, version: str, seconds: int = 300) -> Iterator[Object]:
        """Yield events after a resource version until the server ends the watch.

        Raises ApiError (GONE when the version is too old), or OSError when the server is lost.
        """
        connection = self._connect(timeout=seconds + 30)
        query = f"watch=true&allowWatchBookmarks=true&timeoutSeconds={seconds}&resourceVersion={version}"
        try:
            connection.request("GET", f"{path}?{query}")
            response = connection.getresponse()
            if response.status >= _HTTP_ERROR:
                raise ApiError(response.status, response.read().decode(errors="replace"))
            for line in response:
                event: Object = json.loads(line)
                if event["type"] == "ERROR":
                    raise ApiError(int(event["object"].get("code", 0)), str(event["object"].get("message")))
                yield event
        finally:
            connection.close()
