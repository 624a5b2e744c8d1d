"""The tripwire across instances: counters in the table ``quotas``, each kept exact by its ETag.

Rows of a tenant:

- ``watch`` is where it stands;
- ``seen:{window}`` is a random salt, and ``seen:{window}:{digest}`` counts one face, picture or
  subject in that window. The digest is keyed by the tenant's data key and the salt, and the salt
  is deleted first when its window has ended: from then on nobody, not even the service, can tell
  whose count a row was, or find anybody again.

A verification costs one round trip for each mark and one for the tenant, all at once, or the marks
while the models run. It is counted before its result can leave; while it cannot be counted there
is no result.
"""

import hmac
import json
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import islice, takewhile
from typing import Final

from consentry.errors import ConflictError, IntegrityError, StorageError
from consentry.limits import SIGHTINGS_KNOWN_MAX, SIGHTINGS_PER_RUN
from consentry.service.datakeys import DataKeys, Purpose
from consentry.service.invocation import Invocation
from consentry.service.ports import Entity, Row, Table
from consentry.trust.approvals import Approval, Reason
from consentry.trust.policy import PolicyBook
from consentry.trust.tripwire import (
    REPEATED,
    Alarm,
    Bounds,
    Mark,
    Standing,
    is_due,
    note_outcome,
    trip,
)

TRIES_MAX: Final = 20
_STANDING: Final = "watch"
_SALT_BYTES: Final = 32
_DIGEST_CHARACTERS: Final = 32
_WORKERS: Final = 8


class Tripwire:
    """Watches the verifications of all tenants; one in a process."""

    def __init__(self, table: Table, keys: DataKeys, book: PolicyBook) -> None:
        self._table = table
        self._keys = keys
        self._book = book
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], Entity] = {}
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="tripwire")

    def check(
        self, invocation: Invocation, shown: Mapping[Mark, Sequence[str]], *, matched: bool
    ) -> None:
        """Count a verification whose result has not left yet; RefusedError beyond a bound.

        ``shown`` are ids of the two faces, or digests of the two pictures.
        """
        self.begin(invocation, shown)(matched)

    def begin(
        self, invocation: Invocation, shown: Mapping[Mark, Sequence[str]]
    ) -> Callable[[bool | None], None]:
        """Start to count what a verification shows, before anything is compared.

        The function that is given takes whether it matched, or None if that cannot be told, and
        raises RefusedError beyond a bound. It is to be called whatever comes of the verification:
        what was begun stays counted, and only the call notes that a bound was passed.
        """
        says_something = all(len(set(values)) == len(values) for values in shown.values())
        bounds = self._book.in_force(invocation.time).tripwire
        if bounds is not None and not bounds.counts_faces:
            shown = {mark: values for mark, values in shown.items() if mark is not Mark.FACE}
        if invocation.subject_digest:
            shown = {**shown, Mark.SUBJECT: (invocation.subject_digest,)}
        marks = [(mark, value) for mark, values in shown.items() for value in dict.fromkeys(values)]
        since = invocation.approval.decided_at
        finish = self._begin(invocation.tenant, marks, bounds, since, invocation.time)

        def check(matched: bool | None) -> None:
            alarm = finish(matched if says_something else None)
            if alarm is not None:
                raise invocation.refuse(Reason(alarm))

        return check

    def note(
        self,
        tenant: str,
        shown: Sequence[tuple[Mark, str]],
        *,
        matched: bool | None,
        since: datetime,
        now: datetime,
    ) -> Alarm | None:
        """Count a verification, and give the alarm for which it has to be refused."""
        bounds = self._book.in_force(now).tripwire
        return self._begin(tenant, shown, bounds, since, now)(matched)

    def _begin(
        self,
        tenant: str,
        shown: Sequence[tuple[Mark, str]],
        bounds: Bounds | None,
        since: datetime,
        now: datetime,
    ) -> Callable[[bool | None], Alarm | None]:
        if bounds is None:
            return lambda _: None
        counted = [
            (mark, self._pool.submit(self._see, tenant, mark, value, bounds, now))
            for mark, value in shown
        ]

        def finish(matched: bool | None) -> Alarm | None:
            suspected = self._stand(tenant, matched, bounds, since, now)
            repeated = [mark for mark, count in counted if count.result() > bounds.max_of(mark)]
            if any(count.result() == bounds.max_of(mark) + 1 for mark, count in counted):
                self._change(tenant, _STANDING, lambda row: _tripped(row, bounds, now))
            return REPEATED[repeated[0]] if repeated else suspected

        return finish

    def needs_review(self, approval: Approval, now: datetime) -> bool:
        """Tell whether a tenant's verifications have to stop until a reviewer has looked."""
        bounds = self._book.in_force(now).tripwire
        if bounds is None:
            return False
        standing = _standing(self._table.get(approval.tenant, _STANDING))
        return is_due(standing, bounds, approval.decided_at, now)

    def forget(self, tenant: str, now: datetime) -> int:
        """Delete what was counted in windows that have ended; give the number of rows."""
        bounds = self._book.in_force(now).tripwire
        end = _seen(bounds.window(now)) if bounds is not None else ""
        rows = takewhile(lambda row: row.row < end, self._table.query(tenant, row_prefix="seen:"))
        ended = [row.row for row in islice(rows, SIGHTINGS_PER_RUN)]
        return sum(self._pool.map(lambda name: self._table.delete(tenant, name), ended))

    def _see(self, tenant: str, mark: Mark, value: str, bounds: Bounds, now: datetime) -> int:
        """Count a face, picture or subject; one beyond its bound is not counted further."""
        name, bound = _seen(bounds.window(now)), bounds.max_of(mark)
        key = hmac.digest(
            self._keys.get(tenant, Purpose.TRIPWIRE), self._salt(tenant, name), "sha256"
        )
        digest = hmac.digest(key, f"{mark}\n{value}".encode(), "sha256").hex()

        def count(row: Entity | None) -> tuple[int, Row | None]:
            before = 0 if row is None else _number(row, "count")
            return (before + 1, {"count": before + 1}) if before <= bound else (before + 1, None)

        return self._change(tenant, f"{name}:{digest[:_DIGEST_CHARACTERS]}", count)

    def _salt(self, tenant: str, name: str) -> bytes:
        """Give the salt of a window, made at the first verification in it."""
        fresh = secrets.token_bytes(_SALT_BYTES)

        def make(row: Entity | None) -> tuple[bytes, Row | None]:
            return (fresh, {"salt": fresh}) if row is None else (_bytes(row, "salt"), None)

        known = self._known.get((tenant, name))
        return _bytes(known, "salt") if known is not None else self._change(tenant, name, make)

    def _stand(
        self, tenant: str, matched: bool | None, bounds: Bounds, since: datetime, now: datetime
    ) -> Alarm | None:
        def add(row: Entity | None) -> tuple[Alarm | None, Row | None]:
            before = _standing(row)
            after, alarm = note_outcome(
                before, matched=matched, bounds=bounds, since=since, now=now
            )
            return alarm, None if after == before else _row(after)

        return self._change(tenant, _STANDING, add)

    def _change[T](
        self, tenant: str, name: str, rule: Callable[[Entity | None], tuple[T, Row | None]]
    ) -> T:
        """Apply a rule to a row and write what it gives, or check that there is nothing to write.

        What this instance knows of the row is tried first; others' changes show as a conflict.
        """
        row, is_fresh = self._known.get((tenant, name)), False
        for _ in range(TRIES_MAX):
            result, values = rule(row)
            if values is None and is_fresh:
                return result
            if values is not None:
                try:
                    etag = self._write(tenant, name, row, values)
                except ConflictError:
                    pass
                else:
                    self._keep(Entity(tenant, name, values, etag))
                    return result
            row, is_fresh = self._table.get(tenant, name), True
            if row is not None:
                self._keep(row)
        raise StorageError("the counters of verifications are too busy")

    def _write(self, tenant: str, name: str, row: Entity | None, values: Row) -> str:
        if row is None:
            return self._table.insert(tenant, name, values)
        return self._table.replace(tenant, name, values, etag=row.etag)

    def _keep(self, row: Entity) -> None:
        with self._lock:
            if len(self._known) >= SIGHTINGS_KNOWN_MAX:
                self._known.clear()
            self._known[row.partition, row.row] = row


def _seen(window: int) -> str:
    return f"seen:{window:08}"


def _tripped(row: Entity | None, bounds: Bounds, now: datetime) -> tuple[None, Row]:
    return None, _row(trip(_standing(row), bounds, now))


def _row(standing: Standing) -> Row:
    return {
        "score": standing.score,
        "trips": json.dumps([at.isoformat() for at in standing.trips]),
        "paused_until": standing.paused_until,
    }


def _standing(row: Entity | None) -> Standing:
    if row is None:
        return Standing()
    score, paused_until = row.values.get("score"), row.values.get("paused_until")
    trips = row.values.get("trips")
    if (
        not isinstance(score, int | float)
        or not isinstance(trips, str)
        or not isinstance(paused_until, datetime)
    ):
        raise IntegrityError("the row of where a tenant stands is not complete")
    times = tuple(map(datetime.fromisoformat, json.loads(trips)))
    return Standing(float(score), times, paused_until)


def _number(row: Entity, name: str) -> int:
    found = row.values.get(name)
    if not isinstance(found, int):
        raise IntegrityError("a counter of verifications is not a number")
    return found


def _bytes(row: Entity, name: str) -> bytes:
    found = row.values.get(name)
    if not isinstance(found, bytes):
        raise IntegrityError("a salt is missing")
    return found
