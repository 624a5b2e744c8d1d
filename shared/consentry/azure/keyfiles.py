"""Keys in files, for a developer's machine: made at first run, readable by their owner alone.

The files are private JWKs (RFC 7517). Production settings refuse them.
"""

import base64
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from azure.keyvault.keys import JsonWebKey
from azure.keyvault.keys.crypto import CryptographyClient
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from consentry.azure.keys import AzureSigningKey, AzureWrappingKey
from consentry.azure.names import KeyName
from consentry.errors import IntegrityError
from consentry.stored import PublicKey

RSA_BITS: Final = 3072
_SUFFIX: Final = ".jwk.json"
_TEXT_FIELDS: Final = frozenset({"kty", "crv", "kid"})


def signing_key(folder: Path, name: KeyName = KeyName.SIGNING) -> AzureSigningKey:
    """Give the signing key of that name in ``folder``, made if it is not there."""
    jwk = _read_or_make(folder, name, ECKey, lambda: ECKey.generate_key("P-256"))
    kid = jwk["kid"]
    public = PublicKey(kid, {name: jwk[name] for name in ("kty", "crv", "x", "y", "kid")})
    return AzureSigningKey(kid, _client(jwk, ["sign", "verify"]), lambda: (public,))


def wrapping_key(folder: Path) -> AzureWrappingKey:
    """Give the wrapping key in ``folder``, made if it is not there."""
    jwk = _read_or_make(folder, KeyName.WRAPPING, RSAKey, lambda: RSAKey.generate_key(RSA_BITS))
    client = _client(jwk, ["wrapKey", "unwrapKey"])

    def find(kid: str) -> CryptographyClient:
        if kid != jwk["kid"]:
            raise IntegrityError("a data key was wrapped by a key that is not here")
        return client

    return AzureWrappingKey(lambda: jwk["kid"], find)


def _read_or_make(
    folder: Path, name: KeyName, kind: type[ECKey | RSAKey], make: Callable[[], ECKey | RSAKey]
) -> dict[str, str]:
    """Give a private JWK with its thumbprint as ``kid``; IntegrityError if it is damaged."""
    path = folder / f"{name}{_SUFFIX}"
    if not path.exists():
        _write_new(path, make())
    try:
        key = kind.import_key(json.loads(path.read_bytes()))
    except (JoseError, ValueError, TypeError, KeyError):
        raise IntegrityError("a key file cannot be read") from None
    if not key.is_private:
        raise IntegrityError("a key file holds no private key")
    jwk = key.as_dict(private=True)
    return {**{field: str(value) for field, value in jwk.items()}, "kid": key.thumbprint()}


def _write_new(path: Path, key: ECKey | RSAKey) -> None:
    """Write a key; of two processes that do so at once, the first one's is kept."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent) as draft:  # its mode is 0600
        json.dump(key.as_dict(private=True), draft, indent=2)
        draft.flush()
        try:
            os.link(draft.name, path)
        except FileExistsError:
            return


def _client(jwk: dict[str, str], operations: list[str]) -> CryptographyClient:
    fields = {
        field: value if field in _TEXT_FIELDS else _bytes(value) for field, value in jwk.items()
    }
    return CryptographyClient.from_jwk(JsonWebKey(**fields, key_ops=operations))


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
