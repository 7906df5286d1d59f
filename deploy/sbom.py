"""The software bill of materials of this checkout, CycloneDX 1.6 JSON, on standard output: `python deploy/sbom.py`.

Made of requirements.lock and of what the installed packages say of themselves; standard library only, no network.
The same lock gives the same bytes: the serial number comes from the content, the time from SOURCE_DATE_EPOCH, if set.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import sys
import tomllib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote

HOME = Path(__file__).resolve().parents[1]
PINNED = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)==(?P<version>[^\s;]+)\s*(?:;\s*(?P<marker>.*?))?\s*$")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
LONGEST_LICENCE_NAME = 60


class Refused(Exception):
    """No bill can be made; the message says why."""


@dataclass(frozen=True)
class Locked:
    """A requirement of the lock. `marker` says on which machines it is installed; empty means on all."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]

    @property
    def purl(self) -> str:
        return purl_of(self.name, self.version)


def purl_of(name: str, version: str) -> str:
    return f"pkg:pypi/{re.sub(r'[-_.]+', '-', name).lower()}@{quote(version, safe='.')}"


def locked(text: str) -> list[Locked]:
    """The lock's requirements; Refused for a line that pins nothing or carries no hash."""
    lines = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE)).splitlines()
    return [_requirement(line.strip()) for line in lines if line.strip()]


def _requirement(line: str) -> Locked:
    pinned = PINNED.match(re.split(r"\s--hash", line)[0])
    hashes = tuple(sorted(HASH.findall(line)))
    if pinned is None or not hashes:
        raise Refused(f"This line of the lock pins nothing or carries no hash: {line[:80]}")
    return Locked(pinned["name"], pinned["version"], pinned["marker"] or "", hashes)


def bill(project: Mapping[str, Any], requirements: Sequence[Locked], environ: Mapping[str, str]) -> dict[str, Any]:
    """The whole document."""
    content: dict[str, Any] = {
        "metadata": _metadata(project, environ),
        "components": [_component(each) for each in sorted(requirements, key=lambda each: each.purl)],
    }
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    head = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, digest)}",
        "version": 1,
    }
    return head | content


def _metadata(project: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    name, version = project["name"], project["version"]
    product = {"type": "application", "bom-ref": purl_of(name, version), "name": name, "version": version}
    if epoch := environ.get("SOURCE_DATE_EPOCH"):
        return {"timestamp": f"{datetime.fromtimestamp(int(epoch), UTC):%Y-%m-%dT%H:%M:%SZ}", "component": product}
    return {"component": product}


def _component(requirement: Locked) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": requirement.purl,
        "name": requirement.name,
        "version": requirement.version,
        "purl": requirement.purl,
        "hashes": [{"alg": "SHA-256", "content": each} for each in requirement.hashes],
    }
    if licences := _licences(requirement):
        component["licenses"] = licences
    if requirement.marker:
        component["properties"] = [{"name": "python:marker", "value": requirement.marker}]
    return component


def _licences(requirement: Locked) -> list[dict[str, Any]]:
    """What the installed package says; nothing for one that only other machines install."""
    try:
        told = metadata.metadata(requirement.name)
    except metadata.PackageNotFoundError:
        told = None
    if told is None or told["Version"] != requirement.version:
        if not requirement.marker:
            raise Refused(f"{requirement.name} {requirement.version} is locked but not installed.")
        return []
    for expression in told.get_all("License-Expression") or []:
        return [{"expression": expression}]
    classifiers = [each for each in told.get_all("Classifier") or [] if each.startswith("License ::")]
    names = [each.rpartition(" :: ")[2] for each in classifiers] or told.get_all("License") or _titles(requirement.name)
    return [{"license": {"name": name}} for name in names if 0 < len(name) <= LONGEST_LICENCE_NAME]


def _titles(package: str) -> list[str]:
    """The first line of each licence file, of a package that names its licence nowhere else."""
    files = [each for each in metadata.files(package) or [] if each.stem.upper() in {"LICENSE", "LICENCE", "COPYING"}]
    return [file.read_text().strip().partition("\n")[0].strip() for file in files]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="sbom.py", description="Write a CycloneDX 1.6 bill of materials.")
    parser.add_argument("--lock", type=Path, default=HOME / "requirements.lock", help="another lock file")
    options = parser.parse_args(arguments)
    project = tomllib.loads((HOME / "pyproject.toml").read_text())["project"]
    try:
        document = bill(project, locked(options.lock.read_text()), os.environ)
    except Refused as refused:
        print(refused, file=sys.stderr)
        return 1
    print(json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
