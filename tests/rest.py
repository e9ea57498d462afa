"""A user of an API server, over keep-alive HTTPS: quicker than kubectl, and it shows the whole answer."""

from __future__ import annotations

import base64
import http.client
import json
import re
import socket
import ssl
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import yaml

from controller.kube.kinds import KINDS, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

Object = dict[str, Any]

JSON = "application/json"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
_ADMISSION = "admissionregistration.k8s.io"
OTHERS = {
    kind.name: kind
    for kind in (
        Kind("Namespace", "", "v1", "namespaces", namespaced=False),
        Kind("CustomResourceDefinition", "apiextensions.k8s.io", "v1", "customresourcedefinitions", False),
        Kind("MutatingAdmissionPolicy", _ADMISSION, "v1", "mutatingadmissionpolicies", namespaced=False),
        Kind("MutatingAdmissionPolicyBinding", _ADMISSION, "v1", "mutatingadmissionpolicybindings", False),
        Kind("ValidatingAdmissionPolicy", _ADMISSION, "v1", "validatingadmissionpolicies", namespaced=False),
        Kind(
            "ValidatingAdmissionPolicyBinding", _ADMISSION, "v1", "validatingadmissionpolicybindings", False
        ),
        Kind("Deployment", "apps", "v1", "deployments"),
        Kind("EndpointSlice", "discovery.k8s.io", "v1", "endpointslices"),
        Kind("LimitRange", "", "v1", "limitranges"),
        Kind("ResourceQuota", "", "v1", "resourcequotas"),
        Kind("PriorityClass", "scheduling.k8s.io", "v1", "priorityclasses", namespaced=False),
        Kind("ClusterRole", "rbac.authorization.k8s.io", "v1", "clusterroles", namespaced=False),
        Kind(
            "ClusterRoleBinding", "rbac.authorization.k8s.io", "v1", "clusterrolebindings", namespaced=False
        ),
        Kind("Issuer", "cert-manager.io", "v1", "issuers"),
        Kind("Certificate", "cert-manager.io", "v1", "certificates"),
        Kind("SelfSubjectAccessReview", "authorization.k8s.io", "v1", "selfsubjectaccessreviews", False),
        Kind("SelfSubjectRulesReview", "authorization.k8s.io", "v1", "selfsubjectrulesreviews", False),
    )
}
_INITIALIZING = "storage is (re)initializing"
"""With a 429; k8s.io/apiextensions-apiserver, pkg/apiserver/customresource_handler.go."""
_PATIENCE = 10
"""How often client-go asks again, a second apart."""
_WARNING = re.compile(r'299 \S+ "((?:[^"\\]|\\.)*)"')


class RefusedError(Exception):
    """The API server said no; `answer` is all of it."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"{answer.status}: {answer.message}")
        self.answer = answer


@dataclass(frozen=True)
class Answer:
    """What came back: an HTTP status, an object (a Status where it was refused), warnings."""

    status: int
    body: Object
    warnings: tuple[str, ...]

    @property
    def accepted(self) -> bool:
        """Whether it is a success."""
        return self.status < http.client.BAD_REQUEST

    @property
    def message(self) -> str:
        """The words of a refusal."""
        return str(self.body.get("message", ""))

    @property
    def causes(self) -> dict[str, str]:
        """The mistakes of a refusal: field path to message."""
        causes = (self.body.get("details") or {}).get("causes") or []
        return {cause.get("field", ""): cause["message"] for cause in causes}

    def expect(self) -> Object:
        """Give the object; raises RefusedError where there is none."""
        if not self.accepted:
            raise RefusedError(self)
        return self.body


class Rest:
    """One user of one API server; each thread has a connection of its own."""

    def __init__(self, kubeconfig: Path) -> None:
        document = yaml.safe_load(kubeconfig.read_text())
        cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
        place = urlsplit(cluster["server"])
        self._address = (place.hostname or "", place.port or 443)
        self._context = ssl.create_default_context(
            cadata=base64.b64decode(cluster["certificate-authority-data"]).decode()
        )
        self._headers = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
        if "client-certificate-data" in user:
            _load(self._context, user)
        self._local = threading.local()
        self._opened: list[http.client.HTTPSConnection] = []

    def close(self) -> None:
        """Close every thread's connection."""
        while self._opened:
            self._opened.pop().close()

    def send(
        self,
        method: str,
        path: str,
        body: Object | bytes | None = None,
        *,
        content: str = JSON,
        query: Mapping[str, str] | None = None,
        accept: str = JSON,
    ) -> Answer:
        """Make one request; refusals are answers too.

        While a CRD is exchanged the API server asks for patience, which every client of client-go has.
        """
        url = f"{path}?{urlencode(query)}" if query else path
        raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        headers = {"Content-Type": content, "Accept": accept, **self._headers}
        answer, patience = self._sent(method, url, raw, headers), _PATIENCE
        while answer.message == _INITIALIZING and patience:
            time.sleep(1)
            answer, patience = self._sent(method, url, raw, headers), patience - 1
        return answer

    def _sent(self, method: str, url: str, raw: bytes | None, headers: Mapping[str, str]) -> Answer:
        connection = self._connection()
        try:
            connection.request(method, url, raw, headers)
            response = connection.getresponse()
        except (http.client.HTTPException, OSError):
            # The API server closes connections that were idle for long.
            connection.close()
            connection.request(method, url, raw, headers)
            response = connection.getresponse()
        text = response.read()
        warnings = [
            match[1].replace('\\"', '"').replace("\\\\", "\\")
            for header in response.headers.get_all("Warning") or ()
            for match in _WARNING.finditer(header)
        ]
        return Answer(response.status, _decoded(text), tuple(warnings))

    def create(self, manifest: Object, **query: str) -> Answer:
        """Create an object; keywords are the query's: `dryRun="All"`."""
        return self.send("POST", path(manifest["kind"], _namespace(manifest)), manifest, query=query)

    def apply(self, manifest: Object, *, manager: str = "tests", **query: str) -> Answer:
        """Write by server-side apply, by force."""
        whole = {"fieldManager": manager, "force": "true", **query}
        return self.send("PATCH", _own_path(manifest), manifest, content=APPLY, query=whole)

    def replace(self, manifest: Object, subresource: str = "", **query: str) -> Answer:
        """Write the whole of an object (PUT)."""
        return self.send("PUT", _own_path(manifest, subresource), manifest, query=query)

    def merge(
        self, kind: str, namespace: str | None, name: str, change: Object, subresource: str = "", **query: str
    ) -> Answer:
        """Change some fields (RFC 7386)."""
        where = path(kind, namespace, name, subresource)
        return self.send("PATCH", where, change, content=MERGE, query=query)

    def get(self, kind: str, namespace: str | None, name: str, subresource: str = "") -> Object | None:
        """Read an object; None when there is none."""
        answer = self.send("GET", path(kind, namespace, name, subresource))
        return None if answer.status == http.client.NOT_FOUND else answer.expect()

    def list(self, kind: str, namespace: str | None = None, **query: str) -> list[Object]:
        """Read all objects of a kind."""
        items: list[Object] = self.send("GET", path(kind, namespace), query=query).expect()["items"]
        return items

    def delete(self, kind: str, namespace: str | None, name: str, **options: Any) -> Answer:  # noqa: ANN401
        """Delete an object; keywords are DeleteOptions."""
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background", **options}
        return self.send("DELETE", path(kind, namespace, name), body)

    def connect(self) -> ssl.SSLSocket:
        """Open one more connection, for whoever counts microseconds."""
        plain = socket.create_connection(self._address, timeout=30)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._context.wrap_socket(plain, server_hostname=self._address[0])

    def _connection(self) -> http.client.HTTPSConnection:
        connection: http.client.HTTPSConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            host, port = self._address
            connection = http.client.HTTPSConnection(host, port, timeout=30, context=self._context)
            self._local.connection = connection
            self._opened.append(connection)
        return connection


def path(kind: str, namespace: str | None = None, name: str = "", subresource: str = "") -> str:
    """Give the URL path of an object, or of all of a kind."""
    return (KINDS | OTHERS)[kind].path(namespace, name, subresource)


def token_kubeconfig(administrator: str, token: str, target: Path) -> Path:
    """Write the kubeconfig of somebody who has only a bearer token, to the text of an administrator's."""
    document = yaml.safe_load(administrator)
    document["users"][0]["user"] = {"token": token}
    target.touch(mode=0o600)
    target.write_text(yaml.safe_dump(document))
    return target


def _load(context: ssl.SSLContext, user: Mapping[str, str]) -> None:
    # OpenSSL reads a pair from files only.
    with tempfile.NamedTemporaryFile() as pair:
        for entry in ("client-certificate-data", "client-key-data"):
            pair.write(base64.b64decode(user[entry]))
        pair.flush()
        context.load_cert_chain(pair.name)


def _namespace(manifest: Object) -> str | None:
    namespace: str | None = manifest["metadata"].get("namespace")
    return namespace


def _own_path(manifest: Object, subresource: str = "") -> str:
    return path(manifest["kind"], _namespace(manifest), manifest["metadata"]["name"], subresource)


def _decoded(text: bytes) -> Object:
    try:
        value = json.loads(text or b"{}")
    except ValueError:
        return {"message": text.decode(errors="replace")}
    return value if isinstance(value, dict) else {"value": value}
