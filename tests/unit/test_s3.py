"""Names that S3 services take, and those that they do not."""

from __future__ import annotations

import pytest

from schemas.kubernetes import s3
from schemas.kubernetes.s3 import Endpoint


@pytest.mark.parametrize("name", ["abc", "a.b", "my-backups-2026", "0ab", "a" * 63, "10.0.0.256"])
def test_buckets_that_can_be(name: str) -> None:
    assert s3.bucket_problem(name) is None


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("ab", "3 to 63"),
        ("a" * 64, "3 to 63"),
        ("Backups", "a-z"),
        ("back_ups", "a-z"),
        ("-abc", "from a letter or digit"),
        ("abc-", "to a letter or digit"),
        ("abc\n", "a-z"),
        ("a..b", "two dots"),
        ("10.0.0.1", "IP address"),
        ("xn--abc", "begin with xn--"),
        ("sthree-abc", "begin with sthree-"),
        ("abc-s3alias", "end with -s3alias"),
        ("abc--x-s3", "end with --x-s3"),
        ("bücher", "a-z"),
    ],
)
def test_buckets_that_cannot_be(name: str, word: str) -> None:
    assert word in (s3.bucket_problem(name) or "")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("s3.example.com", Endpoint("s3.example.com", None, plain=False)),
        ("minio", Endpoint("minio", None, plain=False)),
        ("s3.shop.svc:9000", Endpoint("s3.shop.svc", 9000, plain=False)),
        ("https://s3.example.com:443", Endpoint("s3.example.com", 443, plain=False)),
        ("http://10.0.0.1:9000", Endpoint("10.0.0.1", 9000, plain=True)),
        ("[2001:db8::1]:9000", Endpoint("2001:db8::1", 9000, plain=False)),
        ("https://[::1]", Endpoint("::1", None, plain=False)),
        ("s3.example.com.", Endpoint("s3.example.com.", None, plain=False)),
    ],
)
def test_endpoints_are_read(text: str, found: Endpoint) -> None:
    assert s3.endpoint(text) == found
    assert s3.endpoint_problem(text) is None


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("s3.example.com/", "must be s3.example.com: a folder goes into path"),
        ("https://s3.example.com/bucket", "must be https://s3.example.com: a folder goes into path"),
        ("s3://bucket", "unknown scheme"),
        ("ftp://s3.example.com", "unknown scheme"),
        ("user:pass@s3.example.com", "must be a host"),
        ("s3.example.com:0", "must be a host"),
        ("s3.example.com:65536", "must be a host"),
        ("s3.example.com:٣", "must be a host"),
        ("s3.example.com:", "must be a host"),
        ("s3 example", "must be a host"),
        ("s3.example.com\n", "must be a host"),
        ("10.0.0.300", "must be a host"),
        ("::1", "must be a host"),
        ("[10.0.0.1]", "must be a host"),
        ("[fe80::1%eth0]", "must be a host"),
        ("[::1", "must be a host"),
        ("[::1]x", "must be a host"),
        ("-s3.example", "must be a host"),
        ("https://", "must be a host"),
    ],
)
def test_what_is_no_endpoint_says_what_is_right(text: str, word: str) -> None:
    assert s3.endpoint(text) is None
    assert word in (s3.endpoint_problem(text) or "")


@pytest.mark.parametrize("name", ["us-east-1", "auto", "garage", "RegionOne", "eu_west.2"])
def test_regions_that_can_be(name: str) -> None:
    assert s3.region_problem(name) is None


@pytest.mark.parametrize("name", ["us east", "us-east-1\n", "eu/1", "-a"])
def test_regions_that_cannot_be(name: str) -> None:
    assert "such as us-east-1" in (s3.region_problem(name) or "")


@pytest.mark.parametrize("path", ["/", "/a", "/shop/orders", "/a.b/(c)/d'e", "/..."])
def test_folders_that_can_be(path: str) -> None:
    assert s3.folder_problem(path) is None


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("shop", "begin with /"),
        ("/shop/", "not end with /"),
        ("//shop", "behind one /"),
        ("/sh op", "behind one /"),
        ("/shop\n", "behind one /"),
        ("/bücher", "behind one /"),
        ("/a/../b", "must not have . or .."),
        ("/./a", "must not have . or .."),
    ],
)
def test_folders_that_cannot_be(path: str, word: str) -> None:
    assert word in (s3.folder_problem(path) or "")
