"""Callers: keys that a tenant sends in ``Ocp-Apim-Subscription-Key``.

A key is a scoped secret, whose digest is made under a wrapped key of the deployment; because its
text names the tenant, the key's row and the tenant's approvals can be read at once. An unknown
tenant, an unknown id, a wrong secret and a revoked key take the same path and get the same answer.

Behind the gate, ``consentry.service.caller_keys`` makes and revokes them.
"""

import secrets
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from consentry.errors import ArgumentError
from consentry.service.datakeys import DEPLOYMENT, DataKeys, Purpose
from consentry.service.ports import Entity, Row, Table
from consentry.service.scoped_secrets import ScopedSecret
from consentry.trust.operations import Principal, PrincipalKind

KEY_ID_BYTES: Final = 6  # 12 hexadecimal digits


@dataclass(frozen=True)
class CallerKeyInfo:
    """What may be told of a key: not its secret."""

    tenant: str
    id: str
    active: bool
    created: datetime


class Callers:
    """Admits, revokes and recognises the keys of the tenants that this deployment serves."""

    def __init__(self, table: Table, keys: DataKeys, tenants: Collection[str]) -> None:
        self._table = table
        self._keys = keys
        self._tenants = frozenset(tenants)

    def authenticate(self, key: ScopedSecret) -> Principal | None:
        """Establish who holds ``key``, or None; the same work is done for every wrong key."""
        row = self._table.get(key.tenant, key.id)
        right = key.opens(row, "digest", self._digest_key())
        active = row is not None and row.values.get("active") is True
        if right and active and key.tenant in self._tenants:
            return Principal(PrincipalKind.CALLER, key.id, key.tenant)
        return None

    def admit(self, key: ScopedSecret, now: datetime) -> ScopedSecret:
        """Let a new key in from now on; only the digest of its text is kept."""
        self._check_served(key.tenant)
        row: Row = {"digest": key.digest(self._digest_key()), "active": True, "created": now}
        self._table.insert(key.tenant, key.id, row)
        return key

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

    def _digest_key(self) -> bytes:
        return self._keys.get(DEPLOYMENT, Purpose.CALLERS)

    def _check_served(self, tenant: str) -> None:
        if tenant not in self._tenants:
            raise ArgumentError("this deployment does not serve the tenant")


def make_key(tenant: str) -> ScopedSecret:
    """Make a new key; it opens nothing before it is admitted."""
    return ScopedSecret.make(tenant, secrets.token_hex(KEY_ID_BYTES))


def parse_key(text: str) -> ScopedSecret | None:
    """Read a key, or give None for anything of another form."""
    return ScopedSecret.parse(text, KEY_ID_BYTES)


def _info(row: Entity) -> CallerKeyInfo:
    created = row.values["created"]
    if not isinstance(created, datetime):
        raise TypeError("a caller key's row has no time")
    return CallerKeyInfo(row.partition, row.row, row.values["active"] is True, created)
