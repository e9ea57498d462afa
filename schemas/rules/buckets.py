"""A repository in an S3 bucket, of the database itself or of the one that is restored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.kubernetes import s3
from schemas.verdict import Violation, got, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.api.backup import S3Repository


def violations(path: str, given: S3Repository) -> Iterator[Violation]:
    """Refuse names that no S3 service takes, and a bucket's name before an address."""
    for field, value, problem in (
        ("bucket", given.bucket, s3.bucket_problem(given.bucket)),
        ("endpoint", given.endpoint, s3.endpoint_problem(given.endpoint)),
        ("region", given.region, s3.region_problem(given.region)),
        ("path", given.path, s3.folder_problem(given.path) if given.path else None),
    ):
        if problem is not None:
            yield got(f"{path}.{field}", value, problem)
    where = s3.endpoint(given.endpoint)
    if given.addressing == "VirtualHost" and where is not None and where.is_address:
        expected = "must be Path: a bucket's name cannot be put before an IP address"
        yield got(f"{path}.addressing", given.addressing, expected)
    if given.ca_secret and where is not None and where.plain:
        expected = "must be left out where the endpoint is http://, which has no certificate"
        yield got(f"{path}.caSecret.name", given.ca_secret.name, expected)


def warnings(path: str, given: S3Repository, *, encrypted: bool) -> Iterator[str]:
    """Warn of what travels for everybody to read, and of names that certificates do not cover."""
    where = s3.endpoint(given.endpoint)
    if where is not None and where.plain and not encrypted:
        yield warning(f"{path}.endpoint: by http:// everybody on the way can read the data")
    if given.addressing == "VirtualHost" and "." in given.bucket and not (where and where.plain):
        yield warning(f"{path}.bucket: few certificates cover a name with dots; addressing Path avoids that")
