"""How commands find the local stack that another one runs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from consentry.cli.places import NOTE, announced, running
from consentry.errors import LocalStackError


def test_a_stack_is_found_while_it_runs_and_not_afterwards(tmp_path: Path) -> None:
    assert running(tmp_path) is None
    with announced(tmp_path, "http://127.0.0.1:7071", {"CONSENTRY_TENANTS": "contoso"}):
        found = running(tmp_path)
        assert found is not None
        assert found["url"] == "http://127.0.0.1:7071"
        assert found["environment"] == {"CONSENTRY_TENANTS": "contoso"}
    assert running(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_the_note_of_a_killed_stack_counts_for_nothing(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    note = {"pid": ended.pid, "url": "http://127.0.0.1:1", "environment": {}}
    (tmp_path / NOTE).write_text(json.dumps(note), encoding="utf-8")
    assert running(tmp_path) is None


@pytest.mark.parametrize("note", ["", "{}", "[]", '{"pid": "x"}'])
def test_a_damaged_note_is_said_to_be_damaged(tmp_path: Path, note: str) -> None:
    (tmp_path / NOTE).write_text(note, encoding="utf-8")
    with pytest.raises(LocalStackError):
        running(tmp_path)
