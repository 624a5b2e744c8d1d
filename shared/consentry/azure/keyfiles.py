"""Keys in files, for a developer's machine: made at first run, readable by their owner alone.

The files are private JWKs (RFC 7517). Production settings refuse them.
"""

import base64
import json
import os
import tempfile
from pathlib import Path
from typing import Any, Final

from azure.keyvault.keys import JsonWebKey
from azure.keyvault.keys.crypto import CryptographyClient
from joserfc.jwk import ECKey, RSAKey

from consentry.azure.keys import AzureSigningKey, AzureWrappingKey
from consentry.azure.names import KeyName
from consentry.errors import IntegrityError
from consentry.stored import PublicKey

RSA_BITS: Final = 3072
_SUFFIX: Final = ".jwk.json"
_TEXT_FIELDS: Final = frozenset({"kty", "crv", "kid"})
_OPERATIONS: Final = {
    KeyName.SIGNING: ["sign", "verify"],
    KeyName.WRAPPING: ["wrapKey", "unwrapKey"],
}


def signing_key(folder: Path) -> AzureSigningKey:
    """Give the signing key in ``folder``, made if it is not there."""
    jwk = _key(folder, KeyName.SIGNING)
    public = PublicKey(jwk["kid"], {name: jwk[name] for name in ("kty", "crv", "x", "y", "kid")})
    return AzureSigningKey(jwk["kid"], _client(jwk, KeyName.SIGNING), lambda: (public,))


def wrapping_key(folder: Path) -> AzureWrappingKey:
    """Give the wrapping key in ``folder``, made if it is not there."""
    jwk = _key(folder, KeyName.WRAPPING)
    client = _client(jwk, KeyName.WRAPPING)

    def find(kid: str) -> CryptographyClient:
        if kid != jwk["kid"]:
            raise IntegrityError("a data key was wrapped by a key that is not here")
        return client

    return AzureWrappingKey(jwk["kid"], find)


def _key(folder: Path, name: KeyName) -> dict[str, Any]:
    path = folder / f"{name}{_SUFFIX}"
    if not path.exists():
        _make(path, name)
    try:
        jwk = json.loads(path.read_bytes())
    except ValueError:
        raise IntegrityError("a key file cannot be read") from None
    if not isinstance(jwk, dict) or not isinstance(jwk.get("kid"), str):
        raise IntegrityError("a key file cannot be read")
    return jwk


def _make(path: Path, name: KeyName) -> None:
    """Make a key; of two processes that do so at once, the first one's key is kept."""
    key = ECKey.generate_key("P-256") if name is KeyName.SIGNING else RSAKey.generate_key(RSA_BITS)
    jwk = {**key.as_dict(private=True), "kid": key.thumbprint()}
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent) as draft:  # its mode is 0600
        json.dump(jwk, draft, indent=2)
        draft.flush()
        try:
            os.link(draft.name, path)
        except FileExistsError:
            return


def _client(jwk: dict[str, Any], name: KeyName) -> CryptographyClient:
    fields = {
        field: value if field in _TEXT_FIELDS else _bytes(value) for field, value in jwk.items()
    }
    try:
        return CryptographyClient.from_jwk(JsonWebKey(**fields, key_ops=_OPERATIONS[name]))
    except ValueError:
        raise IntegrityError("a key file holds no such key") from None


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
