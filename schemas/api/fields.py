"""The kinds of value that the API's fields have, and the base of its structures.

A title says in an error what a value must be; the CRD leaves titles out.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

Schema = dict[str, Any]
"""A JSON Schema, or the part of one."""

LONGEST_NAME = 45
"""Children's names add to it, and a CronJob's, the shortest of all, has 52 characters."""
NAME_PATTERN = r"^[a-z]([-a-z0-9]*[a-z0-9])?\Z"
"""RFC 1035, since it names a Service."""

Name = Annotated[
    str,
    Meta(
        pattern=NAME_PATTERN,
        max_length=LONGEST_NAME,
        title=f"at most {LONGEST_NAME} characters of a-z, 0-9 and -, from a letter to a letter or digit",
    ),
]
QUANTITY_TITLE = "a quantity, such as 10Gi"
Quantity = Annotated[
    str,
    Meta(
        pattern=r"^[+-]?([0-9]+|[0-9]+\.[0-9]*|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?\Z",
        max_length=64,
        title=QUANTITY_TITLE,
    ),
]
ObjectName = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z",
        max_length=253,
        title="an object's name: a-z, 0-9, - and ., a letter or digit at both ends",
    ),
]
Host = Annotated[str, Meta(min_length=1, max_length=253)]
VersionText = Annotated[
    str,
    Meta(
        pattern=r"^[1-9][0-9]?(\.(0|[1-9][0-9]?))?$",
        max_length=5,
        title='a version in quotes, such as "17" or "17.6"',
    ),
]
Schedule = Annotated[str, Meta(max_length=1024)]
Instances = Annotated[int, Meta(ge=1, le=2147483647, extra_json_schema={"format": "int32"})]
Port = Annotated[int, Meta(ge=1, le=65535, extra_json_schema={"format": "int32"})]
Count = Annotated[int, Meta(ge=0, le=2147483647, extra_json_schema={"format": "int32"})]
FileMode = Annotated[
    int,
    Meta(ge=0, le=0o777, title="a file's mode, such as 0440 (or 288)", extra_json_schema={"format": "int32"}),
]
TokenSeconds = Annotated[int, Meta(ge=600, le=2**32, extra_json_schema={"format": "int64"})]
PartName = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?\Z",
        max_length=63,
        title="at most 63 characters of a-z, 0-9 and -, a letter or digit at both ends",
    ),
]
PortName = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?\Z",
        max_length=15,
        title="a port's name: at most 15 characters of a-z, 0-9 and -, a letter or digit at both ends",
    ),
]
VariableName = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z_][-A-Za-z0-9_.]*\Z",
        max_length=253,
        title="a variable's name: letters, digits, - _ and ., beginning with a letter or _",
    ),
]
Image = Annotated[str, Meta(min_length=1, max_length=1024)]
Weight = Annotated[int, Meta(ge=1, le=100, extra_json_schema={"format": "int32"})]
Seconds = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1, extra_json_schema={"format": "int64"})]
Bytes = Annotated[int, Meta(ge=0, le=2**53, extra_json_schema={"format": "int64"})]
"""Up to 9 PB: a larger bound is no exact number in JSON, and the API server refuses all values then."""
LabelKey = Annotated[str, Meta(max_length=317)]
TopologyKey = Annotated[
    str,
    Meta(min_length=1, max_length=317, title="a key of nodes' labels, such as kubernetes.io/hostname"),
]
Moment = Annotated[str, Meta(max_length=64, extra_json_schema={"format": "date-time"})]
Identifier = Annotated[str, Meta(min_length=1, max_length=63)]
Amounts = Annotated[dict[str, Quantity | int], Meta(max_length=32)]
Line = Annotated[str, Meta(max_length=4096)]
"""A line of a configuration file; longer than any that makes sense, short enough to remember."""
Lines = Annotated[list[Line], Meta(max_length=512)]
Settings = Annotated[dict[str, Line], Meta(max_length=512)]
Words = Annotated[dict[str, str], Meta(max_length=256)]


def about(description: str, **extensions: object) -> Meta:
    """Describe a field to those who read `kubectl explain`; `list_type` and the like say how it merges."""
    extra = {f"x-kubernetes-{name.replace('_', '-')}": value for name, value in extensions.items()}
    return Meta(description=description, extra_json_schema=extra or None)


class Part(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A piece of the API: camelCase outside, snake_case inside, unknown fields pass by."""


class Section(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A piece of the policy: camelCase in the file, nothing unknown passes."""


class SecretReference(Part, frozen=True, kw_only=True):
    """A Secret of the database's own namespace."""

    name: Annotated[ObjectName, about("Name of the Secret.")]


class ResourceRequirements(Part, frozen=True, kw_only=True):
    """CPU and memory of the database container, as in any container."""

    requests: Annotated[
        Amounts | UnsetType, about("What the scheduler reserves, by resource name: cpu, memory.")
    ] = UNSET
    limits: Annotated[
        Amounts | UnsetType,
        about("What the container cannot exceed, by resource name. A CPU limit costs latency."),
    ] = UNSET
