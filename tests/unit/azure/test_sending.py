"""Requests to storage arrive as they were meant, and small ones in one piece."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

import pytest
from requests import ConnectionError as NotConnectedError
from requests import Session

from consentry.azure.sending import TOGETHER_BYTES_MAX, HeldConnection, SendingTogether

SECONDS = 9
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Peer:
    """A service on one connection that keeps what each read of its socket gave."""

    def __init__(self, listener: socket.socket) -> None:
        self.address: tuple[str, int] = listener.getsockname()
        self.url = f"http://127.0.0.1:{self.address[1]}/"
        self.reads: list[bytes] = []
        self._listener = listener
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> "Peer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()

    @property
    def received(self) -> tuple[bytes, bytes]:
        """Head and body."""
        head, _, body = b"".join(self.reads).partition(b"\r\n\r\n")
        return head, body

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            connection.settimeout(SECONDS)
            while not self._is_whole():
                self.reads.append(connection.recv(2 * TOGETHER_BYTES_MAX))
            connection.sendall(ANSWER)

    def _is_whole(self) -> bool:
        head, body = self.received
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                return len(body) >= int(line.split(b":")[1])
        return b"transfer-encoding: chunked" in head.lower() and body.endswith(b"0\r\n\r\n")


@contextmanager
def peer() -> Iterator[Peer]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(SECONDS)
        with Peer(listener) as serving:
            yield serving


@pytest.fixture
def session() -> Iterator[Session]:
    with Session() as made:
        made.trust_env = False
        made.mount("http://", SendingTogether())
        yield made


@pytest.mark.parametrize(
    "body",
    [b"", b"x", '{"count": 1}', bytes(TOGETHER_BYTES_MAX), bytes(TOGETHER_BYTES_MAX + 1)],
    ids=["empty", "one byte", "text", "largest together", "larger"],
)
def test_a_body_arrives_whole(session: Session, body: bytes | str) -> None:
    with peer() as service:
        assert session.put(service.url, data=body, timeout=SECONDS).status_code == 200
    head, received = service.received
    assert head.startswith(b"PUT / HTTP/1.1\r\n")
    assert received == (body.encode() if isinstance(body, str) else body)


def test_streams_arrive_whole(session: Session) -> None:
    content = bytes(range(256)) * 1024
    with peer() as service:
        session.put(service.url, data=BytesIO(content), timeout=SECONDS).raise_for_status()
    assert service.received[1] == content
    with peer() as service:
        session.put(service.url, data=iter([b"ab", b"c"]), timeout=SECONDS).raise_for_status()
    assert service.received[1] == b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"


class Socket(socket.socket):
    """A socket that keeps what it was told to send."""

    def __init__(self, family: int) -> None:
        super().__init__(family)
        self.sent: list[bytes] = []

    def sendall(self, data: bytes, flags: int = 0, /) -> None:  # type: ignore[override]
        self.sent.append(bytes(data))
        super().sendall(data, flags)


@pytest.mark.parametrize(("size", "pieces"), [(5, 1), (TOGETHER_BYTES_MAX + 1, 2)])
def test_a_small_request_is_sent_in_one_piece(size: int, pieces: int) -> None:
    with peer() as service, Socket(socket.AF_INET) as connected:
        connected.connect(service.address)
        connection = HeldConnection(*service.address)
        connection.sock = connected
        connection.request("PUT", "/", bytes(size), {"Content-Length": str(size)})
        assert connection.getresponse().status == 200
        assert len(connected.sent) == pieces
    assert service.received[1] == bytes(size)


def test_after_a_request_that_could_not_be_sent_the_next_one_is_whole(session: Session) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    with pytest.raises(NotConnectedError):
        session.put(url, data=b"lost", timeout=SECONDS)
    with peer() as service:
        session.put(service.url, data=b"next", timeout=SECONDS).raise_for_status()
    assert service.received[1] == b"next"
