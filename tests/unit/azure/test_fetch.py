"""Pictures by address: a real TLS server, and every way around the allow-list."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from consentry.azure.fetch import Fetcher, is_public
from consentry.errors import UrlError

PICTURE = b"not really a picture" * 100


class _Pictures(BaseHTTPRequestHandler):
    requests: ClassVar[list[str]] = []
    posted: ClassVar[list[tuple[str, bytes]]] = []

    def do_GET(self) -> None:
        self.requests.append(self.path)
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/picture")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(PICTURE) + (self.path == "/truncated")))
        self.end_headers()
        self.wfile.write(PICTURE)

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        status = {"/notice": 204, "/moved": 302}.get(self.path, 403)
        if status < 300:
            self.posted.append((str(self.headers["Content-Type"]), data))
        self.send_response(status)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        del args


def _certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, ssl.SSLContext]]:
    pem = _certificate(tmp_path_factory.mktemp("tls"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Pictures)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port, ssl.create_default_context(cafile=str(pem))
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def fetch(server: tuple[int, ssl.SSLContext]) -> Iterator[Fetcher]:
    port, tls = server
    _Pictures.requests.clear()
    fetcher = Fetcher(["localhost"], allowed=lambda _: True, tls=tls, port=port)
    yield fetcher
    fetcher.close()


def _url(server: tuple[int, ssl.SSLContext], path: str) -> str:
    return f"https://localhost:{server[0]}{path}"


def test_picture_on_an_allowed_host_is_fetched(
    fetch: Fetcher, server: tuple[int, ssl.SSLContext]
) -> None:
    assert fetch(_url(server, "/picture"), limit=len(PICTURE)) == PICTURE


@pytest.mark.parametrize("path", ["/moved", "/truncated"])
def test_redirect_and_short_reply_are_refused(
    fetch: Fetcher, server: tuple[int, ssl.SSLContext], path: str
) -> None:
    with pytest.raises(UrlError):
        fetch(_url(server, path), limit=10 * len(PICTURE))
    assert _Pictures.requests == [path]


def test_larger_picture_is_not_read_to_its_end(
    fetch: Fetcher, server: tuple[int, ssl.SSLContext]
) -> None:
    with pytest.raises(UrlError):
        fetch(_url(server, "/picture"), limit=len(PICTURE) - 1)


def test_allowed_name_that_resolves_to_a_private_address_is_refused(
    server: tuple[int, ssl.SSLContext],
) -> None:
    port, tls = server
    _Pictures.requests.clear()
    fetcher = Fetcher(["localhost"], tls=tls, port=port)
    with pytest.raises(UrlError):
        fetcher(_url(server, "/picture"), limit=len(PICTURE))
    fetcher.close()
    assert _Pictures.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/picture",
        "https://example.com/picture",
        "https://localhost.example.com/",
        "https://user@localhost/",
        "https://localhost:22/",
        "https://[::1]/",
        "https://localhost:99999999/",
        "https://[/",
        "file:///etc/passwd",
        "localhost",
        "",
        "https://localhost/\r\nX: y",
        "https://localhost/" + "a" * 3000,
    ],
)
def test_address_that_is_not_plainly_allowed_is_refused(fetch: Fetcher, url: str) -> None:
    with pytest.raises(UrlError):
        fetch(url, limit=1000)
    assert _Pictures.requests == []


def test_without_a_list_nothing_is_fetched() -> None:
    with pytest.raises(UrlError):
        Fetcher([])("https://localhost/", limit=1000)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("10.0.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("168.63.129.16", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::a00:1", False),
        ("2002:a00:1::1", False),
    ],
)
def test_only_addresses_of_the_open_internet_are_public(address: str, public: bool) -> None:
    assert is_public(ip_address(address)) is public


def test_document_is_sent_and_anything_but_a_2xx_is_an_error(
    fetch: Fetcher, server: tuple[int, ssl.SSLContext]
) -> None:
    _Pictures.posted.clear()
    fetch.post(_url(server, "/notice"), b"signed", media_type="application/jose+json")
    assert _Pictures.posted == [("application/jose+json", b"signed")]
    for path in ("/moved", "/refused"):
        with pytest.raises(UrlError, match="did not take"):
            fetch.post(_url(server, path), b"signed", media_type="text/plain")
    with pytest.raises(UrlError, match="allows"):
        fetch.post("https://other.example/notice", b"signed", media_type="text/plain")
