"""Data keys: random, wrapped by the vault's key, one for each owner and purpose.

The table holds only wrapped keys. The key that is used is derived from the unwrapped one with
its owner and purpose (HKDF, RFC 5869), so a row copied to another owner yields another key.
"""

import secrets
import threading
from enum import StrEnum
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from consentry.errors import ConflictError, IntegrityError, StorageError
from consentry.service.ports import Entity, Table, WrappingKey

KEY_BYTES: Final = 32
DEPLOYMENT: Final = "_deployment"  # an owner that no tenant can be named like


class Purpose(StrEnum):
    """What a data key is for."""

    TEMPLATES = "templates"  # per tenant: seals templates
    CODES = "codes"  # per tenant: hashes of withdrawal codes
    DIGEST = "digest"  # per tenant: input digests of the audit log
    CALLERS = "callers"  # of the deployment: hashes of caller keys


class DataKeys:
    """Makes keys at first use and keeps them unwrapped in memory, for the life of the process."""

    def __init__(self, table: Table, wrapping: WrappingKey) -> None:
        self._table = table
        self._wrapping = wrapping
        self._lock = threading.Lock()
        self._open: dict[tuple[str, str], bytes] = {}

    def get(self, owner: str, purpose: str) -> bytes:
        """Give the 32 bytes of a key; StorageError or IntegrityError where it cannot be had."""
        known = self._open.get((owner, purpose))
        if known is not None:
            return known
        with self._lock:
            if (owner, purpose) not in self._open:
                root = self._root(owner, purpose)
                info = f"consentry data key v1\n{owner}\n{purpose}".encode()
                self._open[owner, purpose] = HKDF(SHA256(), KEY_BYTES, None, info).derive(root)
            return self._open[owner, purpose]

    def _root(self, owner: str, purpose: str) -> bytes:
        found = self._table.get(owner, purpose)
        if found is not None:
            return self._unwrap(found)
        fresh = secrets.token_bytes(KEY_BYTES)
        kid, wrapped = self._wrapping.wrap(fresh)
        try:
            self._table.insert(owner, purpose, {"kid": kid, "wrapped": wrapped})
        except ConflictError:  # another process was first: its key is the one
            found = self._table.get(owner, purpose)
            if found is None:
                raise StorageError("a data key appeared and vanished") from None
            return self._unwrap(found)
        return fresh

    def _unwrap(self, entity: Entity) -> bytes:
        kid, wrapped = entity.values.get("kid"), entity.values.get("wrapped")
        if not isinstance(kid, str) or not isinstance(wrapped, bytes):
            raise IntegrityError("a data key's row is not complete")
        root = self._wrapping.unwrap(kid, wrapped)
        if len(root) != KEY_BYTES:
            raise IntegrityError("a data key has not its length")
        return root
