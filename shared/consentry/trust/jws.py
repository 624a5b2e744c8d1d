"""Signed documents: compact JWS (RFC 7515) with ES256 (RFC 7518, section 3.4).

The private key stays in its vault: signing takes a function that signs bytes. Each kind of
document has its own ``typ``, so that one can never pass for another.
"""

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from consentry.errors import IntegrityError
from consentry.stored import PublicKey
from consentry.trust.chain import canonical

ALGORITHM: Final = "ES256"
_REGISTRY: Final = jws.JWSRegistry(algorithms=[ALGORITHM])


class OtherKindError(IntegrityError):
    """A document says that it is of another kind than the one asked for."""


def sign_document(
    document: Mapping[str, object], *, kind: str, kid: str, sign: Callable[[bytes], bytes]
) -> bytes:
    """Sign canonical JSON; ``sign`` gives the 64 bytes of an ES256 signature over its input."""
    header = {"alg": ALGORITHM, "kid": kid, "typ": kind}
    message = f"{_base64url(canonical(header))}.{_base64url(canonical(document))}"
    return f"{message}.{_base64url(sign(message.encode()))}".encode()


def open_document(signed: bytes, *, kind: str, public_keys: Iterable[PublicKey]) -> dict[str, Any]:
    """Verify the signature and give the document.

    Raises IntegrityError unless ``signed`` is a ``kind`` signed by one of ``public_keys``, and its
    kind OtherKindError for one that says it is something else.
    """
    header, document = _read(signed, kind)
    named = [key for key in public_keys if key.kid == header.get("kid")]
    if not named:
        raise IntegrityError("the signed document is by an unknown key")
    try:
        key = ECKey.import_key({**named[0].jwk})
        jws.deserialize_compact(signed, key, registry=_REGISTRY)
    except (JoseError, ValueError):
        raise IntegrityError("the signature does not verify") from None
    return document


def _read(signed: bytes, kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give header and document; each of the three parts has exactly one accepted spelling."""
    try:
        header, payload, _ = (_strict_base64url(part) for part in signed.split(b"."))
        documents = json.loads(header), json.loads(payload)
    except (ValueError, RecursionError):
        raise IntegrityError("the signed document cannot be read") from None
    if not all(isinstance(document, dict) for document in documents):
        raise IntegrityError("the signed document is not an object")
    if documents[0].get("typ") != kind:
        raise OtherKindError("the signed document is of another kind")
    return documents


def _strict_base64url(part: bytes) -> bytes:
    data = base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))
    if _base64url(data) != part.decode():
        raise ValueError("not the canonical base64url")
    return data


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
