"""`tools/engine` finds an engine, or says what is missing."""

import shutil
import subprocess
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools" / "engine"
NEEDED = ("bash", "cat", "cut", "dirname", "env", "sha256sum")


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A folder for PATH with the few programs that the tool itself starts, and nothing else."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in NEEDED:
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    return folder


def run(path: Path, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(path), "HOME": str(home)}
    return subprocess.run([str(TOOL)], env=environment, capture_output=True, text=True, check=False)


def test_engine_on_path_is_taken(bare: Path, tmp_path: Path) -> None:
    for name in ("pulumi", "pulumi-language-python"):
        (bare / name).write_text("#!/bin/sh\n", encoding="utf-8")
        (bare / name).chmod(0o755)
    finished = run(bare, tmp_path)
    assert (finished.returncode, finished.stdout.strip()) == (0, str(bare))


def test_machine_with_neither_engine_nor_go_is_told_what_is_missing(
    bare: Path, tmp_path: Path
) -> None:
    finished = run(bare, tmp_path)
    assert finished.returncode == 1
    assert finished.stdout == ""
    assert "no `pulumi`" in finished.stderr
    assert "no\n`go`" in finished.stderr
    assert not (tmp_path / ".cache").exists()
