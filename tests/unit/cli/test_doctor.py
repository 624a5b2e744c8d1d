"""``doctor`` names what is missing, and what cures it."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.command_line import Consentry


def doctor(environment: Mapping[str, str]) -> tuple[int, dict[str, dict[str, Any]]]:
    """Run the doctor in an environment of its own; give its exit code and findings by name."""
    done = subprocess.run(
        [sys.executable, "-m", "consentry.cli", "doctor", "--json"],
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
    )
    findings = json.loads(done.stdout)["findings"]
    return done.returncode, {finding["name"]: finding for finding in findings}


def test_nothing_is_wrong_after_set_up(consentry: Consentry) -> None:
    ran = consentry("doctor")
    assert ran.code == 0, ran.out
    assert "Nothing is wrong here." in ran.out


def test_missing_tools_are_named_with_their_cures(tmp_path: Path) -> None:
    code, findings = doctor({"PATH": str(tmp_path)})
    assert code == 1
    for tool in ("node", "npm"):
        assert findings[tool]["good"] is False
        assert findings[tool]["cure"]
    assert findings["python"]["good"] is True


def test_a_tool_that_does_not_start_is_not_taken_for_one(tmp_path: Path) -> None:
    shim = tmp_path / "node"
    shim.write_text("#!/bin/sh\nexit 127\n", encoding="utf-8")
    shim.chmod(0o755)
    _, findings = doctor({"PATH": str(tmp_path)})
    assert findings["node"] == {
        "name": "node",
        "good": False,
        "detail": "does not start",
        "cure": "Install Node 20 or newer: Azurite runs on it.",
    }


def test_an_old_node_is_named(tmp_path: Path) -> None:
    old = tmp_path / "node"
    old.write_text("#!/bin/sh\necho v18.19.0\n", encoding="utf-8")
    old.chmod(0o755)
    _, findings = doctor({"PATH": str(tmp_path)})
    assert (findings["node"]["good"], findings["node"]["detail"]) == (False, "v18.19.0")


def test_every_wrong_setting_is_named(tmp_path: Path) -> None:
    code, findings = doctor({"PATH": str(tmp_path), "CONSENTRY_TENANTS": "contoso"})
    assert code == 1
    assert "CONSENTRY_WORK_BLOB_ENDPOINT" in findings["settings"]["detail"]
    assert "CONSENTRY_LAYER" in findings["settings"]["detail"]


def test_a_layer_elsewhere_is_missed(tmp_path: Path) -> None:
    code, findings = doctor({"PATH": str(tmp_path), "CONSENTRY_LAYER": str(tmp_path)})
    assert code == 1
    assert findings["model layer"]["cure"] == "`consentry layer build` makes it."
