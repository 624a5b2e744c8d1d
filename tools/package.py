"""Build the deployable package: `make package`.

Everything the function app needs on Azure (Linux x86_64, CPython 3.13) and nothing else, in one
zip whose bytes depend on the commit alone: the functions, the service without its command line
and development host, the model layer, and the wheels that requirements/production.lock names by
hash. A bill of materials lies in it and beside it. The package is written last, so that an
interrupted build leaves the old one.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from package_bill import bill_of_materials
from rich.console import Console
from rich.table import Table

from consentry.errors import ConsentryError
from consentry.limits import MEBIBYTE
from consentry.vision.layer import pinned, verify

ROOT: Final = Path(__file__).resolve().parent.parent
LAYERS: Final = ROOT / ".consentry" / "layer"
PACKAGE: Final = "consentry-package.zip"
BILL: Final = "consentry-package.cdx.json"
LOCK: Final = ROOT / "requirements" / "production.lock"

SIZE_BYTES_MAX: Final = 150 * MEBIBYTE
SITE_PACKAGES: Final = ".python_packages/lib/site-packages"  # where Azure's worker looks
EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the oldest time that a zip can hold
FILE_MODE: Final = 0o100644  # Azure mounts the package as a file system and reads by these bits
UNIX: Final = 3
PLATFORMS: Final = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014")

# Of the service, what only a developer's machine runs.
LEFT_OUT: Final = (
    "cli",
    "evaluate",
    "localhost",
    "vision/layer/build.py",
    "vision/layer/dlib.py",
    "vision/layer/fetch.py",
    "vision/layer/fold.py",
)
# Of a wheel, what only its own tests, type checkers and compilers read.
UNREAD_FOLDERS: Final = frozenset({"tests"})
UNREAD_SUFFIXES: Final = frozenset({".a", ".c", ".h", ".pxd", ".pyi", ".pyx"})
HEAVIEST_SHOWN: Final = 8


class PackageError(Exception):
    """The package cannot be built; the message says why."""


def main() -> int:
    """Build the package, or say why not."""
    arguments = argparse.ArgumentParser(description="Build the deployable package.")
    arguments.add_argument("--dist", type=Path, default=ROOT / "dist", help="where to put it")
    dist = arguments.parse_args().dist
    console = Console()
    try:
        verify(LAYERS)
        with tempfile.TemporaryDirectory(prefix="consentry-package-") as scratch:
            build(Path(scratch), dist, console)
    except (PackageError, ConsentryError) as error:
        console.print(f"[red]No package:[/] {error}")
        return 1
    return 0


def build(scratch: Path, dist: Path, console: Console) -> None:
    """Stage, describe, check and write the package."""
    wheels, stage = scratch / "wheels", scratch / "stage"
    fetch_wheels(wheels)
    stage_code(stage)
    for wheel in sorted(wheels.iterdir()):
        unpack_wheel(wheel, stage / SITE_PACKAGES)
    bill = bill_of_materials(sorted(wheels.iterdir()), pinned())
    (stage / "sbom.cdx.json").write_text(bill, encoding="utf-8")
    made = scratch / PACKAGE
    write_zip(stage, made)
    size = made.stat().st_size
    report(made, size, console)
    if size > SIZE_BYTES_MAX:
        raise PackageError(f"it is larger than {SIZE_BYTES_MAX // MEBIBYTE} MiB")
    dist.mkdir(parents=True, exist_ok=True)
    (dist / BILL).write_text(bill, encoding="utf-8")
    shutil.move(made, dist / PACKAGE)


def fetch_wheels(target: Path) -> None:
    """Fetch the locked wheels for the platform that Azure runs, each checked by its hash."""
    platforms = [flag for name in PLATFORMS for flag in ("--platform", f"{name}_x86_64")]
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps"),
        *("--only-binary=:all:", "--require-hashes", "--requirement", str(LOCK)),
        *("--implementation", "cp", "--python-version", "3.13", *platforms),
        *("--dest", str(target)),
    ]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (pip)
    if finished.returncode != 0:
        raise PackageError(f"pip could not fetch the locked wheels:\n{finished.stderr.strip()}")


def stage_code(stage: Path) -> None:
    """Lay out what is ours: functions at the root, the service and its layer beside them."""
    stage.mkdir()
    for source in sorted((ROOT / "functions").iterdir()):
        if source.suffix == ".py" or source.name == "host.json":
            shutil.copy(source, stage)
    service = ROOT / "shared" / "consentry"
    left_out = tuple(service / name for name in LEFT_OUT)
    for source in sorted(service.rglob("*")):
        if source.is_dir() or "__pycache__" in source.parts:
            continue
        if not any(source == out or out in source.parents for out in left_out):
            target = stage / "consentry" / source.relative_to(service)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    digest = pinned().digest
    shutil.copytree(LAYERS / digest, stage / "layer" / digest)


def unpack_wheel(wheel: Path, target: Path) -> None:
    """Install a wheel as an installer would, but for scripts and what is not read at run time."""
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            inside = _installed_as(name)
            if inside and not name.endswith("/") and not _is_unread(PurePosixPath(inside)):
                path = target / inside
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(archive.read(name))


def _is_unread(path: PurePosixPath) -> bool:
    return path.suffix in UNREAD_SUFFIXES or not UNREAD_FOLDERS.isdisjoint(path.parts)


def _installed_as(name: str) -> str:
    """Where a wheel's file goes below site-packages; empty for scripts, headers and data."""
    head, _, rest = name.partition("/")
    if not head.endswith(".data"):
        return name
    scheme, _, inside = rest.partition("/")
    return inside if scheme in ("purelib", "platlib") else ""


def write_zip(stage: Path, target: Path) -> None:
    """Write a zip that is the same for the same files: sorted, undated, one mode for all."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in files(stage):
            entry = zipfile.ZipInfo(path.relative_to(stage).as_posix(), EPOCH)
            entry.create_system = UNIX
            entry.external_attr = FILE_MODE << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes(), compresslevel=9)


def files(folder: Path) -> Iterator[Path]:
    """All files below a folder, in order of their names."""
    return iter(sorted(path for path in folder.rglob("*") if path.is_file()))


def report(package: Path, size: int, console: Console) -> None:
    """Say how large the package is and what weighs most in it."""
    packed, plain = Counter[str](), Counter[str]()
    with zipfile.ZipFile(package) as archive:
        for entry in archive.infolist():
            inside = entry.filename.removeprefix(f"{SITE_PACKAGES}/")
            part = inside.partition("/")[0].partition(".libs")[0]
            packed[part] += entry.compress_size
            plain[part] += entry.file_size
    table = Table("part", "packed MB", "unpacked MB", box=None)
    for part, bytes_ in packed.most_common(HEAVIEST_SHOWN):
        table.add_row(part, f"{bytes_ / 1e6:.1f}", f"{plain[part] / 1e6:.1f}")
    console.print(table)
    console.print(
        f"{PACKAGE}: {size / 1e6:.1f} MB packed,"
        f" {sum(plain.values()) / 1e6:.1f} MB unpacked, {len(packed)} parts"
    )


if __name__ == "__main__":
    sys.exit(main())
