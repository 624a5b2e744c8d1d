"""Callers: keys that a tenant sends in ``Ocp-Apim-Subscription-Key``.

A key is the text ``{tenant}.{key id}.{secret}``; tenant and key id only say where to look, so
that the key's row and the tenant's approvals can be read at once. Of the secret, 256 random
bits, only an HMAC-SHA-256 under a wrapped key of the deployment is stored; it covers the whole
text, so a row copied to another tenant or id opens nothing. An unknown tenant, an unknown id,
a wrong secret and a revoked key take the same path and get the same answer.
"""

import hmac
import re
import secrets
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from consentry.errors import ArgumentError
from consentry.limits import CALLER_KEY_CHARACTERS_MAX
from consentry.service.datakeys import DEPLOYMENT, DataKeys, Purpose
from consentry.service.ports import Entity, Row, Table
from consentry.service.settings import TENANT_PATTERN
from consentry.trust.operations import Principal, PrincipalKind

SECRET_BYTES: Final = 32
KEY_ID_BYTES: Final = 6  # 12 hexadecimal digits

_KEY: Final = re.compile(
    rf"(?P<tenant>{TENANT_PATTERN.pattern})\.(?P<id>[0-9a-f]{{12}})\.(?P<secret>[\w-]{{43}})",
    re.ASCII,
)
_NO_DIGEST: Final = bytes(32)


@dataclass(frozen=True, repr=False)
class CallerKey:
    """A well-formed key; nothing is known yet of its truth."""

    tenant: str
    id: str
    text: str

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read a key, or give None for anything of another form."""
        if len(text) > CALLER_KEY_CHARACTERS_MAX:
            return None
        match = _KEY.fullmatch(text)
        return None if match is None else cls(match["tenant"], match["id"], text)


@dataclass(frozen=True)
class CallerKeyInfo:
    """What may be told of a key: not its secret."""

    tenant: str
    id: str
    active: bool
    created: datetime


class Callers:
    """Creates, revokes and recognises the keys of the tenants that this deployment serves."""

    def __init__(self, table: Table, keys: DataKeys, tenants: Collection[str]) -> None:
        self._table = table
        self._keys = keys
        self._tenants = frozenset(tenants)

    def authenticate(self, key: CallerKey) -> Principal | None:
        """Establish who holds ``key``, or None; the same work is done for every wrong key."""
        row = self._table.get(key.tenant, key.id)
        stored = row.values.get("digest") if row is not None else None
        known = stored if isinstance(stored, bytes) else _NO_DIGEST
        right = hmac.compare_digest(self._digest(key.text), known)
        active = row is not None and row.values.get("active") is True
        if right and active and key.tenant in self._tenants:
            return Principal(PrincipalKind.CALLER, key.id, key.tenant)
        return None

    def create(self, tenant: str, now: datetime) -> str:
        """Make a key and give its text, which is shown this once and never again."""
        self._check_served(tenant)
        key_id = secrets.token_hex(KEY_ID_BYTES)
        text = f"{tenant}.{key_id}.{secrets.token_urlsafe(SECRET_BYTES)}"
        row: Row = {"digest": self._digest(text), "active": True, "created": now}
        self._table.insert(tenant, key_id, row)
        return text

    def revoke(self, tenant: str, key_id: str) -> bool:
        """End a key's life at once; False where there is no such active key."""
        self._check_served(tenant)
        row = self._table.get(tenant, key_id)
        if row is None or row.values.get("active") is not True:
            return False
        self._table.replace(tenant, key_id, {**row.values, "active": False}, etag=row.etag)
        return True

    def list(self, tenant: str) -> Iterator[CallerKeyInfo]:
        """The tenant's keys, revoked ones included."""
        self._check_served(tenant)
        return map(_info, self._table.query(tenant))

    def _digest(self, text: str) -> bytes:
        return hmac.digest(self._keys.get(DEPLOYMENT, Purpose.CALLERS), text.encode(), "sha256")

    def _check_served(self, tenant: str) -> None:
        if tenant not in self._tenants:
            raise ArgumentError("this deployment does not serve the tenant")


def _info(row: Entity) -> CallerKeyInfo:
    created = row.values["created"]
    if not isinstance(created, datetime):
        raise TypeError("a caller key's row has no time")
    return CallerKeyInfo(row.partition, row.row, row.values["active"] is True, created)
