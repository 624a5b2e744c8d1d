"""Find, check and read a layer. Nothing is read that the lock file does not pin by hash."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from consentry.errors import LayerError
from consentry.vision.layer.lock import MANIFEST_NAME, Lock, Role, pinned


@dataclass(frozen=True)
class ModelInfo:
    """A model as results and records name it.

    ``digest`` is the SHA-256 in hex of the loaded file, ``source`` that of the published one, whose
    weights it holds.
    """

    role: Role
    name: str
    digest: str
    source: str


class Layer:
    """An opened layer: the directory that ``lock`` pins below ``root``.

    Opening checks the manifest and that the directory holds the pinned files and no others;
    ``read`` checks a file's hash on the very bytes that it gives. Both raise LayerError.
    """

    def __init__(self, root: Path, lock: Lock | None = None) -> None:
        self.lock = lock or pinned()
        self.folder = root / self.lock.digest
        try:
            present = {entry.name for entry in self.folder.iterdir()}
            manifest = (self.folder / MANIFEST_NAME).read_bytes()
        except OSError:
            raise LayerError(
                "the model layer is missing; build it by `consentry layer build`"
            ) from None
        if manifest != self.lock.manifest():
            raise LayerError("the manifest of the model layer is not the pinned one")
        if present != {MANIFEST_NAME} | {model.file for model in self.lock.models}:
            raise LayerError("the model layer lacks a pinned file or holds one that is not pinned")

    @property
    def models(self) -> Mapping[Role, ModelInfo]:
        """The models that can be loaded."""
        return {
            model.role: ModelInfo(model.role, model.name, model.sha256, model.source_sha256)
            for model in self.lock.models
        }

    def read(self, role: Role) -> bytes:
        """Read a model's file."""
        model = self.lock.pin(role)
        try:
            data = (self.folder / model.file).read_bytes()
        except OSError:
            raise LayerError(f"the file of {model.name} cannot be read") from None
        if hashlib.sha256(data).hexdigest() != model.sha256:
            raise LayerError(f"the file of {model.name} is not the pinned one")
        return data


def verify(root: Path, *, lock: Lock | None = None) -> None:
    """Check every file of a layer; LayerError names the first one that is not as pinned."""
    layer = Layer(root, lock)
    for model in layer.lock.models:
        layer.read(model.role)


def describe(root: Path, *, lock: Lock | None = None) -> dict[str, Any]:
    """Describe a layer for people and scripts: its digest, and its models with their bytes."""
    layer = Layer(root, lock)
    return {
        "digest": layer.lock.digest,
        "models": [
            {
                "role": model.role.value,
                "name": model.name,
                "licence": model.licence,
                "source": f"{model.package.name} {model.package.version}",
                "sha256": model.sha256,
                "bytes": (layer.folder / model.file).stat().st_size,
            }
            for model in layer.lock.models
        ],
    }
