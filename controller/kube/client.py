"""The API server, as the controller needs it: plain manifests in and out, writes by server-side apply.

Built on the kubernetes library's configuration, authentication and HTTP layers; its generated models and
its discovery are left out, because they cost memory and requests and add nothing to a static table of kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Self, TypeAlias
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio.client import ApiClient

from controller.kube.answers import Refused, Unavailable, read
from controller.kube.connection import Configuration
from controller.kube.kinds import KINDS
from controller.kube.objects import Manifest, document

Observer: TypeAlias = Callable[[str, str, int, float], None]
"""Called after every request with verb, kind, HTTP status (0 without a response), and the seconds it took."""

MANAGER = "keddah"
WRITES = frozenset({"apply", "patch", "create", "update", "delete"})

_TIMEOUT = aiohttp.ClientTimeout(total=30, sock_connect=5)
_METADATA_ONLY = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
_NO_VERSION = "1"
"""etcd's revision before its first write: no object has it, so an apply at it creates or changes nothing."""
_METHODS = {"get": "GET", "list": "GET", "create": "POST", "update": "PUT", "delete": "DELETE"}


@dataclass(frozen=True, slots=True)
class Listing:
    """Objects of one kind, true at one version of the cluster."""

    items: list[Manifest]
    version: int


class Kube:
    """One connection pool to the API server.

    `permit` is called before every write but that of a Lease, and raises to forbid it: whoever lost the lease
    must not act. Methods raise Conflict, Refused or Unavailable.
    """

    def __init__(
        self,
        loaded: Configuration,
        *,
        observe: Observer = lambda _verb, _kind, _status, _seconds: None,
        permit: Callable[[], None] = lambda: None,
    ) -> None:
        self._client = ApiClient(loaded)
        self._client.user_agent = MANAGER
        self._observe = observe
        self._permit = permit

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    @property
    def server(self) -> str:
        """The API server's URL."""
        return str(self._client.configuration.host)

    def session(self) -> aiohttp.ClientSession:
        """Open a session for another client of the same API server, with always fresh credentials."""

        async def authorize(
            request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
        ) -> aiohttp.ClientResponse:
            request.headers.update(await self._credentials())
            return await handler(request)

        connector = aiohttp.TCPConnector(ssl=self._client.rest_client.ssl_context, limit=0)
        return aiohttp.ClientSession(connector=connector, middlewares=(authorize,))

    async def apply(
        self,
        manifest: Manifest,
        *,
        manager: str = MANAGER,
        absent: bool = False,
        resource_version: str | None = None,
    ) -> Manifest:
        """Write the fields of a manifest and own them (server-side apply, by force).

        With `absent`, only if there is no such object: Conflict when there is one, whosever it is. Conflict,
        too, when it is not at `resource_version` any more.
        """
        metadata = manifest["metadata"]
        wanted = _NO_VERSION if absent else resource_version
        if wanted is not None:
            manifest = {**manifest, "metadata": {**metadata, "resourceVersion": wanted}}
        path = KINDS[manifest["kind"]].path(metadata.get("namespace"), metadata["name"])
        return await self._apply(manifest["kind"], path, manifest, manager)

    async def get(self, kind: str, namespace: str | None, name: str) -> Manifest | None:
        """Read one object; None when there is none."""
        return await self._send("get", kind, KINDS[kind].path(namespace, name), missing_ok=True)

    async def log(self, namespace: str, pod: str, container: str, *, seconds: int, lines: int) -> str:
        """Read the end of a container's log; "" when there is none to be had."""
        query = {"container": container, "sinceSeconds": str(seconds), "tailLines": str(lines)}
        where = KINDS["Pod"].path(namespace, pod, "log")
        status, content = await self._call("get", "Pod", where, query=query, accept="*/*")
        return content.decode(errors="replace") if status == 200 else ""  # noqa: PLR2004 - HTTP

    async def list(
        self, kind: str, namespace: str | None = None, labels: str = "", fields: str = ""
    ) -> list[Manifest]:
        """Read every object of a kind, in one namespace or in all, that both selectors select."""
        return (await self._list(kind, namespace, labels, fields=fields)).items

    async def list_metadata(
        self, kind: str, namespace: str | None = None, labels: str = "", fields: str = ""
    ) -> Listing:
        """Read only the metadata of every object of a kind, with the version at which it was true."""
        return await self._list(kind, namespace, labels, fields=fields, accept=_METADATA_ONLY)

    async def create(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        """Create an object, or by `dry_run` only have it judged; Conflict when its name is taken."""
        kind = KINDS[manifest["kind"]]
        path = kind.path(manifest["metadata"].get("namespace"))
        query = {"dryRun": "All"} if dry_run else None
        return await self._sent("create", kind.name, path, query=query, body=manifest)

    async def replace(self, manifest: Manifest) -> Manifest:
        """Replace an object; Conflict when it is not at the manifest's resourceVersion any more."""
        metadata = manifest["metadata"]
        path = KINDS[manifest["kind"]].path(metadata.get("namespace"), metadata["name"])
        return await self._sent("update", manifest["kind"], path, body=manifest)

    async def patch(
        self,
        kind: str,
        namespace: str | None,
        name: str,
        body: Manifest,
        *,
        resource_version: str | None = None,
    ) -> Manifest | None:
        """Change fields of an object (RFC 7386 merge patch); None when there is no such object.

        Conflict when it is not at `resource_version` any more.
        """
        if resource_version is not None:
            body = {**body, "metadata": {**body.get("metadata", {}), "resourceVersion": resource_version}}
        return await self._send(
            "patch",
            kind,
            KINDS[kind].path(namespace, name),
            query={"fieldManager": MANAGER},
            body=body,
            content_type="application/merge-patch+json",
            missing_ok=True,
        )

    async def patch_status(self, manifest: Mapping[str, Any], status: Manifest) -> Manifest | None:
        """Make `status` the status of the object in the manifest, if it still has the same UID."""
        kind, metadata = KINDS[manifest["kind"]], manifest["metadata"]
        identity = {name: metadata[name] for name in ("name", "namespace", "uid") if name in metadata}
        body = {
            "apiVersion": kind.api_version,
            "kind": kind.name,
            "metadata": identity,
            "status": status,
        }
        path = kind.path(metadata.get("namespace"), metadata["name"], "status")
        try:
            return await self._apply(kind.name, path, body, MANAGER)
        except Refused as error:
            if error.status == 404:  # noqa: PLR2004 - HTTP
                return None
            raise

    async def delete(
        self, kind: str, namespace: str | None, name: str, *, uid: str, resource_version: str | None = None
    ) -> bool:
        """Delete an object if it is the one with that UID (and version); False when it is gone already.

        Conflict when another one has taken its name, or it has changed.
        """
        preconditions = {"uid": uid}
        if resource_version is not None:
            preconditions["resourceVersion"] = resource_version
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": preconditions,
            "propagationPolicy": "Background",
        }
        path = KINDS[kind].path(namespace, name)
        return await self._send("delete", kind, path, body=body, missing_ok=True) is not None

    async def _list(
        self,
        kind: str,
        namespace: str | None,
        labels: str,
        *,
        fields: str = "",
        accept: str = "application/json",
    ) -> Listing:
        given = {"labelSelector": labels, "fieldSelector": fields}
        query = {name: selector for name, selector in given.items() if selector}
        path = KINDS[kind].path(namespace)
        answer = await self._sent("list", kind, path, query=query, accept=accept)
        identity = {"apiVersion": KINDS[kind].api_version, "kind": kind}
        items = [{**item, **identity} for item in answer.get("items") or []]
        return Listing(items, int(answer["metadata"]["resourceVersion"]))

    async def _apply(self, kind: str, path: str, body: Manifest, manager: str) -> Manifest:
        return await self._sent(
            "apply",
            kind,
            path,
            query={"fieldManager": manager, "force": "true"},
            body=document(body),
            # With a parameter the client library leaves the body as it is.
            content_type="application/apply-patch+yaml; charset=utf-8",
        )

    async def _sent(self, verb: str, kind: str, path: str, **more: Any) -> Manifest:  # noqa: ANN401
        answer = await self._send(verb, kind, path, **more)
        if answer is None:
            raise Unavailable(0, f"{verb} {path}: empty answer")
        return answer

    async def _send(
        self,
        verb: str,
        kind: str,
        path: str,
        *,
        missing_ok: bool = False,
        **more: Any,  # noqa: ANN401
    ) -> Manifest | None:
        status, content = await self._call(verb, kind, path, **more)
        if status == 404 and missing_ok:  # noqa: PLR2004 - HTTP
            return None
        return read(status, content, f"{verb} {path}")

    async def _call(
        self,
        verb: str,
        kind: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Manifest | bytes | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> tuple[int, bytes]:
        if verb in WRITES and kind != "Lease":
            self._permit()
        headers = {"Accept": accept, "Content-Type": content_type, "User-Agent": MANAGER}
        headers |= await self._credentials()
        url = f"{self.server}{path}" + (f"?{urlencode(query)}" if query else "")
        began = perf_counter()
        status, content = await self._exchange(_METHODS.get(verb, "PATCH"), url, headers, body)
        self._observe(verb, kind, status, perf_counter() - began)
        return status, content

    async def _exchange(
        self, method: str, url: str, headers: dict[str, str], body: Manifest | bytes | None
    ) -> tuple[int, bytes]:
        """Send one request; (0, why) when there was no answer."""
        rest = self._client.rest_client
        try:
            try:
                reply = await rest.request(method, url, headers, body, _request_timeout=_TIMEOUT)
            except aiohttp.ServerDisconnectedError:
                # An idle connection was closed under us; every write but `create` may be repeated.
                if method == "POST":
                    raise
                reply = await rest.request(method, url, headers, body, _request_timeout=_TIMEOUT)
            return reply.status, await reply.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return 0, f"{type(error).__name__} {error}".encode()

    async def _credentials(self) -> dict[str, str]:
        token = await self._client.configuration.get_api_key_with_prefix("BearerToken", "authorization")
        return {"Authorization": token} if token else {}
