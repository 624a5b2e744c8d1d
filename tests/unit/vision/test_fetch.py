"""Packages come by hash through the real pip, here from a folder instead of an index."""

import hashlib
import os
import tarfile
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from consentry.errors import LayerError
from consentry.vision.layer.fetch import fetch
from consentry.vision.layer.lock import Package

METADATA = "Metadata-Version: 2.1\nName: toypackage\nVersion: 1.0\n"
PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
# The least that pip asks of an sdist: how to name its wheel's metadata.
BACKEND = f"""
from pathlib import Path

def prepare_metadata_for_build_wheel(folder, config_settings=None):
    made = Path(folder) / "toypackage-1.0.dist-info"
    made.mkdir()
    (made / "METADATA").write_text({METADATA!r})
    (made / "WHEEL").write_text("Wheel-Version: 1.0\\nTag: py3-none-any\\n")
    return made.name

def build_wheel(folder, config_settings=None, metadata_directory=None):
    raise RuntimeError("a wheel is never built")
"""


def wheel(folder: Path) -> str:
    """Write a wheel and give its hash."""
    file = folder / "toypackage-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("toypackage/model.bin", b"weights")
        made.writestr("toypackage-1.0.dist-info/METADATA", METADATA)
        made.writestr("toypackage-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        made.writestr("toypackage-1.0.dist-info/RECORD", "")
    return hashlib.sha256(file.read_bytes()).hexdigest()


def sdist(folder: Path) -> str:
    """Write a source distribution and give its hash."""
    file = folder / "toypackage-1.0.tar.gz"
    content = {
        "PKG-INFO": METADATA, "pyproject.toml": PYPROJECT, "backend.py": BACKEND,
        "tests/face.jpg": "photograph",
    }  # fmt: skip
    with tarfile.open(file, "w:gz") as made:
        for name, text in content.items():
            entry = tarfile.TarInfo(f"toypackage-1.0/{name}")
            entry.size = len(text.encode())
            made.addfile(entry, BytesIO(text.encode()))
    return hashlib.sha256(file.read_bytes()).hexdigest()


def offline(folder: Path) -> dict[str, str]:
    """An environment in which pip knows this folder alone."""
    return {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder)}


def test_file_of_a_wheel_is_fetched(tmp_path: Path) -> None:
    package = Package("toypackage", "1.0", "wheel", wheel(tmp_path))

    found = fetch(package, ["toypackage/model.bin"], offline(tmp_path))

    assert found == {"toypackage/model.bin": b"weights"}


def test_file_of_a_source_distribution_is_fetched_though_a_wheel_is_there(tmp_path: Path) -> None:
    wheel(tmp_path)
    package = Package("toypackage", "1.0", "sdist", sdist(tmp_path))

    assert fetch(package, ["tests/face.jpg"], offline(tmp_path)) == {
        "tests/face.jpg": b"photograph"
    }


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_package_with_another_hash_is_refused(tmp_path: Path, kind: str) -> None:
    wheel(tmp_path)
    sdist(tmp_path)

    with pytest.raises(LayerError, match="its hash differs from the pinned one"):
        fetch(Package("toypackage", "1.0", kind, "0" * 64), [], offline(tmp_path))


def test_package_out_of_reach_is_named(tmp_path: Path) -> None:
    with pytest.raises(LayerError, match=r"toypackage 1\.0 .*index cannot be reached"):
        fetch(Package("toypackage", "1.0", "wheel", "0" * 64), [], offline(tmp_path))


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_package_without_the_file_is_named(tmp_path: Path, kind: str) -> None:
    digest = wheel(tmp_path) if kind == "wheel" else sdist(tmp_path)

    with pytest.raises(LayerError, match="lacks a file that is pinned"):
        fetch(Package("toypackage", "1.0", kind, digest), ["missing.bin"], offline(tmp_path))
