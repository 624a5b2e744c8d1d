"""A stand-in for Azure Key Vault: its REST interface over TLS, on keys of its own.

It asks for a token as the real one does, and notes which operations came, so that a test can
tell that a private key was used here and not somewhere else.
"""

import base64
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from azure.core.credentials import AccessToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from tests.support.certificate import write_certificate

from consentry.azure.names import KeyName

OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass
class Version:
    """One version of a key."""

    id: str
    key: PrivateKey
    enabled: bool = True


@dataclass
class FakeVault:
    """Keys by name, newest version last."""

    keys: dict[str, list[Version]] = field(default_factory=dict)
    operations: list[str] = field(default_factory=list)
    url: str = ""
    down: bool = False

    def add(self, name: KeyName) -> None:
        """Make a new version of a key."""
        versions = self.keys.setdefault(name, [])
        key: PrivateKey = (
            ec.generate_private_key(ec.SECP256R1())
            if name is not KeyName.WRAPPING
            else rsa.generate_private_key(65537, 2048)
        )
        versions.append(Version(f"{len(versions) + 1:032x}", key))

    def answer(self, method: str, path: str, body: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Do what was asked, as the vault's REST interface has it."""
        _, name, *rest = path.strip("/").split("/")
        versions = self.keys[name]
        if rest == ["versions"]:
            self.operations.append("list")
            return 200, {"value": [self._properties(name, version) for version in versions]}
        wanted = rest[0] if rest and rest[0] else versions[-1].id
        found = [version for version in versions if version.id == wanted]
        if not found:
            return 404, {"error": {"code": "KeyNotFound", "message": "no such key"}}
        if not found[0].enabled:
            return 403, {"error": {"code": "Forbidden", "message": "the key is disabled"}}
        if method == "GET":
            self.operations.append("get")
            jwk = self._jwk(name, found[0])
            return 200, {"key": jwk, "attributes": self._properties(name, found[0])["attributes"]}
        self.operations.append(rest[1])
        return self._use(name, found[0], rest[1], _bytes(body["value"]))

    def _use(
        self, name: str, version: Version, operation: str, value: bytes
    ) -> tuple[int, dict[str, Any]]:
        kid = f"{self.url}/keys/{name}/{version.id}"
        if isinstance(version.key, rsa.RSAPrivateKey):
            if operation == "wrapkey":
                return 200, {
                    "kid": kid,
                    "value": _text(version.key.public_key().encrypt(value, OAEP)),
                }
            try:
                return 200, {"kid": kid, "value": _text(version.key.decrypt(value, OAEP))}
            except ValueError:
                return 400, {"error": {"code": "BadParameter", "message": "does not decrypt"}}
        signed = version.key.sign(value, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
        r, s = utils.decode_dss_signature(signed)
        return 200, {"kid": kid, "value": _text(r.to_bytes(32) + s.to_bytes(32))}

    def _properties(self, name: str, version: Version) -> dict[str, Any]:
        created = 1_700_000_000 + int(version.id, 16)
        return {
            "kid": f"{self.url}/keys/{name}/{version.id}",
            "attributes": {"enabled": version.enabled, "created": created, "updated": created},
        }

    def _jwk(self, name: str, version: Version) -> dict[str, Any]:
        jwk: dict[str, Any] = {"kid": f"{self.url}/keys/{name}/{version.id}"}
        if isinstance(version.key, rsa.RSAPrivateKey):
            public = version.key.public_key().public_numbers()
            numbers = {"n": _text(public.n.to_bytes(256)), "e": _text(public.e.to_bytes(3))}
            return {**jwk, "kty": "RSA", "key_ops": ["wrapKey", "unwrapKey"], **numbers}
        point = version.key.public_key().public_numbers()
        numbers = {"x": _text(point.x.to_bytes(32)), "y": _text(point.y.to_bytes(32))}
        return {**jwk, "kty": "EC", "crv": "P-256", "key_ops": ["sign", "verify"], **numbers}


class FakeIdentity:
    """Gives a token that the stand-in takes."""

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        del scopes, options
        return AccessToken("token", int(datetime.now(UTC).timestamp()) + 3600)


@contextmanager
def running_vault(folder: Path) -> Iterator[tuple[FakeVault, Path]]:
    """Serve a vault with one version of each key; give it and its certificate."""
    vault = FakeVault()
    for name in KeyName:
        vault.add(name)
    certificate = folder / "vault.pem"
    write_certificate(certificate)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(vault))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    vault.url = f"https://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield vault, certificate
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(vault: FakeVault) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._serve("GET")

        def do_POST(self) -> None:
            self._serve("POST")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (inherited)
            del format, args

        def _serve(self, method: str) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(length) or b"{}")
            if vault.down:
                self._reply(503, {"error": {"code": "Busy", "message": "busy"}})
            elif self.headers.get("Authorization") != "Bearer token":
                self._reply(401, {})
            else:
                self._reply(*vault.answer(method, self.path.partition("?")[0], body))

        def _reply(self, status: int, document: dict[str, Any]) -> None:
            data = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            if status == 401:
                challenge = (
                    'authorization="https://login.example/tenant", resource="https://vault.example"'
                )
                self.send_header("WWW-Authenticate", f"Bearer {challenge}")
            self.end_headers()
            self.wfile.write(data)

    return Handler


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
