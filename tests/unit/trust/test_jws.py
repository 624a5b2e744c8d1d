"""Signed documents: one spelling, one kind, one key."""

import base64
import json

import pytest
from joserfc import jws as reference
from joserfc.jwk import ECKey, OctKey
from tests.support.memory import MemorySigningKey

from consentry.errors import IntegrityError
from consentry.trust.jws import open_document, sign_document

KIND = "consentry-test+jws"
DOCUMENT = {"b": [1, "ü"], "a": {"x": None}}


@pytest.fixture
def key() -> MemorySigningKey:
    return MemorySigningKey()


@pytest.fixture
def signed(key: MemorySigningKey) -> bytes:
    return sign_document(DOCUMENT, kind=KIND, kid=key.kid, sign=key.sign)


def part(data: object) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(data).encode()).rstrip(b"=")


def refused(signed: bytes, key: MemorySigningKey, kind: str = KIND) -> None:
    with pytest.raises(IntegrityError):
        open_document(signed, kind=kind, public_keys=key.public_keys())


def test_a_signed_document_opens(key: MemorySigningKey, signed: bytes) -> None:
    assert open_document(signed, kind=KIND, public_keys=key.public_keys()) == DOCUMENT


def test_another_library_verifies_it(key: MemorySigningKey, signed: bytes) -> None:
    public = ECKey.import_key({**key.public_keys()[0].jwk})
    opened = reference.deserialize_compact(signed, public, algorithms=["ES256"])
    assert json.loads(opened.payload) == DOCUMENT
    assert opened.headers() == {"alg": "ES256", "kid": key.kid, "typ": KIND}


def test_it_opens_after_the_key_was_rotated(key: MemorySigningKey, signed: bytes) -> None:
    key.rotate()
    assert open_document(signed, kind=KIND, public_keys=key.public_keys()) == DOCUMENT


def test_it_does_not_open_as_another_kind(key: MemorySigningKey, signed: bytes) -> None:
    refused(signed, key, kind="consentry-other+jws")


def test_it_does_not_open_by_another_key(signed: bytes) -> None:
    refused(signed, MemorySigningKey())


def test_no_byte_can_be_changed(key: MemorySigningKey, signed: bytes) -> None:
    for place in range(len(signed)):
        changed = bytearray(signed)
        changed[place] = ord("A") if changed[place] != ord("A") else ord("B")
        refused(bytes(changed), key)


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_another_algorithm_is_refused(key: MemorySigningKey, algorithm: str) -> None:
    header = part({"alg": algorithm, "kid": key.kid, "typ": KIND})
    message = header + b"." + part(DOCUMENT)
    refused(message + b".", key)
    public = json.dumps(dict(key.public_keys()[0].jwk)).encode()
    forged = reference.JWSRegistry.algorithms["HS256"].sign(message, OctKey.import_key(public))
    refused(message + b"." + base64.urlsafe_b64encode(forged).rstrip(b"="), key)


@pytest.mark.parametrize(
    "signed",
    [
        b"",
        b"..",
        b"a.b",
        b"a.b.c.d",
        b"\xff.\xff.\xff",
        part([]) + b"." + part({}) + b".",
        part({"typ": KIND}) + b"." + part([]) + b".",
        part({"typ": KIND, "kid": ["x"]}) + b"." + part({}) + b".",
        b"W" * 8_000 + b"." + part({}) + b".",
    ],
)
def test_what_is_no_signed_document_is_refused(key: MemorySigningKey, signed: bytes) -> None:
    refused(signed, key)


def test_deep_nesting_is_refused(key: MemorySigningKey) -> None:
    deep = base64.urlsafe_b64encode(b'{"a":' + b"[" * 200_000).rstrip(b"=")
    refused(part({"typ": KIND, "kid": key.kid}) + b"." + deep + b".", key)
