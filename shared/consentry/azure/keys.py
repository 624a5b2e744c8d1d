"""Signing and wrapping through Azure's cryptography client, wherever the key lies.

``consentry.azure.vault`` finds the keys in a vault, which never lets their private parts out;
``consentry.azure.keyfiles`` in files of a developer's machine. From there on it is one way.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from azure.core.exceptions import HttpResponseError
from azure.keyvault.keys.crypto import (
    CryptographyClient,
    KeyWrapAlgorithm,
    SignatureAlgorithm,
)

from consentry.azure.foreign import our_errors
from consentry.errors import IntegrityError, StorageError
from consentry.stored import PublicKey

BAD_REQUEST: Final = 400
ES256_BYTES: Final = 64  # r and s, 32 bytes each (RFC 7518, section 3.4)


@dataclass(frozen=True)
class AzureSigningKey:
    """ES256 signatures; ``publics`` gives all versions, newest first."""

    kid: str
    client: CryptographyClient
    publics: Callable[[], tuple[PublicKey, ...]]

    def sign(self, message: bytes) -> bytes:
        """Sign SHA-256 of ``message``; 64 bytes, r then s."""
        with our_errors():
            digest = hashlib.sha256(message).digest()
            signature = self.client.sign(SignatureAlgorithm.es256, digest).signature
        if len(signature) != ES256_BYTES:
            raise StorageError("the key vault gave a signature of another form")
        return signature

    def public_keys(self) -> tuple[PublicKey, ...]:
        """All versions that signatures in circulation may name, newest first."""
        return self.publics()


@dataclass(frozen=True)
class AzureWrappingKey:
    """RSA-OAEP-256 wrapping; ``find`` gives the client of any version by its kid."""

    newest: Callable[[], str]
    find: Callable[[str], CryptographyClient]

    @property
    def kid(self) -> str:
        """Kid of the newest version."""
        return self.newest()

    def wrap(self, key: bytes) -> tuple[str, bytes]:
        """Give the wrapping key's id and the wrapped key."""
        kid = self.kid
        with our_errors():
            wrapped = self.find(kid).wrap_key(KeyWrapAlgorithm.rsa_oaep_256, key)
        return kid, wrapped.encrypted_key

    def unwrap(self, kid: str, wrapped: bytes) -> bytes:
        """Unwrap; IntegrityError if it was not wrapped by ``kid``."""
        with our_errors():
            client = self.find(kid)
            try:
                return client.unwrap_key(KeyWrapAlgorithm.rsa_oaep_256, wrapped).key
            except ValueError:  # how the local provider says that the padding is wrong
                raise IntegrityError("a data key does not unwrap") from None
            except HttpResponseError as error:  # and how a vault does
                if error.status_code != BAD_REQUEST:
                    raise
                raise IntegrityError("a data key does not unwrap") from None
