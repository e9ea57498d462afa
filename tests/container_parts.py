"""What users add to an instance's pod: variables, volumes and sidecars that it can or cannot have.

The unit tier says where the mistakes are; the API server tier asks a real API server.
"""

from __future__ import annotations

from typing import Any

Template = dict[str, Any]

IMAGE = "none.example/exporter:1"


def env(**variable: Any) -> Template:  # noqa: ANN401
    return {"env": [variable]}


def volume(name: str = "extra", /, **source: Any) -> Template:  # noqa: ANN401
    return {"volumes": [{"name": name, **source}]}


def projecting(**source: Any) -> Template:  # noqa: ANN401
    return volume(projected={"sources": [source]})


def mounting(path: str, **more: Any) -> Template:  # noqa: ANN401
    return {**volume(emptyDir={}), "volumeMounts": [{"name": "extra", "mountPath": path, **more}]}


def beside(**part: Any) -> Template:  # noqa: ANN401
    return {"sidecars": [{"name": "exporter", "image": IMAGE, **part}]}


def probing(kind: str = "readinessProbe", **probe: Any) -> Template:  # noqa: ANN401
    return beside(ports=[{"containerPort": 9187, "name": "metrics"}], **{kind: probe})


_ITEMS = [{"key": "a.conf", "path": "conf.d/a", "mode": 0o440}]
_FILES = [
    {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}, "mode": 0o400},
    {"path": "team", "fieldRef": {"fieldPath": "metadata.annotations['example.com/team']"}},
]
WHOLE: Template = {
    "env": [
        {"name": "HTTPS_PROXY", "value": "http://proxy.example:3128"},
        {"name": "EMPTY", "value": ""},
        {"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": True}}},
        {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k", "optional": False}}},
        {"name": "C", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['example.com/team']"}}},
        {"name": "D", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}},
    ],
    "volumes": [
        {"name": "a", "configMap": {"name": "c", "defaultMode": 0o440, "items": _ITEMS, "optional": True}},
        {"name": "b", "secret": {"secretName": "s", "defaultMode": 0, "items": _ITEMS, "optional": False}},
        {"name": "c", "emptyDir": {"medium": "Memory", "sizeLimit": "1024Mi"}},
        {"name": "d", "emptyDir": {}},
        {"name": "e", "emptyDir": {"medium": "", "sizeLimit": 1048576}},
        {"name": "f", "downwardAPI": {"defaultMode": 0o400, "items": _FILES}},
        {"name": "g", "persistentVolumeClaim": {"claimName": "shared", "readOnly": True}},
        {"name": "h", "persistentVolumeClaim": {"claimName": "other", "readOnly": False}},
        {
            "name": "i",
            "csi": {
                "driver": "secrets-store.csi.k8s.io",
                "fsType": "ext4",
                "readOnly": True,
                "nodePublishSecretRef": {"name": "s"},
                "volumeAttributes": {"secretProviderClass": "vault"},
            },
        },
        {
            "name": "j",
            "projected": {
                "defaultMode": 0o440,
                "sources": [
                    {"configMap": {"name": "c", "items": _ITEMS, "optional": True}},
                    {"secret": {"name": "s", "optional": True}},
                    {"downwardAPI": {"items": [{"path": "x", "fieldRef": {"fieldPath": "metadata.uid"}}]}},
                    {
                        "serviceAccountToken": {
                            "audience": "vault",
                            "expirationSeconds": 3600,
                            "path": "token",
                        }
                    },
                ],
            },
        },
    ],
    "volumeMounts": [
        {"name": "a", "mountPath": "/usr/share/postgresql/17/tsearch_data/a.stop", "subPath": "conf.d/a"},
        {"name": "b", "mountPath": "/etc/reports", "readOnly": True},
        {"name": "c", "mountPath": "/var/run/secrets/cloud", "readOnly": False},
        {"name": "j", "mountPath": "/usr/local/share/ca-certificates"},
    ],
    "sidecars": [
        {
            "name": "exporter",
            "image": IMAGE,
            "imagePullPolicy": "Always",
            "command": ["exporter"],
            "args": ["--listen=$(LISTEN)"],
            "workingDir": "/srv",
            "env": [{"name": "PGHOST", "value": "localhost"}],
            "envFrom": [
                {"prefix": "X_", "configMapRef": {"name": "c", "optional": True}},
                {"secretRef": {"name": "orders-app", "optional": False}},
            ],
            "ports": [
                {"containerPort": 9187, "name": "metrics", "protocol": "TCP"},
                {"containerPort": 53, "protocol": "UDP"},
                {"containerPort": 53, "name": "dns"},
            ],
            "resources": {"requests": {"cpu": "0.1", "memory": "1024Ki"}, "limits": {"memory": "64Mi"}},
            "securityContext": {"readOnlyRootFilesystem": False, "runAsUser": 65534, "runAsGroup": 0},
            "startupProbe": {"exec": {"command": ["true"]}, "initialDelaySeconds": 0, "successThreshold": 1},
            "readinessProbe": {
                "httpGet": {"path": "/", "port": "metrics", "scheme": "HTTPS"},
                "failureThreshold": 2,
                "periodSeconds": 5,
                "successThreshold": 2,
                "timeoutSeconds": 2,
            },
            "livenessProbe": {
                "tcpSocket": {"port": 9187},
                "initialDelaySeconds": 5,
                "terminationGracePeriodSeconds": 3,
            },
            "volumeMounts": [{"name": "d", "mountPath": "/tmp", "readOnly": False}],  # noqa: S108
        },
        {
            "name": "proxy",
            "image": IMAGE,
            "livenessProbe": {"grpc": {"port": 9000, "service": "x"}},
            "volumeMounts": [
                {"name": "j", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"},
                {"name": "e", "mountPath": "/data", "subPath": "a"},
            ],
        },
    ],
}
"""Every field, and every value that the API server stores in another way than it is written."""

_SOURCE = "spec.template.env[0].valueFrom"
_VOLUME = "spec.template.volumes[0]"
_MOUNT = "spec.template.volumeMounts[0]"
_SIDECAR = "spec.template.sidecars[0]"
_KEY = {"name": "s", "key": "k"}
_TOKEN = {"audience": "vault", "path": "token"}

INVALID: tuple[tuple[Template, str], ...] = (
    (env(name="A", valueFrom={}), _SOURCE),
    (env(name="A", valueFrom={"secretKeyRef": _KEY, "configMapKeyRef": _KEY}), _SOURCE),
    (env(name="A", value="b", valueFrom={"secretKeyRef": _KEY}), "spec.template.env[0].value"),
    (env(name="A", valueFrom={"secretKeyRef": {**_KEY, "key": "a/b"}}), f"{_SOURCE}.secretKeyRef.key"),
    (env(name="A", valueFrom={"fieldRef": {"fieldPath": "spec.x"}}), f"{_SOURCE}.fieldRef.fieldPath"),
    (
        env(name="A", valueFrom={"fieldRef": {"fieldPath": "metadata.labels['a b']"}}),
        f"{_SOURCE}.fieldRef.fieldPath",
    ),
    (volume(emptyDir={}, secret={"secretName": "s"}), _VOLUME),
    (volume("tmp", emptyDir={}), f"{_VOLUME}.name"),
    (volume("backup-run", emptyDir={}), f"{_VOLUME}.name"),
    ({"volumes": [{"name": "a", "emptyDir": {}}] * 2}, "spec.template.volumes[1].name"),
    (volume(emptyDir={"sizeLimit": "-1Gi"}), f"{_VOLUME}.emptyDir.sizeLimit"),
    (
        volume(configMap={"name": "c", "items": [{"key": "a", "path": "/x"}]}),
        f"{_VOLUME}.configMap.items[0].path",
    ),
    (
        volume(configMap={"name": "c", "items": [{"key": "a", "path": "b/../x"}]}),
        f"{_VOLUME}.configMap.items[0].path",
    ),
    (volume(downwardAPI={"items": [{"path": "x"}]}), f"{_VOLUME}.downwardAPI.items[0].fieldRef"),
    (
        volume(downwardAPI={"items": [{"path": "x", "fieldRef": {"fieldPath": "status.podIP"}}]}),
        f"{_VOLUME}.downwardAPI.items[0].fieldRef.fieldPath",
    ),
    (
        projecting(secret={"name": "s"}, configMap={"name": "c"}),
        f"{_VOLUME}.projected.sources[0]",
    ),
    (
        projecting(serviceAccountToken={**_TOKEN, "path": "../x"}),
        f"{_VOLUME}.projected.sources[0].serviceAccountToken.path",
    ),
    ({"volumeMounts": [{"name": "none", "mountPath": "/a"}]}, f"{_MOUNT}.name"),
    (
        {**volume(emptyDir={}), "volumeMounts": [{"name": "extra", "mountPath": "/a"}] * 2},
        "spec.template.volumeMounts[1].mountPath",
    ),
    (mounting("/tmp"), f"{_MOUNT}.mountPath"),  # noqa: S108
    (mounting("/etc/patroni"), f"{_MOUNT}.mountPath"),
    (mounting("/a", subPath="/b"), f"{_MOUNT}.subPath"),
    (mounting("/a", subPath="../b"), f"{_MOUNT}.subPath"),
    (beside(name="postgres"), f"{_SIDECAR}.name"),
    ({"sidecars": [{"name": "a", "image": IMAGE}] * 2}, "spec.template.sidecars[1].name"),
    (beside(image=" x"), f"{_SIDECAR}.image"),
    (beside(env=[{"name": "A", "valueFrom": {}}]), f"{_SIDECAR}.env[0].valueFrom"),
    (beside(envFrom=[{}]), f"{_SIDECAR}.envFrom[0]"),
    (
        beside(envFrom=[{"secretRef": {"name": "s"}, "configMapRef": {"name": "c"}}]),
        f"{_SIDECAR}.envFrom[0]",
    ),
    (beside(volumeMounts=[{"name": "none", "mountPath": "/a"}]), f"{_SIDECAR}.volumeMounts[0].name"),
    (
        beside(ports=[{"containerPort": 1, "name": "a"}, {"containerPort": 2, "name": "a"}]),
        f"{_SIDECAR}.ports[1].name",
    ),
    (beside(ports=[{"containerPort": 1, "name": "1"}]), f"{_SIDECAR}.ports[0].name"),
    (beside(ports=[{"containerPort": 1, "name": "a--b"}]), f"{_SIDECAR}.ports[0].name"),
    (
        beside(resources={"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}),
        f"{_SIDECAR}.resources.requests.cpu",
    ),
    (probing(), f"{_SIDECAR}.readinessProbe"),
    (probing(tcpSocket={"port": 1}, grpc={"port": 1}), f"{_SIDECAR}.readinessProbe"),
    (probing(exec={"command": []}), f"{_SIDECAR}.readinessProbe.exec.command"),
    (probing(tcpSocket={"port": 0}), f"{_SIDECAR}.readinessProbe.tcpSocket.port"),
    (
        probing("livenessProbe", tcpSocket={"port": 1}, successThreshold=2),
        f"{_SIDECAR}.livenessProbe.successThreshold",
    ),
    (
        probing(tcpSocket={"port": 1}, terminationGracePeriodSeconds=1),
        f"{_SIDECAR}.readinessProbe.terminationGracePeriodSeconds",
    ),
)
"""What Kubernetes refuses, and where it is."""

OURS: tuple[tuple[Template, str], ...] = (
    *(
        (env(name=name, value="x"), "spec.template.env[0].name")
        for name in ("PGDATA", "PATH", "PATRONI_NAME")
    ),
    *(
        (env(name=name, value="x"), "spec.template.env[0].name")
        for name in ("LD_PRELOAD", "PYTHONPATH", "LC_ALL")
    ),
    ({"env": [{"name": "A", "value": "x"}] * 2}, "spec.template.env[1].name"),
    (
        env(name="A", valueFrom={"secretKeyRef": {"name": "orders-superuser", "key": "password"}}),
        f"{_SOURCE}.secretKeyRef.name",
    ),
    # Kubernetes makes an emptyDir of it: so it would of a hostPath, which this API does not have.
    (volume(), _VOLUME),
    (
        volume(secret={"secretName": "s", "items": [{"key": "a b", "path": "x"}]}),
        f"{_VOLUME}.secret.items[0].key",
    ),
    (volume("keddah-new", emptyDir={}), f"{_VOLUME}.name"),
    (volume(secret={"secretName": "orders-keys"}), f"{_VOLUME}.secret.secretName"),
    (projecting(secret={"name": "orders-replication"}), f"{_VOLUME}.projected.sources[0].secret.name"),
    (
        projecting(serviceAccountToken={**_TOKEN, "audience": ""}),
        f"{_VOLUME}.projected.sources[0].serviceAccountToken.audience",
    ),
    (
        volume(persistentVolumeClaim={"claimName": "data-orders-0"}),
        f"{_VOLUME}.persistentVolumeClaim.claimName",
    ),
    *(
        (mounting(path), f"{_MOUNT}.mountPath")
        for path in (
            *(
                "/",
                "/etc",
                "/var",
                "/var/lib",
                "/var/lib/postgresql/17",
                "/etc/patroni/x",
                "/run",
                "/var/run",
            ),
            *(
                "/var/run/postgresql",
                "/run/keddah-backup/x",
                "/usr/lib",
                "/usr/share/postgresql/17/extension",
            ),
            *("/proc/x", "/lib", "/opt", "/etc/passwd", "/etc/keddah/tls/x", "/var/run/secrets", "relative"),
            *("/a/../etc", "/a//b", "/a/", "/a:b", "/usr/local/share", "/usr/local/share/../bin"),
        )
    ),
    (beside(name="keddah-agent"), f"{_SIDECAR}.name"),
    (beside(ports=[{"containerPort": 5432}]), f"{_SIDECAR}.ports[0].containerPort"),
    (beside(ports=[{"containerPort": 8008}]), f"{_SIDECAR}.ports[0].containerPort"),
    (beside(ports=[{"containerPort": 8432}]), f"{_SIDECAR}.ports[0].containerPort"),
    (beside(ports=[{"containerPort": 1, "name": "postgresql"}]), f"{_SIDECAR}.ports[0].name"),
    (
        {
            "sidecars": [
                {"name": name, "image": IMAGE, "ports": [{"containerPort": 9187}]} for name in ("a", "b")
            ]
        },
        "spec.template.sidecars[1].ports[0].containerPort",
    ),
    (beside(envFrom=[{"secretRef": {"name": "orders-superuser"}}]), f"{_SIDECAR}.envFrom[0].secretRef.name"),
    (probing(httpGet={"port": "other"}), f"{_SIDECAR}.readinessProbe.httpGet.port"),
    (probing(httpGet={"port": 1, "path": "x"}), f"{_SIDECAR}.readinessProbe.httpGet.path"),
)
"""What Kubernetes takes, and what would stand in the way of keddah's own."""
