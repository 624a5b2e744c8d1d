"""Keys behind Azure Key Vault's REST interface: versions, signatures, wrapping, and its failures.

Private keys stay in memory. Which operations came is noted, so that a test can tell that a
private key was used here and not somewhere else.
"""

import base64
import json
import threading
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from local.wire import RefusedRequestError, Reply, Request, json_reply

OAEP: Final = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
PREHASHED: Final = ec.ECDSA(utils.Prehashed(hashes.SHA256()))
RSA_BITS: Final = 3072
COORDINATE_BYTES: Final = 32
FIRST_CREATED: Final = 1_700_000_000  # versions are a second apart, so that their order is known
_OPERATIONS: Final = {
    "sign": "sign",
    "verify": "verify",
    "wrapkey": "wrapKey",
    "unwrapkey": "unwrapKey",
}

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass
class Version:
    """One version of a key."""

    id: str
    key: PrivateKey = field(repr=False)
    enabled: bool = True


@dataclass
class Key:
    """A key; newest version last."""

    bits: int  # of RSA; 0 for a key on the curve P-256
    operations: frozenset[str]
    versions: list[Version] = field(default_factory=list)

    def rotate(self) -> None:
        """Make a new version; older ones stay as they are."""
        made: PrivateKey = (
            rsa.generate_private_key(65537, self.bits)
            if self.bits
            else ec.generate_private_key(ec.SECP256R1())
        )
        self.versions.append(Version(f"{len(self.versions) + 1:032x}", made))


@dataclass
class KeyVault:
    """Keys by name. Safe to use from several threads.

    ``fails_with`` is a status that every request is answered with from now on: 429 for a vault
    that throttles, 503 for one that is down; 0 for one that works.
    """

    keys: dict[str, Key] = field(default_factory=dict)
    operations: list[str] = field(default_factory=list)
    url: str = ""
    fails_with: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, name: str, *, bits: int, operations: frozenset[str]) -> None:
        """Make a key with its first version."""
        key = Key(bits, operations)
        key.rotate()
        with self._lock:
            self.keys[name] = key

    def __call__(self, request: Request) -> Reply:
        """Do what was asked, as the vault's REST interface has it."""
        with self._lock:
            if self.fails_with:
                raise RefusedRequestError(HTTPStatus(self.fails_with), "Throttled")
            return self._answer(request)

    def _answer(self, request: Request) -> Reply:
        _, name, *rest = request.parts
        key = self.keys.get(name)
        if key is None:
            return _error(HTTPStatus.NOT_FOUND, "KeyNotFound")
        if rest == ["versions"]:
            self.operations.append("list")
            return json_reply(200, {"value": [self._properties(name, v) for v in key.versions]})
        wanted = rest[0] if rest else key.versions[-1].id
        found = next((version for version in key.versions if version.id == wanted), None)
        if found is None:
            return _error(HTTPStatus.NOT_FOUND, "KeyNotFound")
        if not found.enabled:
            return _error(HTTPStatus.FORBIDDEN, "Forbidden")
        if request.method == "GET":
            self.operations.append("get")
            attributes = self._properties(name, found)["attributes"]
            return json_reply(200, {"key": self._jwk(name, key, found), "attributes": attributes})
        return self._use(name, key, found, request)

    def _use(self, name: str, key: Key, version: Version, request: Request) -> Reply:
        operation = request.parts[-1]
        if _OPERATIONS.get(operation) not in key.operations:
            return _error(HTTPStatus.FORBIDDEN, "Forbidden")
        self.operations.append(operation)
        document = _json(request)
        kid, value = self._kid(name, version), _bytes(document["value"])
        private = version.key
        if isinstance(private, rsa.RSAPrivateKey):
            if operation == "wrapkey":
                wrapped = private.public_key().encrypt(value, OAEP)
                return json_reply(200, {"kid": kid, "value": _text(wrapped)})
            try:
                return json_reply(200, {"kid": kid, "value": _text(private.decrypt(value, OAEP))})
            except ValueError:
                return _error(HTTPStatus.BAD_REQUEST, "BadParameter")
        if operation == "verify":
            return json_reply(200, {"value": _verifies(private, document)})
        r, s = utils.decode_dss_signature(private.sign(value, PREHASHED))
        signature = r.to_bytes(COORDINATE_BYTES) + s.to_bytes(COORDINATE_BYTES)
        return json_reply(200, {"kid": kid, "value": _text(signature)})

    def _kid(self, name: str, version: Version) -> str:
        return f"{self.url}/keys/{name}/{version.id}"

    def _properties(self, name: str, version: Version) -> dict[str, Any]:
        created = FIRST_CREATED + int(version.id, 16)
        return {
            "kid": self._kid(name, version),
            "attributes": {"enabled": version.enabled, "created": created, "updated": created},
        }

    def _jwk(self, name: str, key: Key, version: Version) -> dict[str, Any]:
        jwk: dict[str, Any] = {"kid": self._kid(name, version), "key_ops": sorted(key.operations)}
        if isinstance(version.key, rsa.RSAPrivateKey):
            public = version.key.public_key().public_numbers()
            numbers = {"n": _text(public.n.to_bytes(key.bits // 8)), "e": _text(b"\x01\x00\x01")}
            return {**jwk, "kty": "RSA", **numbers}
        point = version.key.public_key().public_numbers()
        coordinates = (number.to_bytes(COORDINATE_BYTES) for number in (point.x, point.y))
        return {
            **jwk,
            "kty": "EC",
            "crv": "P-256",
            **dict(zip("xy", map(_text, coordinates), strict=True)),
        }


def _verifies(private: ec.EllipticCurvePrivateKey, document: dict[str, str]) -> bool:
    signature = _bytes(document["value"])
    r, s = signature[:COORDINATE_BYTES], signature[COORDINATE_BYTES:]
    encoded = utils.encode_dss_signature(int.from_bytes(r), int.from_bytes(s))
    try:
        private.public_key().verify(encoded, _bytes(document["digest"]), PREHASHED)
    except InvalidSignature:
        return False
    return True


def _json(request: Request) -> dict[str, str]:
    document: dict[str, str] = json.loads(request.body)
    return document


def _error(status: HTTPStatus, code: str) -> Reply:
    return json_reply(status, {"error": {"code": code, "message": code}})


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
