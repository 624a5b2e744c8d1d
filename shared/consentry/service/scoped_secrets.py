"""Secrets that name what they open: ``{tenant}.{id}.{secret}``.

Tenant and id only say where to look, so that it takes one point read. Of the secret, 256 random
bits that are shown once, only an HMAC-SHA-256 is stored; it covers the whole text, so a row copied
to another tenant or id opens nothing. A wrong secret and a row that is not there take the same
path.
"""

import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Final, Self

from consentry.limits import SCOPED_SECRET_CHARACTERS_MAX
from consentry.service.ports import Entity
from consentry.service.settings import TENANT_PATTERN

SECRET_BYTES: Final = 32

_TEXT: Final = re.compile(
    rf"(?P<tenant>{TENANT_PATTERN.pattern})\.(?P<id>[0-9a-f]+)\.(?P<secret>[\w-]{{43}})",
    re.ASCII,
)
_NO_DIGEST: Final = bytes(32)


@dataclass(frozen=True, repr=False)
class ScopedSecret:
    """A well-formed secret; nothing is known yet of its truth."""

    tenant: str
    id: str
    text: str

    @classmethod
    def parse(cls, text: str, id_bytes: int) -> Self | None:
        """Read a secret whose id has so many bytes, or give None for anything of another form."""
        if len(text) > SCOPED_SECRET_CHARACTERS_MAX:
            return None
        match = _TEXT.fullmatch(text)
        if match is None or len(match["id"]) != 2 * id_bytes:
            return None
        return cls(match["tenant"], match["id"], text)

    @classmethod
    def make(cls, tenant: str, identifier: str) -> Self:
        """Make a new secret for an id of hexadecimal digits."""
        secret = secrets.token_urlsafe(SECRET_BYTES)
        return cls(tenant, identifier, f"{tenant}.{identifier}.{secret}")

    def digest(self, key: bytes) -> bytes:
        """Hash the whole text under a key of the service: what is stored."""
        return hmac.digest(key, self.text.encode(), "sha256")

    def opens(self, row: Entity | None, column: str, key: bytes) -> bool:
        """Tell whether a row holds this secret's digest, in the same time for every wrong one."""
        stored = row.values.get(column) if row is not None else None
        known = stored if isinstance(stored, bytes) else _NO_DIGEST
        return hmac.compare_digest(self.digest(key), known)
