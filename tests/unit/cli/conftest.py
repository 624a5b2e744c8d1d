"""Fixtures of the command line's tests."""

from pathlib import Path

import pytest
from tests.support.command_line import Consentry, Ran

from consentry.cli.app import run

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def consentry(capsys: pytest.CaptureFixture[str]) -> Consentry:
    def call(*words: str | Path) -> Ran:
        capsys.readouterr()
        code = run([str(word) for word in words])
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return call


@pytest.fixture(scope="session")
def samples() -> Path:
    return ROOT / ".consentry" / "samples"
