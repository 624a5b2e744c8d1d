"""ONNX Runtime tells nobody what it does here."""

import subprocess
import sys
from pathlib import Path

LOAD = "import consentry.vision.sessions as loaded; loaded.ort.get_available_providers()"


def test_loading_the_runtime_leaves_no_identifier_and_no_events(tmp_path: Path) -> None:
    # Nothing of this process's environment: on servers that build and test it keeps quiet anyway.
    surroundings = {"HOME": str(tmp_path), "PYTHONPATH": ":".join(sys.path)}
    subprocess.run([sys.executable, "-c", LOAD], env=surroundings, check=True)
    assert [*tmp_path.rglob("*")] == []
