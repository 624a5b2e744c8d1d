"""The worker starts again whatever ends it, and the stack leaves no process behind."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from azure.storage.blob import BlobServiceClient
from tests.support.polling import until
from tests.support.sample import ROOT, SAMPLE_APP, Sample

from consentry.errors import LocalStackError
from consentry.localhost.azurite import Azurite
from consentry.localhost.stack import Stack

TINY_APP = """
import azure.functions as func

app = func.FunctionApp()


@app.route("version", auth_level=func.AuthLevel.ANONYMOUS)
def version(req: func.HttpRequest) -> str:
    return "one"
"""

BLOCKING_APP = """
import os
import signal
import time
import azure.functions as func

app = func.FunctionApp()


@app.route("block", auth_level=func.AuthLevel.ANONYMOUS)
async def block(req: func.HttpRequest) -> str:
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(600)  # blocks the event loop
    return "never"
"""


def _tiny_app(folder: Path, source: str = TINY_APP) -> Path:
    (folder / "function_app.py").write_text(source)
    (folder / "host.json").write_text('{"version": "2.0"}')
    return folder


def _descendants(root: int) -> set[int]:
    """Ids of a process and all that descend from it."""
    command = ["ps", "-A", "-o", "pid=,ppid="]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as listing:
        rows = [line.split() for line in listing.communicate()[0].splitlines()]
    parents = {int(pid): int(parent) for pid, parent in rows if int(pid) != listing.pid}
    found = {root}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_crashed_worker_fails_its_call_and_is_replaced(sample: Sample) -> None:
    before = sample.ready()
    assert sample.http.post("/api/crash").status_code == 500
    assert sample.ready() != before


def test_function_that_takes_too_long_costs_the_worker(sample: Sample) -> None:
    before = sample.ready()
    assert sample.http.post("/api/hang").status_code == 500
    assert sample.ready() != before
    assert "took longer than functionTimeout" in sample.log.read_text()


def test_killed_worker_is_replaced(sample: Sample) -> None:
    before = sample.ready()
    sample.stack.kill_worker()
    assert sample.http.get("/api/process").text != before


def test_restarted_worker_serves_when_the_order_returns(sample: Sample) -> None:
    before = sample.ready()
    sample.stack.restart_worker()
    assert sample.http.get("/api/process").text != before


def test_worker_gets_the_settings_of_the_stack(sample: Sample) -> None:
    sample.ready()
    for name in ("CONSENTRY_TENANTS", "CONSENTRY_WORK_BLOB_ENDPOINT", "ConsentryWork"):
        assert sample.http.get(f"/api/setting/{name}").text == sample.stack.environment[name]


@pytest.mark.slow
def test_changed_code_is_served_and_broken_code_is_waited_out(tmp_path: Path) -> None:
    app = _tiny_app(tmp_path)
    log = tmp_path / "host.log"
    with (
        Stack(ROOT, app, containers=(), tables=(), watch=[app], log=log) as stack,
        httpx.Client(base_url=stack.url) as client,
    ):
        assert client.get("/api/version").text == "one"
        _tiny_app(app, "this is no Python")
        until(lambda: client.get("/api/version").status_code == 503)
        until(lambda: "SyntaxError" in log.read_text())
        with pytest.raises(LocalStackError, match="SyntaxError"):
            stack.restart_worker()
        _tiny_app(app, TINY_APP.replace("one", "two"))
        until(lambda: client.get("/api/version").text == "two")


@pytest.mark.slow
def test_app_that_cannot_be_loaded_fails_the_start_with_its_reason(tmp_path: Path) -> None:
    app = _tiny_app(tmp_path, "raise RuntimeError('a reason of its own')")
    before = _descendants(os.getpid())
    stack = Stack(ROOT, app, containers=(), tables=(), log=tmp_path / "log")
    with pytest.raises(LocalStackError, match="a reason of its own"), stack:
        pass
    assert _descendants(os.getpid()) == before


@pytest.mark.slow
def test_port_in_use_is_named(sample: Sample, tmp_path: Path) -> None:
    port = int(sample.stack.url.rpartition(":")[2])
    stack = Stack(ROOT, SAMPLE_APP, port=port, log=tmp_path / "log")
    with pytest.raises(LocalStackError, match=f"Port {port} is in use"), stack:
        pass


@pytest.mark.slow
def test_stopped_stack_leaves_no_process(tmp_path: Path) -> None:
    before = _descendants(os.getpid())
    with Stack(ROOT, _tiny_app(tmp_path), containers=(), tables=(), log=tmp_path / "log") as stack:
        started = _descendants(os.getpid()) - before
        assert len(started) >= 4  # guard, Azurite, host, worker
        assert httpx.get(f"{stack.url}/api/version").status_code == 200
    assert not [process for process in started if _alive(process)]
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{stack.url}/api/version")


def test_killed_owner_leaves_no_process(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from consentry.localhost.stack import Stack\n"
        "with Stack(Path(sys.argv[1]), Path(sys.argv[2]), containers=(), tables=(),\n"
        "           log=Path(sys.argv[2]) / 'log') as stack:\n"
        "    print(stack.url, flush=True); stack.wait()\n"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", script, str(ROOT), str(_tiny_app(tmp_path))],
        stdout=subprocess.PIPE,
        text=True,
    )
    with owner:
        assert owner.stdout is not None
        url = owner.stdout.readline().strip()
        assert httpx.get(f"{url}/api/version").status_code == 200
        started = _descendants(owner.pid)
        assert len(started) >= 5
        owner.send_signal(signal.SIGKILL)
    until(lambda: not [process for process in started if _alive(process)])


@pytest.mark.slow
def test_worker_that_blocks_does_not_outlive_a_killed_host(tmp_path: Path) -> None:
    app = _tiny_app(tmp_path, BLOCKING_APP)
    before = _descendants(os.getpid())
    with Stack(ROOT, app, containers=(), tables=(), log=tmp_path / "log") as stack:
        started = _descendants(os.getpid()) - before
        with httpx.Client(base_url=stack.url) as client, pytest.raises(httpx.TransportError):
            client.get("/api/block")
    until(lambda: not [process for process in started if _alive(process)])


@pytest.mark.slow
def test_azurite_keeps_its_data_over_a_restart(tmp_path: Path) -> None:

    with (
        Azurite(ROOT, data=tmp_path / "data") as azurite,
        BlobServiceClient.from_connection_string(azurite.connection_string) as blobs,
    ):
        blobs.create_container("kept").upload_blob("name", b"content")
    with (
        Azurite(ROOT, data=tmp_path / "data") as azurite,
        BlobServiceClient.from_connection_string(azurite.connection_string) as blobs,
    ):
        assert blobs.get_blob_client("kept", "name").download_blob().readall() == b"content"


def test_missing_azurite_is_named_with_its_cure(tmp_path: Path) -> None:
    with pytest.raises(LocalStackError, match="make setup"):
        Azurite(tmp_path).launch()


def test_missing_node_is_named_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert shutil.which("node") is None
    with pytest.raises(LocalStackError, match=r"Node\.js is not on PATH"):
        Azurite(ROOT).launch()
