"""A bucket for the databases of a local cluster: a server of S3 in its network, and a Service for it."""

from __future__ import annotations

import base64
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from deploy.local import network
from deploy.local.build import S3_SERVERS, binaries
from deploy.local.cluster import CONTROL_PLANE
from tests import sites
from tests.s3_servers import ACCESS, BUCKET, S3, SECRET, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.clusters import Cluster
    from tests.databases import Database

LOGIN, AUTHORITY = "storage-login", "storage-ca"
"""Names of the Secrets."""

_SERVICE, _PORT = "storage", 9000


@contextmanager
def running(
    cluster: Cluster, namespace: str, folder: Path, server: str = "versitygw", secret: str = SECRET
) -> Iterator[S3]:
    """Have a server run beside the API server; versitygw finds what is in the folder from before.

    Nobody is led to it yet.
    """
    slices = cluster.rest.list(
        "EndpointSlice", "default", labelSelector="kubernetes.io/service-name=kubernetes"
    )
    host = slices[0]["endpoints"][0]["addresses"][0]
    within = network.entering(network.namespace(sites.local_name(), CONTROL_PLANE))
    programs, name = binaries(print, bundle=S3_SERVERS), f"{_SERVICE}.{namespace}.svc"
    with serving(server, programs, folder, name=name, host=host, within=within, secret=secret) as found:
        yield found


def lead(cluster: Cluster, namespace: str, host: str, port: int) -> None:
    """Lead the Service to there."""
    metadata = {"name": _SERVICE, "namespace": namespace}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": metadata}
    cluster.rest.create({**service, "spec": {"ports": [{"port": _PORT, "targetPort": port}]}}).expect()
    labelled = {**metadata, "labels": {"kubernetes.io/service-name": _SERVICE}}
    endpoints = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": labelled,
        "addressType": "IPv4",
        "endpoints": [{"addresses": [host]}],
        "ports": [{"port": port, "protocol": "TCP"}],
    }
    cluster.rest.create(endpoints).expect()


def declared(namespace: str) -> dict[str, Any]:
    """Give `s3` of a spec; `namespace` has the Service."""
    return {
        "bucket": BUCKET,
        "endpoint": f"{_SERVICE}.{namespace}.svc:{_PORT}",
        "caSecret": {"name": AUTHORITY},
        "credentials": {"name": LOGIN},
    }


def give_secrets(database: Database, storage: S3, secret: str = SECRET) -> None:
    """Write the Secrets that it names."""
    give_secret(database, LOGIN, accessKeyId=ACCESS, secretAccessKey=secret)
    give_secret(database, AUTHORITY, **{"ca.crt": storage.ca.pair.certificate.read_text()})


def give_secret(database: Database, name: str, **data: str) -> None:
    """Write a Secret."""
    encoded = {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
    metadata = {"name": name, "namespace": database.namespace}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": encoded}
    database.cluster.rest.apply(body).expect()


def stored(folder: Path, segment: str) -> bool:
    """Whether versitygw, which serves this folder, has a file of this segment."""
    return any(segment in file.name for file in (folder / "data" / BUCKET).rglob("*"))
