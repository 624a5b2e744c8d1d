"""``consentry dev``: a stack to play with, from the first line it prints to its orderly end."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.deployment import KEY_HEADER, ROOT

END_SECONDS = 60
SAMPLES = ROOT / ".consentry" / "samples"


def command(*words: str | Path) -> list[str]:
    """Give the words that run a command line."""
    return [sys.executable, "-m", "consentry.cli", *map(str, words)]


@contextmanager
def dev(data: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """Run ``consentry dev`` and give the document that it prints when it is up."""
    with (data / "log").open("w") as log:
        process = subprocess.Popen(
            command("dev", "--json", "--data", data), stdout=subprocess.PIPE, stderr=log, text=True
        )
        with process:
            try:
                assert process.stdout is not None
                lines = []
                for line in process.stdout:
                    lines.append(line)
                    if line == "}\n":
                        break
                yield process, json.loads("".join(lines))
            finally:
                process.terminate()
                process.wait(END_SECONDS)


def test_dev_prints_what_works_and_leaves_nothing_running(tmp_path: Path) -> None:
    with dev(tmp_path) as (process, told):
        assert len(told["curl"]) == 3
        assert all(line.startswith("curl ") and told["url"] in line for line in told["curl"])
        with httpx.Client(base_url=told["url"], headers={KEY_HEADER: told["key"]}) as http:
            picture = (SAMPLES / "person_a_1.jpg").read_bytes()
            reply = http.post("/redactions", content=picture, timeout=END_SECONDS)
            assert reply.status_code == 200
            assert http.get("/keys").json()["keys"]
            under = {"X-Consentry-Consent": told["consent"]}
            face = http.post(
                "/face/v1.2/detect",
                content=picture,
                headers=under | {"Content-Type": "application/octet-stream"},
                timeout=END_SECONDS,
            )
            assert face.json()[0]["faceId"]
        second = subprocess.run(
            command("dev", "--json", "--data", tmp_path),
            capture_output=True,
            text=True,
            check=False,
        )
        assert second.returncode == 5
        assert json.loads(second.stdout)["error"]["code"] == "LocalStack"
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_SECONDS) == 0
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{told['url']}/health")
    assert not (tmp_path / "stack.json").exists()


def test_check_lists_every_function_without_starting_anything() -> None:
    done = subprocess.run(
        command("dev", "--check", "--json"), capture_output=True, text=True, check=True
    )
    told = json.loads(done.stdout)
    assert told["valid"] is True
    assert any(line.startswith("detect ") for line in told["functions"])
