"""``calibrate``: what it sends, what it waits for, and what it tells, on a server that answers.

The service itself takes 400 people; the server here says what it says of them.
"""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.support.command_line import Consentry

NO_FACE = b"nobody"
TOLD = {
    "madeAt": "2026-03-14T15:09:26.000Z",
    "nextFrom": "2026-06-12T15:09:26.000Z",
    "people": 400,
    "impostorPairs": 79_800,
    "falseMatches": [
        {"shippedRate": 0.001, "share": 0.002, "interval": [0.001, 0.003], "isBacked": True},
        {"shippedRate": 0.0001, "share": 0.0, "interval": [0.0, 0.0005], "isBacked": False},
    ],
    "genuinePairs": 400,
    "falseNonMatches": {"share": 0.01, "interval": [0.0, 0.04], "isBacked": False},
}


class Answering(ThreadingHTTPServer):
    """Answers as the service does; the first detection comes in a minute that has no call left."""

    def __init__(self, last: dict[str, Any] | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.last = last
        self.detected: list[tuple[str, bytes]] = []
        self.calibrated: list[str] = []
        self.waited = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def answer(self, path: str, consent: str, body: bytes) -> tuple[int, Any]:
        """Give status and document."""
        if path == "/calibration":
            self.calibrated = json.loads(body)["faceIds"]
            return 200, TOLD
        if not self.waited:
            self.waited = True
            return 429, {"error": {"code": "RateLimitExceeded", "message": "try again"}}
        self.detected.append((consent, body))
        return 200, [] if body == NO_FACE else [{"faceId": body.decode()}]


class _Handler(BaseHTTPRequestHandler):
    server: Answering

    def do_GET(self) -> None:
        missing = {"error": {"code": "NotFound", "message": "your tenant has not calibrated"}}
        self._reply(*((200, self.server.last) if self.server.last else (404, missing)))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        consent = str(self.headers.get("X-Consentry-Consent"))
        self._reply(*self.server.answer(urlsplit(self.path).path, consent, body))

    def log_message(self, *args: object) -> None:
        del args

    def _reply(self, status: int, document: Any) -> None:
        data = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def server() -> Iterator[Answering]:
    with Answering() as found:
        thread = Thread(target=found.serve_forever)
        thread.start()
        yield found
        found.shutdown()
        thread.join()


@pytest.fixture
def people(tmp_path: Path) -> Path:
    for name in ("a1", "a2", "b1"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "b2").write_bytes(NO_FACE)
    file = tmp_path / "people.csv"
    file.write_text("consent,probe,reference\nr-a,a1,a2\nr-b,b1,b2\n", encoding="utf-8")
    return file


def test_every_picture_is_sent_under_its_receipt_once_its_turn_has_come(
    consentry: Consentry, server: Answering, people: Path
) -> None:
    ran = consentry("calibrate", people, "--endpoint", server.url, "--key", "k")
    assert ran.code == 0, ran.err
    assert server.detected == [
        ("r-a", b"a1"), ("r-a", b"a2"), ("r-b", b"b1"), ("r-b", NO_FACE)
    ]  # fmt: skip
    assert server.calibrated == ["a1", "a2", "b1"]
    assert "no face found in 1 pictures" in ran.out
    assert "0.002  0.001 to 0.003" in ran.out
    assert ran.out.count("not backed") == 2
    assert "2026-06-12" in ran.out


def test_tenant_that_calibrated_lately_sends_no_picture(
    consentry: Consentry, server: Answering, people: Path
) -> None:
    server.last = TOLD | {"nextFrom": "9999-01-01T00:00:00.000Z"}
    ran = consentry("calibrate", people, "--endpoint", server.url, "--key", "k", "--json")
    assert ran.code == 3
    assert "9999-01-01" in ran.document["error"]["message"]
    assert (server.detected, server.calibrated, server.waited) == ([], [], False)
