"""People: tokens of the issuers that this deployment trusts, and of nobody else.

In production these are directories of Entra ID: the operator's, and one for each tenant. On a
developer's machine it is an issuer whose public keys lie in a file; from there on it is one way.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from consentry.azure.fetch import HTTPS_PORT, Fetcher
from consentry.errors import StorageError, UrlError
from consentry.limits import MEBIBYTE
from consentry.service.settings import Settings
from consentry.trust.operations import Principal
from consentry.trust.tokens import Issuer, read_token

DEVELOPMENT_ISSUER: Final = "urn:consentry:development"
KEPT_SECONDS: Final = 3600.0  # a key that an issuer has withdrawn is believed no longer
ASKED_AGAIN_SECONDS: Final = 60.0  # an unknown key id makes nobody ask more often
FAILED_SECONDS: Final = 5.0  # an issuer that did not answer is left alone for so long
KEYS_BYTES_MAX: Final = MEBIBYTE


class IssuerKeys:
    """The published keys of one issuer, kept for a while.

    Whoever has a token by a known key waits for nobody: anybody can ask for an unknown one, and an
    issuer may be slow.
    """

    def __init__(
        self, fetch: Callable[[], bytes], *, ticks: Callable[[], float] = time.monotonic
    ) -> None:
        self._fetch = fetch
        self._ticks = ticks
        self._lock = threading.Lock()
        self._keys: Mapping[str, RSAKey] = {}
        self._asked = self._failed = float("-inf")

    def find(self, kid: str) -> RSAKey | None:
        """Give the key of that id, or None; StorageError when the issuer does not answer."""
        if self._age() < KEPT_SECONDS and (known := self._keys.get(kid)) is not None:
            return known
        with self._lock:
            least = ASKED_AGAIN_SECONDS if kid not in self._keys else KEPT_SECONDS
            if self._age() >= least:
                self._ask()
            return self._keys.get(kid)

    def _age(self) -> float:
        return self._ticks() - self._asked

    def _ask(self) -> None:
        if self._ticks() - self._failed < FAILED_SECONDS:
            raise StorageError("the issuer of tokens did not answer a moment ago")
        try:
            self._keys = _keys(self._fetch())
        except StorageError:
            self._failed = self._ticks()
            raise
        self._asked = self._ticks()


@dataclass(frozen=True)
class People:
    """Establishes who holds a token."""

    issuers: Mapping[str, Issuer]
    keys: Mapping[str, IssuerKeys]
    audience: str

    def authenticate(self, text: str, now: datetime) -> Principal | None:
        """Give the person, or None for any fault of the token; all faults get one answer."""
        return read_token(
            text,
            issuers=self.issuers,
            find_key=lambda issuer, kid: self.keys[issuer].find(kid),
            audience=self.audience,
            now=now,
        )


def people_of(settings: Settings) -> People:
    """Make the issuers that the settings name; nothing is asked of them yet."""
    if settings.local_issuer is not None:
        return _development(settings.tenants, settings.local_issuer, settings.audience)
    authority = urlsplit(settings.authority)
    # The operator has named it and TLS proves it: its address may lie in a private network.
    fetch = Fetcher(
        (authority.hostname or "",),
        allowed=lambda _address: True,
        port=authority.port or HTTPS_PORT,
    )
    issuers, keys = {}, {}
    tenants = settings.directories()
    operator = settings.operator_directory
    for directory in dict.fromkeys((operator, *tenants)) if settings.audience else ():
        name = f"{settings.authority}/{directory}/v2.0"
        issuers[name] = Issuer(name, tenants.get(directory, ""), directory == operator)
        keys[name] = IssuerKeys(_published(fetch, f"{settings.authority}/{directory}"))
    return People(issuers, keys, settings.audience)


def _development(tenants: tuple[str, ...], published: Path, audience: str) -> People:
    keys = IssuerKeys(lambda: _from_file(published))
    operator = Issuer(DEVELOPMENT_ISSUER, "", operator=True)
    others = [Issuer(f"{DEVELOPMENT_ISSUER}:{name}", name, operator=False) for name in tenants]
    issuers = {issuer.name: issuer for issuer in (operator, *others)}
    return People(issuers, dict.fromkeys(issuers, keys), audience)


def _published(fetch: Fetcher, directory: str) -> Callable[[], bytes]:
    address = f"{directory}/discovery/v2.0/keys"

    def ask() -> bytes:
        try:
            return fetch(address, limit=KEYS_BYTES_MAX)
        except UrlError:
            raise StorageError("the issuer of tokens does not answer") from None

    return ask


def _from_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise StorageError("the development issuer has no keys yet") from None


def _keys(document: bytes) -> Mapping[str, RSAKey]:
    """Read a JWK set (RFC 7517); keys of other kinds are left out."""
    try:
        found = [key for key in json.loads(document)["keys"] if key["kty"] == "RSA"]
        return {str(key["kid"]): RSAKey.import_key(key) for key in found}
    except (JoseError, ValueError, KeyError, TypeError):
        raise StorageError("the issuer's keys cannot be read") from None
