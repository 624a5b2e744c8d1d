"""Rate limits across instances: leases from the table ``quotas``, used up in memory.

One row for each tenant and meter says how much of a minute was leased. It is read once and
replaced under its ETag at every lease, so no call of a minute is given out twice. While the
table cannot be read or written there is no lease, and so no call.
"""

import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from consentry.errors import ConflictError, IntegrityError, RateLimitedError, StorageError
from consentry.service.ports import Entity, Row, Table
from consentry.trust.quotas import Ledger, is_used_up, lease, seconds_to_next, window_of

TRIES_MAX: Final = 20
"""Writes that others may get ahead of; each of them took a lease, so the minute comes to an end."""


@dataclass
class _Meter:
    """What this instance knows of one row, and the calls that it holds."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    ledger: Ledger | None = None
    etag: str = ""
    held: int = 0


class Quotas:
    """Counts calls by tenant and meter; one in a process."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._lock = threading.Lock()
        self._meters: dict[tuple[str, str], _Meter] = {}

    def take(self, tenant: str, meter: str, limit: int, now: datetime) -> None:
        """Take one call of this minute; RateLimitedError when there is none left.

        Tenants and meters are from closed lists, so there are few rows. Raises StorageError when
        the ledger cannot be kept.
        """
        with self._lock:
            known = self._meters.setdefault((tenant, meter), _Meter())
        with known.lock:
            if known.ledger is not None and known.ledger.window < window_of(now):
                known.held = 0
            if known.held == 0:
                self._lease(known, tenant, meter, limit, now)
            known.held -= 1

    def _lease(self, known: _Meter, tenant: str, meter: str, limit: int, now: datetime) -> None:
        """Write the next lease, beginning with what this instance wrote last."""
        for _ in range(TRIES_MAX):
            if known.ledger is not None and is_used_up(known.ledger, limit, now):
                wait = seconds_to_next(known.ledger, now)
                raise RateLimitedError(f"too many calls; try again in {wait} s", retry_after=wait)
            after, granted = lease(known.ledger, limit, now)
            try:
                known.etag = self._write(known, tenant, meter, after)
            except ConflictError:
                known.ledger, known.etag = _read(self._table.get(tenant, meter))
                continue
            known.ledger, known.held = after, granted
            return
        raise StorageError("the ledger of calls is too busy")

    def _write(self, known: _Meter, tenant: str, meter: str, after: Ledger) -> str:
        row: Row = {"window": after.window, "leased": after.leased}
        if known.ledger is None:
            return self._table.insert(tenant, meter, row)
        return self._table.replace(tenant, meter, row, etag=known.etag)


def _read(row: Entity | None) -> tuple[Ledger | None, str]:
    if row is None:
        return None, ""
    window, leased = row.values.get("window"), row.values.get("leased")
    if not isinstance(window, int) or not isinstance(leased, int):
        raise IntegrityError("a row of the ledger of calls is not complete")
    return Ledger(window, leased), row.etag
