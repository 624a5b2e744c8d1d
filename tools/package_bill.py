"""The package's bill of materials (CycloneDX 1.6, JSON): every wheel and every model."""

import hashlib
import json
import zipfile
from collections.abc import Iterator, Sequence
from email.message import Message
from email.parser import HeaderParser
from importlib.metadata import version
from pathlib import Path
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.factory.license import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

from consentry.vision.layer import Lock

APPLICATION: Final = "consentry"
_LICENCES: Final = LicenseFactory()


def bill_of_materials(wheels: Sequence[Path], layer: Lock) -> str:
    """Describe what the package is made of; the same text for the same parts."""
    bom = Bom()
    application = Component(
        type=ComponentType.APPLICATION,
        name=APPLICATION,
        version=version(APPLICATION),
        bom_ref=APPLICATION,
        licenses=[_LICENCES.make_from_string("Apache-2.0")],
    )
    bom.metadata.component = application
    parts = [*map(_wheel, wheels), *_models(layer)]
    for part in parts:
        bom.components.add(part)
    bom.register_dependency(application, parts)
    text = make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string()
    return _undated(json.loads(text))


def _wheel(path: Path) -> Component:
    name, number, licence = _described(path)
    url = PackageURL("pypi", None, name.lower().replace("_", "-"), number)
    return Component(
        type=ComponentType.LIBRARY,
        name=name,
        version=number,
        purl=url,
        bom_ref=url.to_string(),
        licenses=[_LICENCES.make_from_string(licence)] if licence else [],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=_digest(path))],
        properties=[Property(name="consentry:wheel", value=path.name)],
    )


def _described(wheel: Path) -> tuple[str, str, str]:
    """Name, version and licence, as the wheel's own metadata tells them."""
    with zipfile.ZipFile(wheel) as archive:
        [name] = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        metadata = HeaderParser().parsestr(archive.read(name).decode("utf-8"))
    return metadata["Name"], metadata["Version"], _licence(metadata)


def _licence(metadata: Message) -> str:
    """The licence by its name; older metadata have it as a classifier, or as its whole text."""
    named = (metadata["License-Expression"] or metadata["License"] or "").strip()
    if named and "\n" not in named:
        return str(named)
    classifiers = metadata.get_all("Classifier") or []
    found = [text for text in classifiers if text.startswith("License :: ")]
    return found[0].rpartition(" :: ")[2] if found else ""


def _models(layer: Lock) -> Iterator[Component]:
    for model in layer.models:
        yield Component(
            type=ComponentType.MACHINE_LEARNING_MODEL,
            name=model.name,
            version=model.sha256[:12],
            bom_ref=f"model:{model.name}",
            licenses=[_LICENCES.make_from_string(model.licence)],
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=model.sha256)],
            properties=[
                Property(name="consentry:role", value=model.role.value),
                Property(
                    name="consentry:source", value=f"{model.package.name} {model.package.version}"
                ),
            ],
        )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _undated(document: dict[str, object]) -> str:
    """Take out the moment of writing; the serial number follows from the content instead."""
    metadata = document["metadata"]
    if isinstance(metadata, dict):
        metadata.pop("timestamp", None)
    document.pop("serialNumber", None)
    content = json.dumps(document, sort_keys=True)
    serial = uuid5(NAMESPACE_URL, hashlib.sha256(content.encode()).hexdigest())
    document["serialNumber"] = serial.urn
    return json.dumps(document, sort_keys=True, indent=2) + "\n"
