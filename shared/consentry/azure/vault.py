"""Keys in Azure Key Vault: signatures and unwrapping happen there, private parts stay there."""

import base64
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from azure.core.credentials import TokenCredential
from azure.keyvault.keys import KeyClient, KeyVaultKey
from azure.keyvault.keys.crypto import CryptographyClient
from joserfc.jwk import ECKey

from consentry.azure.foreign import BACKOFF_SECONDS, client_options, our_errors
from consentry.azure.keys import AzureSigningKey, AzureWrappingKey
from consentry.azure.names import KeyName
from consentry.errors import IntegrityError, NotFoundError
from consentry.stored import PublicKey

KEPT_SECONDS: Final = 300.0  # anyone may ask for public keys; the vault should not notice


class Vault:
    """The keys of a deployment.

    Signing keys are used in the version that is newest when they are first asked for, the wrapping
    key in the one that was newest a moment ago.
    """

    def __init__(
        self,
        url: str,
        credential: TokenCredential,
        *,
        ticks: Callable[[], float] = time.monotonic,
        **options: Any,
    ) -> None:
        self._credential = credential
        self._ticks = ticks
        self._options = {"retry_backoff_factor": BACKOFF_SECONDS, **options}
        self._keys = KeyClient(url, credential, **client_options(), **self._options)
        self._lock = threading.Lock()
        self._publics: dict[KeyName, tuple[float, tuple[PublicKey, ...]]] = {}
        self._wrapping: dict[str, CryptographyClient] = {}
        self._newest: tuple[float, str] | None = None

    def signing_key(self, name: KeyName = KeyName.SIGNING) -> AzureSigningKey:
        """The newest version of a signing key."""
        with our_errors():
            key = self._keys.get_key(name)
        publics = partial(self._public_keys, name)
        return AzureSigningKey(_public(key).kid, self._client(key), publics)

    def wrapping_key(self) -> AzureWrappingKey:
        """The newest version of the wrapping key; older ones still unwrap."""
        key = AzureWrappingKey(self._newest_wrapping, self._wrapping_version)
        self._newest_wrapping()  # whoever may not use the key learns so at once
        return key

    def _client(self, key: KeyVaultKey) -> CryptographyClient:
        return CryptographyClient(key, self._credential, **client_options(), **self._options)

    def _newest_wrapping(self) -> str:
        with self._lock:
            now = self._ticks()
            if self._newest is None or now - self._newest[0] >= KEPT_SECONDS:
                with our_errors():
                    key = self._keys.get_key(KeyName.WRAPPING)
                version = str(key.properties.version)
                self._wrapping[version] = self._client(key)
                self._newest = now, version
            return self._newest[1]

    def _wrapping_version(self, version: str) -> CryptographyClient:
        with self._lock:
            if version not in self._wrapping:
                try:
                    with our_errors():
                        key = self._keys.get_key(KeyName.WRAPPING, version)
                except NotFoundError:
                    raise IntegrityError("a data key was wrapped by a key that is gone") from None
                self._wrapping[version] = self._client(key)
            return self._wrapping[version]

    def _public_keys(self, name: KeyName) -> tuple[PublicKey, ...]:
        with self._lock:
            now = self._ticks()
            kept = self._publics.get(name)
            if kept is None or now - kept[0] >= KEPT_SECONDS:
                kept = self._publics[name] = now, self._read_public_keys(name)
            return kept[1]

    def _read_public_keys(self, name: KeyName) -> tuple[PublicKey, ...]:
        """Read all versions that are enabled; whoever mistrusts a version disables it."""
        with our_errors():
            versions = sorted(
                self._keys.list_properties_of_key_versions(name),
                key=lambda version: version.created_on or datetime.min.replace(tzinfo=UTC),
                reverse=True,
            )
            return tuple(
                _public(self._keys.get_key(name, version.version))
                for version in versions
                if version.enabled
            )


def _public(key: KeyVaultKey) -> PublicKey:
    """Give a vault's key as a JWK that is named by its thumbprint (RFC 7638), not by its vault."""
    numbers = vars(key.key)
    jwk = {"kty": "EC", "crv": "P-256", "x": _text(numbers["x"]), "y": _text(numbers["y"])}
    kid = ECKey.import_key({**jwk}).thumbprint()
    return PublicKey(kid, {**jwk, "kid": kid})


def _text(number: bytes) -> str:
    return base64.urlsafe_b64encode(number).rstrip(b"=").decode()
