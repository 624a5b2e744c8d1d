"""Data keys: random, wrapped by the vault's key, one for each owner and purpose, in versions.

The table holds only wrapped keys, in rows ``{purpose}:{version}`` of their owner. The key that is
used is derived from the unwrapped one with its owner, purpose and version (HKDF, RFC 5869), so a
row copied to another owner yields another key.

A process keeps keys unwrapped in memory and looks at the table again after DATA_KEY_SECONDS: a new
version is used, and a key whose row was destroyed is forgotten, after that time at most.
"""

import secrets
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from consentry.errors import ConflictError, IntegrityError, StorageError
from consentry.limits import DATA_KEY_SECONDS
from consentry.service.ports import Clock, Entity, Row, Table, WrappingKey

KEY_BYTES: Final = 32
DEPLOYMENT: Final = "_deployment"  # an owner that no tenant can be named like

_KEPT: Final = timedelta(seconds=DATA_KEY_SECONDS)


class Purpose(StrEnum):
    """What a data key is for."""

    TEMPLATES = "templates"  # per tenant: seals templates
    REFERENCES = "references"  # per tenant: seals references, which live as long as receipts
    CODES = "codes"  # per tenant: hashes of withdrawal codes
    DIGEST = "digest"  # per tenant: input digests of the audit log
    TRIPWIRE = "tripwire"  # per tenant: counters of verifications, with the salt of a window
    CALLERS = "callers"  # of the deployment: hashes of caller keys


@dataclass(frozen=True, repr=False)
class DataKey:
    """The 32 bytes of a key, the number of its version (from 1), and when that was made."""

    version: int
    key: bytes
    made: datetime


@dataclass(repr=False)
class _Known:
    """What one look at the table said of an owner's keys for a purpose."""

    read_at: datetime
    rows: dict[int, Entity]
    keys: dict[int, DataKey] = field(default_factory=dict)

    def newest(self) -> DataKey | None:
        """Give the newest key, if it is open."""
        return self.keys.get(max(self.rows)) if self.rows else None


class DataKeys:
    """Makes keys at first use, and opens them."""

    def __init__(self, table: Table, wrapping: WrappingKey, clock: Clock) -> None:
        self._table = table
        self._wrapping = wrapping
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], _Known] = {}

    def get(self, owner: str, purpose: str) -> bytes:
        """Give the newest key's 32 bytes; StorageError or IntegrityError if it cannot be had."""
        return self.newest(owner, purpose).key

    def newest(self, owner: str, purpose: str) -> DataKey:
        """Give the newest version of a key, made if there is none."""
        known = self._known.get((owner, purpose))
        if known is not None and self._is_fresh(known) and (open_key := known.newest()):
            return open_key
        with self._lock:
            known = self._look(owner, purpose)
            if not known.rows:
                self._make(owner, purpose, 1)
                known = self._read(owner, purpose)
            if not known.rows:
                raise StorageError("a data key appeared and vanished")
            return self._open(known, max(known.rows))

    def has(self, owner: str, purpose: str) -> bool:
        """Tell whether there is any version of a key."""
        with self._lock:
            return bool(self._look(owner, purpose).rows)

    def version(self, owner: str, purpose: str, number: int) -> DataKey | None:
        """Give one version of a key, or None where it was destroyed."""
        with self._lock:
            known = self._look(owner, purpose)
            if number not in known.rows:  # perhaps made by another process a moment ago
                known = self._read(owner, purpose)
            return self._open(known, number) if number in known.rows else None

    def rotate(self, owner: str, purpose: str) -> int:
        """Make the next version and give its number; the older ones still open."""
        newest = self.newest(owner, purpose).version
        self._make(owner, purpose, newest + 1)
        with self._lock:
            return max(self._read(owner, purpose).rows)

    def retired(self, owner: str, purpose: str, after: timedelta) -> list[int]:
        """Versions that had been replaced for ``after`` or longer."""
        with self._lock:
            known = self._read(owner, purpose)
            numbers = sorted(known.rows)
            now = self._clock()
            return [
                number
                for number, following in pairwise(numbers)
                if _made(known.rows[following]) + after <= now
            ]

    def destroy(self, owner: str, purpose: str, number: int) -> bool:
        """Delete a version for good; False where there was none."""
        return self._table.delete(owner, row_name(purpose, number))

    def outdated(self) -> list[Entity]:
        """Rows of all owners that an older version of the wrapping key wrapped."""
        newest = self._wrapping.kid
        return [row for row in self._table.query() if row.values.get("kid") != newest]

    def rewrap(self, row: Entity) -> None:
        """Wrap a key by the newest wrapping key; the key itself stays what it is."""
        kid, wrapped = self._wrapping.wrap(self._unwrap(row))
        values = {**row.values, "kid": kid, "wrapped": wrapped}
        self._table.replace(row.partition, row.row, values, etag=row.etag)

    def _look(self, owner: str, purpose: str) -> _Known:
        """Give what is known, if that is fresh; else read it. Only called under the lock."""
        known = self._known.get((owner, purpose))
        if known is not None and self._is_fresh(known):
            return known
        return self._read(owner, purpose)

    def _is_fresh(self, known: _Known) -> bool:
        return timedelta(0) <= self._clock() - known.read_at < _KEPT

    def _read(self, owner: str, purpose: str) -> _Known:
        """Read the table; a key whose row has not changed stays open. Under the lock."""
        before = self._known.pop((owner, purpose), None)
        read_at = self._clock()
        found = self._table.query(owner, row_prefix=f"{purpose}:")
        known = _Known(read_at, {_number(row): row for row in found})
        for number, row in known.rows.items():
            if before is not None and number in before.keys and row == before.rows[number]:
                known.keys[number] = before.keys[number]
        self._known[owner, purpose] = known
        return known

    def _open(self, known: _Known, number: int) -> DataKey:
        if number not in known.keys:
            row = known.rows[number]
            info = f"consentry data key v1\n{row.partition}\n{row.row}".encode()
            key = HKDF(SHA256(), KEY_BYTES, None, info).derive(self._unwrap(row))
            known.keys[number] = DataKey(number, key, _made(row))
        return known.keys[number]

    def _make(self, owner: str, purpose: str, number: int) -> None:
        kid, wrapped = self._wrapping.wrap(secrets.token_bytes(KEY_BYTES))
        values: Row = {"kid": kid, "wrapped": wrapped, "made": self._clock()}
        try:
            self._table.insert(owner, row_name(purpose, number), values)
        except ConflictError:
            return  # another process was first: its key is the one

    def _unwrap(self, row: Entity) -> bytes:
        kid, wrapped = row.values.get("kid"), row.values.get("wrapped")
        if not isinstance(kid, str) or not isinstance(wrapped, bytes):
            raise IntegrityError("a data key's row is not complete")
        root = self._wrapping.unwrap(kid, wrapped)
        if len(root) != KEY_BYTES:
            raise IntegrityError("a data key has not its length")
        return root


def row_name(purpose: str, number: int) -> str:
    """Name the row of one version."""
    return f"{purpose}:{number:06}"


def _number(row: Entity) -> int:
    text = row.row.rpartition(":")[2]
    if not text.isascii() or not text.isdigit():
        raise IntegrityError("a data key's row has no version")
    return int(text)


def _made(row: Entity) -> datetime:
    made = row.values.get("made")
    if not isinstance(made, datetime):
        raise IntegrityError("a data key's row is not complete")
    return made
