"""Which fields of a pod users may set, and what they are more exactly than OpenAPI says."""

from __future__ import annotations

from typing import Final

CHOSEN: Final = {
    # What Pod Security `restricted` refuses, what keddah decides itself, and what Kubernetes 1.30 has not are
    # left out: a host's ports, paths and addresses, privileges, how a sidecar is restarted.
    "ConfigMapVolumeSource": ("defaultMode", "items", "name", "optional"),
    "Container": (
        *("args", "command", "env", "envFrom", "image", "imagePullPolicy", "livenessProbe", "name", "ports"),
        *("readinessProbe", "resources", "securityContext", "startupProbe", "volumeMounts", "workingDir"),
    ),
    "ContainerPort": ("containerPort", "name", "protocol"),
    "DownwardAPIVolumeFile": ("fieldRef", "mode", "path"),
    "DownwardAPIVolumeSource": ("defaultMode", "items"),
    "EmptyDirVolumeSource": ("medium", "sizeLimit"),
    "EnvVarSource": ("configMapKeyRef", "fieldRef", "secretKeyRef"),
    "GRPCAction": ("port", "service"),
    "HTTPGetAction": ("path", "port", "scheme"),
    "KeyToPath": ("key", "mode", "path"),
    "ObjectFieldSelector": ("fieldPath",),
    "ProjectedVolumeSource": ("defaultMode", "sources"),
    "SecretVolumeSource": ("defaultMode", "items", "optional", "secretName"),
    "SecurityContext": ("readOnlyRootFilesystem", "runAsGroup", "runAsUser"),
    "ServiceAccountTokenProjection": ("audience", "expirationSeconds", "path"),
    "TCPSocketAction": ("port",),
    "Volume": (
        *("configMap", "csi", "downwardAPI", "emptyDir", "name", "persistentVolumeClaim", "projected"),
        "secret",
    ),
    "VolumeMount": ("mountPath", "name", "readOnly", "subPath"),
    "VolumeProjection": ("configMap", "downwardAPI", "secret", "serviceAccountToken"),
}
"""The fields of a structure that users may set, where that is not all of them."""
WANTED: Final = frozenset(
    {
        "ConfigMapEnvSource.name",
        "ConfigMapKeySelector.name",
        "ConfigMapProjection.name",
        "ConfigMapVolumeSource.name",
        "Container.image",
        "ExecAction.command",
        "ProjectedVolumeSource.sources",
        "SecretEnvSource.name",
        "SecretKeySelector.name",
        "SecretProjection.name",
        "SecretVolumeSource.secretName",
        "ServiceAccountTokenProjection.audience",
    }
)
"""Fields that are required by the API server's code, or by us, and not by OpenAPI."""
ELSEWHERE: Final = {
    "ResourceRequirements": "ResourceRequirements",
    "LocalObjectReference": "SecretReference",
}
"""Structures that are in schemas/api/fields.py already."""

# What OpenAPI leaves to the API server's code, pkg/apis/core/validation/validation.go, as far as types can
# say it; the rest is in schemas/rules: placement.py, environment.py, volumes.py and sidecars.py.
REFINED: Final = {
    "CSIVolumeSource.driver": "ObjectName",
    "CSIVolumeSource.volumeAttributes": "Words",
    "ConfigMapEnvSource.name": "ObjectName",
    "ConfigMapKeySelector.name": "ObjectName",
    "ConfigMapProjection.name": "ObjectName",
    "ConfigMapVolumeSource.defaultMode": "FileMode",
    "ConfigMapVolumeSource.name": "ObjectName",
    "Container.image": "Image",
    "Container.imagePullPolicy": 'Literal["Always", "IfNotPresent", "Never"]',
    "Container.name": "PartName",
    "ContainerPort.containerPort": "Port",
    "ContainerPort.name": "PortName",
    "ContainerPort.protocol": 'Literal["TCP", "UDP", "SCTP"]',
    "DownwardAPIVolumeFile.mode": "FileMode",
    "DownwardAPIVolumeSource.defaultMode": "FileMode",
    "EmptyDirVolumeSource.medium": 'Literal["", "Memory"]',
    "EmptyDirVolumeSource.sizeLimit": "Quantity | int",
    "EnvVar.name": "VariableName",
    "GRPCAction.port": "Port",
    "HTTPGetAction.port": "PortName | int",
    "HTTPGetAction.scheme": 'Literal["HTTP", "HTTPS"]',
    "KeyToPath.mode": "FileMode",
    "PersistentVolumeClaimVolumeSource.claimName": "ObjectName",
    "Probe.failureThreshold": "Instances",
    "Probe.initialDelaySeconds": "Count",
    "Probe.periodSeconds": "Instances",
    "Probe.successThreshold": "Instances",
    "Probe.terminationGracePeriodSeconds": "Instances",
    "Probe.timeoutSeconds": "Instances",
    "ProjectedVolumeSource.defaultMode": "FileMode",
    "SecretEnvSource.name": "ObjectName",
    "SecretKeySelector.name": "ObjectName",
    "SecretProjection.name": "ObjectName",
    "SecretVolumeSource.defaultMode": "FileMode",
    "SecretVolumeSource.secretName": "ObjectName",
    "SecurityContext.runAsGroup": "Count",
    "SecurityContext.runAsUser": "Instances",
    "ServiceAccountTokenProjection.expirationSeconds": "TokenSeconds",
    "TCPSocketAction.port": "PortName | int",
    "Volume.name": "PartName",
    "VolumeMount.name": "PartName",
    "LabelSelectorRequirement.key": "LabelKey",
    "LabelSelectorRequirement.operator": 'Literal["In", "NotIn", "Exists", "DoesNotExist"]',
    "NodeSelectorRequirement.key": "LabelKey",
    "NodeSelectorRequirement.operator": 'Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]',
    "PodAffinityTerm.topologyKey": "TopologyKey",
    "PreferredSchedulingTerm.weight": "Weight",
    "Toleration.tolerationSeconds": "Seconds",
    "TopologySpreadConstraint.maxSkew": "Instances",
    "TopologySpreadConstraint.minDomains": "Instances",
    "TopologySpreadConstraint.nodeAffinityPolicy": 'Literal["Honor", "Ignore"]',
    "TopologySpreadConstraint.nodeTaintsPolicy": 'Literal["Honor", "Ignore"]',
    "TopologySpreadConstraint.topologyKey": "TopologyKey",
    "TopologySpreadConstraint.whenUnsatisfiable": 'Literal["DoNotSchedule", "ScheduleAnyway"]',
    "WeightedPodAffinityTerm.weight": "Weight",
}
