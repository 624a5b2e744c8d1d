"""The pinned models: a closed list of roles, and of files by SHA-256.

``models.lock.toml`` beside this module is the only source of models. It is package data, so
whoever can change it can change the code as well; nothing read at run time adds to it.
"""

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib.resources import files
from typing import Any, Final

from consentry.errors import LayerError

LOCK_VERSION: Final = 1
MANIFEST_NAME: Final = "manifest.json"
_SHA256_CHARACTERS: Final = 64


class Role(StrEnum):
    """What a model may be for. There is no role for emotion, gender, age or any other trait."""

    DETECTOR = "detector"
    SECOND_DETECTOR = "second_detector"
    EMBEDDER = "embedder"
    SECOND_EMBEDDER = "second_embedder"
    LANDMARKS = "landmarks"


class Format(StrEnum):
    """What a source file is, and so how a model is assembled from it."""

    ONNX = "onnx"  # plain float32
    INT8BQ = "int8bq"  # block-quantised ONNX, as OpenCV Zoo publishes it
    DLIB = "dlib"  # dlib's own serialisation


@dataclass(frozen=True)
class Package:
    """A file on a package index: ``kind`` is ``wheel`` or ``sdist``, ``sha256`` in hex."""

    name: str
    version: str
    kind: str
    sha256: str


@dataclass(frozen=True)
class Tensor:
    """A float32 input or output of a model; a dimension is a number or, where free, its name."""

    name: str
    shape: tuple[int | str, ...]


@dataclass(frozen=True)
class ModelPin:
    """One model: where it comes from, what is made of it, and how it must be fed.

    ``source_path`` lies in the package, has ``source_sha256`` and is in ``source_format``; the
    assembled file has ``sha256``. ``normalisation`` is for readers: the code that feeds the model
    implements it.
    """

    role: Role
    name: str
    licence: str
    package: Package
    source_format: Format
    source_path: str
    source_sha256: str
    sha256: str
    normalisation: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    @property
    def file(self) -> str:
        """Name of the assembled file in the layer."""
        return f"{self.name}.onnx"


@dataclass(frozen=True)
class Lock:
    """All pinned models; at most one for each role."""

    models: tuple[ModelPin, ...]

    def manifest(self) -> bytes:
        """Describe the layer that these pins give, as canonical JSON with a final newline."""
        document = {
            "version": LOCK_VERSION,
            "models": [asdict(model) | {"file": model.file} for model in self.models],
        }
        return json.dumps(document, indent=2, sort_keys=True).encode() + b"\n"

    @property
    def digest(self) -> str:
        """SHA-256 in hex of the manifest, which holds every hash: the layer's address."""
        return hashlib.sha256(self.manifest()).hexdigest()

    def pin(self, role: Role) -> ModelPin:
        """Give the model of a role; LayerError where none is pinned."""
        for model in self.models:
            if model.role is role:
                return model
        raise LayerError(f"no model is pinned for the role {role.value}")


def pinned() -> Lock:
    """Read the lock file of this package."""
    return parse_lock((files(__package__) / "models.lock.toml").read_text(encoding="utf-8"))


def parse_lock(text: str) -> Lock:
    """Parse a lock file; LayerError names the first thing in it that may not be so."""
    try:
        document = tomllib.loads(text)
        if document["version"] != LOCK_VERSION:
            raise LayerError("the lock file of the models has an unknown version")
        packages = {
            key: Package(value["name"], value["version"], value["kind"], _sha256(value["sha256"]))
            for key, value in document["package"].items()
        }
        models = tuple(_model(entry, packages) for entry in document["model"])
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        raise LayerError(f"the lock file of the models is malformed: {error}") from None
    if len({model.role for model in models}) != len(models):
        raise LayerError("the lock file of the models names two models for one role")
    return Lock(models)


def _model(entry: Mapping[str, Any], packages: Mapping[str, Package]) -> ModelPin:
    try:
        role = Role(entry["role"])
        source_format = Format(entry["source_format"])
    except ValueError:
        raise LayerError(
            "the lock file of the models names a role or format outside the list"
        ) from None
    return ModelPin(
        role=role,
        name=_plain(entry["name"]),
        licence=entry["licence"],
        package=packages[entry["package"]],
        source_format=source_format,
        source_path=entry["source_path"],
        source_sha256=_sha256(entry["source_sha256"]),
        sha256=_sha256(entry["sha256"]),
        normalisation=entry["normalisation"],
        inputs=_tensors(entry["inputs"]),
        outputs=_tensors(entry["outputs"]),
    )


def _tensors(shapes: Mapping[str, list[int | str]]) -> tuple[Tensor, ...]:
    return tuple(Tensor(name, tuple(shape)) for name, shape in shapes.items())


def _plain(name: str) -> str:
    """Accept a model's name only if it can be a file's name anywhere."""
    if not name or not set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-"):
        raise LayerError("a model's name is lower-case letters, digits and hyphens")
    return name


def _sha256(text: str) -> str:
    if len(text) != _SHA256_CHARACTERS or not set(text) <= set("0123456789abcdef"):
        raise LayerError("a hash in the lock file of the models is not SHA-256 in hex")
    return text
