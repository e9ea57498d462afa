"""The command lines of the control plane: etcd, API server, controller manager, scheduler."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.local.pki import Authority, Pair, signing_key
from deploy.local.processes import Program

if TYPE_CHECKING:
    from ipaddress import IPv4Network
    from pathlib import Path

ADMINISTRATORS = "system:masters"
AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    # User, verb, object and status of every request: enough to check RBAC, without the content of Secrets.
    "rules": [{"level": "Metadata"}],
}


@dataclass(frozen=True)
class Place:
    """Where a control plane listens."""

    address: str
    port: int
    etcd_port: int
    etcd_peer_port: int
    controllers_port: int
    scheduler_port: int
    services: IPv4Network

    @property
    def url(self) -> str:
        """The API server's URL."""
        return f"https://{self.address}:{self.port}"


@dataclass(frozen=True)
class Credentials:
    """Every certificate and key of a control plane; missing ones are created."""

    authority: Authority
    front_proxy: Authority
    serving: Pair
    kubelet_client: Pair
    proxy_client: Pair
    tokens: Pair
    administrator: Pair

    @classmethod
    def create(cls, folder: Path, place: Place) -> Credentials:
        """Return those in the folder; missing ones are created first."""
        authority = Authority(folder, "ca")
        front_proxy = Authority(folder, "front-proxy-ca")
        service = "kubernetes.default.svc"
        names = ("localhost", "kubernetes", "kubernetes.default", service, f"{service}.cluster.local")
        addresses = {"127.0.0.1", place.address, str(place.services[1])}
        serving = authority.issue("apiserver", "kube-apiserver", serves=(*names, *sorted(addresses)))
        groups = (ADMINISTRATORS,)
        return cls(
            authority=authority,
            front_proxy=front_proxy,
            serving=serving,
            kubelet_client=authority.issue("kubelet-client", "kube-apiserver-kubelet-client", groups=groups),
            proxy_client=front_proxy.issue("front-proxy-client", "front-proxy-client"),
            tokens=signing_key(folder),
            administrator=authority.issue("administrator", "administrator", groups=groups),
        )


def _command(program: Path, flags: dict[str, object], extra: tuple[str, ...] = ()) -> tuple[str, ...]:
    return (str(program), *(f"--{name}={value}" for name, value in flags.items()), *extra)


def etcd(binaries: Path, place: Place, data: Path) -> Program:
    """Return etcd on the loopback address of its namespace."""
    client = f"http://127.0.0.1:{place.etcd_port}"
    peer = f"http://127.0.0.1:{place.etcd_peer_port}"
    flags = {
        "name": "keddah",
        "data-dir": data,
        "listen-client-urls": client,
        "advertise-client-urls": client,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"keddah={peer}",
        # No fsync: a local cluster need not survive a crash of the machine.
        "unsafe-no-fsync": "true",
        "log-level": "warn",
    }
    return Program("etcd", _command(binaries / "etcd", flags))


def api_server(
    binaries: Path, place: Place, credentials: Credentials, extra: tuple[str, ...] = ()
) -> Program:
    """Return the API server, with the authorization and admission of a real cluster."""
    flags: dict[str, object] = {
        "etcd-servers": f"http://127.0.0.1:{place.etcd_port}",
        "bind-address": place.address,
        "advertise-address": place.address,
        "secure-port": place.port,
        "service-cluster-ip-range": place.services,
        "allow-privileged": "true",
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "NodeRestriction",
        "profiling": "false",
    }
    return Program(
        "kube-apiserver", _command(binaries / "kube-apiserver", {**flags, **_identity(credentials)}, extra)
    )


def _identity(credentials: Credentials) -> dict[str, object]:
    authority = credentials.authority.pair.certificate
    return {
        "client-ca-file": authority,
        "tls-cert-file": credentials.serving.certificate,
        "tls-private-key-file": credentials.serving.key,
        "kubelet-certificate-authority": authority,
        "kubelet-client-certificate": credentials.kubelet_client.certificate,
        "kubelet-client-key": credentials.kubelet_client.key,
        "kubelet-preferred-address-types": "InternalIP",
        "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
        "service-account-key-file": credentials.tokens.certificate,
        "service-account-signing-key-file": credentials.tokens.key,
        "requestheader-client-ca-file": credentials.front_proxy.pair.certificate,
        "requestheader-allowed-names": "front-proxy-client",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-username-headers": "X-Remote-User",
        "proxy-client-cert-file": credentials.proxy_client.certificate,
        "proxy-client-key-file": credentials.proxy_client.key,
    }


def controller_manager(
    binaries: Path,
    place: Place,
    credentials: Credentials,
    folder: Path,
    controllers: tuple[str, ...] = ("*",),
) -> Program:
    """Return the controller manager, running these of its controllers."""
    authority = credentials.authority
    user = "system:kube-controller-manager"
    kubeconfig = authority.kubeconfig(folder / "controller-manager.kubeconfig", place.url, user)
    flags = {
        "kubeconfig": kubeconfig,
        "bind-address": "127.0.0.1",
        "secure-port": place.controllers_port,
        "controllers": ",".join(controllers),
        "leader-elect": "false",
        "use-service-account-credentials": "true",
        "service-account-private-key-file": credentials.tokens.key,
        "root-ca-file": authority.pair.certificate,
        "cluster-signing-cert-file": authority.pair.certificate,
        "cluster-signing-key-file": authority.pair.key,
        # Tests create and delete more objects in a minute than a real cluster in an hour.
        "kube-api-qps": 200,
        "kube-api-burst": 400,
    }
    return Program("kube-controller-manager", _command(binaries / "kube-controller-manager", flags))


def scheduler(binaries: Path, place: Place, credentials: Credentials, folder: Path) -> Program:
    """Return the scheduler."""
    user = "system:kube-scheduler"
    path = credentials.authority.kubeconfig(folder / "scheduler.kubeconfig", place.url, user)
    flags = {
        "kubeconfig": path,
        "bind-address": "127.0.0.1",
        "secure-port": place.scheduler_port,
        "leader-elect": "false",
        "kube-api-qps": 200,
        "kube-api-burst": 400,
    }
    return Program("kube-scheduler", _command(binaries / "kube-scheduler", flags))
