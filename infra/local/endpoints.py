"""What an app and the platform answer over HTTP: tokens, the deployment endpoint, the app's health.

Over TLS with a certificate of its own, which only who is told to trusts; tokens, as on App
Service, over plain HTTP on the loopback interface.
"""

import hashlib
import io
import json
import secrets
import ssl
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from consentry.limits import MEBIBYTE
from local.cloud import Cloud
from local.kinds import Hosts

LOOPBACK: Final = "127.0.0.1"
PACKAGE_BYTES_MAX: Final = 500 * MEBIBYTE
TOKEN_SECONDS: Final = 3600
CERTIFICATE_DAYS: Final = 1
MUST_HOLD: Final = frozenset({"host.json", "function_app.py"})
SUCCEEDED: Final = 4


class Identity:
    """Gives tokens as App Service does, to whoever knows the header's value."""

    def __init__(self) -> None:
        self.header = secrets.token_urlsafe(16)
        self._tokens: set[str] = set()

    def issue(self) -> str:
        """Make a token."""
        token = secrets.token_urlsafe(32)
        self._tokens.add(token)
        return token

    def knows(self, authorization: str) -> bool:
        """Tell whether a request carries one of these tokens."""
        return authorization.removeprefix("Bearer ") in self._tokens


@dataclass(frozen=True)
class Endpoints:
    """Where all of it is found, and the environment that leads a deployment there."""

    hosts: Hosts
    environment: dict[str, str]


class _Quiet(BaseHTTPRequestHandler):
    """Answers without logging."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the library's name)
        """Say nothing: tests and rehearsals read standard error."""

    def answer(self, status: HTTPStatus, document: object = None) -> None:
        """Send a JSON document."""
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def endpoints(cloud: Cloud, scratch: Path) -> Iterator[Endpoints]:
    """Serve tokens and the app's two hosts while the block runs."""
    identity = Identity()
    with ExitStack() as running:
        tokens = running.enter_context(_served(_token_handler(identity), None))
        certificate = _certificate(scratch)
        site = running.enter_context(_served(_site_handler(cloud, identity), certificate))
        address = f"{LOOPBACK}:{site}"
        cloud.hosts = Hosts(app=address, deployment=address)
        yield Endpoints(
            cloud.hosts,
            {
                "IDENTITY_ENDPOINT": f"http://{LOOPBACK}:{tokens}/token",
                "IDENTITY_HEADER": identity.header,
                "SSL_CERT_FILE": str(certificate),
            },
        )


@contextmanager
def _served(handler: type[_Quiet], certificate: Path | None) -> Iterator[int]:
    server = ThreadingHTTPServer((LOOPBACK, 0), handler)
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _token_handler(identity: Identity) -> type[_Quiet]:
    class TokenHandler(_Quiet):
        def do_GET(self) -> None:
            if self.headers.get("X-IDENTITY-HEADER") != identity.header:
                self.answer(HTTPStatus.FORBIDDEN)
                return
            query = parse_qs(urlsplit(self.path).query)
            document = {
                "access_token": identity.issue(),
                "expires_on": str(int(time.time()) + TOKEN_SECONDS),
                "resource": query.get("resource", [""])[0],
                "token_type": "Bearer",
            }
            self.answer(HTTPStatus.OK, document)

    return TokenHandler


def _site_handler(cloud: Cloud, identity: Identity) -> type[_Quiet]:
    class SiteHandler(_Quiet):
        def do_GET(self) -> None:
            if self.path == "/health":
                self.answer(HTTPStatus.OK if cloud.published else HTTPStatus.NOT_FOUND)
            elif not identity.knows(self.headers.get("Authorization", "")):
                self.answer(HTTPStatus.UNAUTHORIZED)
            else:
                digest = self.path.removeprefix("/api/deployments/")
                found = digest in cloud.published
                self.answer(HTTPStatus.OK if found else HTTPStatus.NOT_FOUND, {"status": SUCCEEDED})

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            if not 0 < length <= PACKAGE_BYTES_MAX:
                self.answer(HTTPStatus.LENGTH_REQUIRED)
                return
            body = self.rfile.read(length)
            if not identity.knows(self.headers.get("Authorization", "")):
                self.answer(HTTPStatus.UNAUTHORIZED)
            elif urlsplit(self.path).path != "/api/publish":
                self.answer(HTTPStatus.NOT_FOUND)
            elif not _is_app(body):
                self.answer(HTTPStatus.BAD_REQUEST)
            else:
                digest = hashlib.sha256(body).hexdigest()
                cloud.publish(digest)
                self.answer(HTTPStatus.ACCEPTED, digest)

    return SiteHandler


def _is_app(body: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            return set(archive.namelist()) >= MUST_HOLD
    except zipfile.BadZipFile:
        return False


def _certificate(scratch: Path) -> Path:
    """Make a key and a certificate for this machine's loopback address, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Consentry local cloud")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=CERTIFICATE_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(LOOPBACK))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = scratch / "local-cloud.pem"
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
