"""The list of what is in an image, as CycloneDX: an SBOM, the same for the same image."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import NAMESPACE_OID, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from deploy.generate.objects import VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deploy.images.origin import Origin

SCRIPT: Final = Path(__file__).with_name("inventory.py")
"""Prints what is in the image that runs it."""
_ASKED_ABOUT: Final = (
    "base-files",
    "ca-certificates",
    "libc6",
    "libssl3t64",
    "pgbackrest",
    "python3",
    "tini",
    "tzdata",
)
_SERVERS: Final = re.compile(r"postgresql-\d+(-.*)?")
"""Servers, and extensions of one of them."""


@dataclass(frozen=True)
class Image:
    """The image that the list is of."""

    name: str
    """Without registry and tag."""
    digest: str
    """Of its manifest, such as `sha256:…`; "" where the archive does not tell."""
    origin: Origin


def sbom(image: Image, inventory: Mapping[str, Any]) -> str:
    """Return the SBOM as JSON. Its number follows from its content, its time is the image's own."""
    system = inventory["system"]
    components = [
        _keddah(),
        _system(system),
        *(_debian(package, system) for package in inventory["debian"]),
        *(_python(distribution) for distribution in inventory["python"]),
    ]
    root = _image(image)
    time = datetime.fromtimestamp(image.origin.epoch, UTC)
    bom = Bom(metadata=BomMetaData(timestamp=time, component=root), components=components)
    bom.register_dependency(root, components)
    content = json.dumps([image.name, image.digest, image.origin.key, inventory])
    bom.serial_number = uuid5(NAMESPACE_OID, content)
    return f"{JsonV1Dot6(bom).output_as_string(indent=2)}\n"


def versions(text: str) -> dict[str, str]:
    """Return the versions in an SBOM of those packages of Debian that people ask about."""
    components = json.loads(text)["components"]
    found = {item["name"]: item["version"] for item in components if item["purl"].startswith("pkg:deb/")}
    return {name: found[name] for name in sorted(found) if name in _ASKED_ABOUT or _SERVERS.fullmatch(name)}


def _image(image: Image) -> Component:
    purl = None
    if image.digest:
        purl = PackageURL("oci", None, image.name, image.digest, {"arch": image.origin.architecture})
    algorithm, _, content = image.digest.partition(":")
    known = [HashType(alg=HashAlgorithm.SHA_256, content=content)] if algorithm == "sha256" else []
    return Component(
        type=ComponentType.CONTAINER,
        name=image.name,
        version=VERSION,
        bom_ref="image",
        purl=purl,
        hashes=known,
    )


def _keddah() -> Component:
    purl = PackageURL("generic", None, "keddah", VERSION)
    licences = [LicenseFactory().make_from_string("Apache-2.0")]
    return Component(
        type=ComponentType.APPLICATION,
        name="keddah",
        version=VERSION,
        bom_ref="keddah",
        purl=purl,
        licenses=licences,
    )


def _system(system: Mapping[str, str]) -> Component:
    version = system.get("VERSION_ID", "")
    purl = PackageURL("generic", None, system["ID"], version)
    return Component(
        type=ComponentType.OPERATING_SYSTEM, name=system["ID"], version=version, bom_ref="system", purl=purl
    )


def _debian(package: Mapping[str, str], system: Mapping[str, str]) -> Component:
    qualifiers = {
        "arch": package["architecture"],
        "distro": f"{system['ID']}-{system.get('VERSION_ID', '')}",
        "upstream": f"{package['source']}@{package['source_version']}",
    }
    purl = PackageURL("deb", system["ID"], package["name"], package["version"], qualifiers)
    return _library(package, purl)


def _python(distribution: Mapping[str, str]) -> Component:
    return _library(distribution, PackageURL("pypi", None, distribution["name"], distribution["version"]))


def _library(package: Mapping[str, str], purl: PackageURL) -> Component:
    licence = package.get("license", "")
    return Component(
        type=ComponentType.LIBRARY,
        name=package["name"],
        version=package["version"],
        bom_ref=purl.to_string(),
        purl=purl,
        licenses=[LicenseFactory().make_from_string(licence)] if licence else [],
    )
