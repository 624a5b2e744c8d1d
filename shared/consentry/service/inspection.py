"""What is overdue: things that a timer should have deleted by now, for ``doctor retention``."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from consentry.azure.names import TableName
from consentry.errors import IntegrityError
from consentry.service.datakeys import DataKeys
from consentry.service.erasure_jobs import ErasureJobs
from consentry.service.orphans import Orphans
from consentry.service.ports import Entity, Table
from consentry.service.retention import Retention
from consentry.service.templates import is_emptied

HOURLY: Final = timedelta(hours=2)  # that an hourly timer may be late
FREQUENT: Final = timedelta(minutes=15)  # that a timer of every five minutes may be late


@dataclass(frozen=True)
class Finding:
    """One kind of thing of one tenant: how many there are, how many are overdue, since when.

    ``alone`` are those that nobody deletes by itself and somebody has to look at.
    """

    what: str
    tenant: str
    things: int
    overdue: int = 0
    since: datetime | None = None
    alone: int = 0


@dataclass
class _Tally:
    things: int = 0
    overdue: int = 0
    since: datetime | None = None

    def add(self, until: datetime, late: timedelta, now: datetime) -> None:
        self.things += 1
        if until + late <= now:
            self.overdue += 1
            self.since = min(until, self.since or until)


@dataclass(frozen=True)
class Inspection:
    """Looks at all stores and changes nothing."""

    retention: Retention
    orphans: Orphans
    jobs: ErasureJobs
    keys: DataKeys
    table: Callable[[TableName], Table]

    def findings(self, now: datetime) -> Iterator[Finding]:
        """Tell of each kind of thing and tenant; things that nobody has are left out."""
        yield from self._files(now)
        yield from self._templates(now)
        for job in self.jobs.under_way():
            due = job.receipt_from
            late = due + FREQUENT <= now
            yield Finding("erasure", job.tenant, 1, int(late), due if late else None)
        wrapped = Counter(row.partition for row in self.keys.outdated())
        for owner, number in sorted(wrapped.items()):
            yield Finding("keys to wrap anew", owner, number)
        orphans = Counter(
            (orphan.kind, orphan.tenant, orphan.cure is None) for orphan in self.orphans.scan(now)
        )
        for (kind, tenant, reported), number in sorted(orphans.items()):
            yield Finding(kind.replace("_", " "), tenant, number, alone=number if reported else 0)

    def _files(self, now: datetime) -> Iterator[Finding]:
        tallies: dict[tuple[str, str], _Tally] = {}
        for kept in self.retention.all():
            tally = tallies.setdefault((kept.container, kept.tenant), _Tally())
            tally.add(kept.until, HOURLY, now)
        yield from _told(tallies)

    def _templates(self, now: datetime) -> Iterator[Finding]:
        tallies: dict[tuple[str, str], _Tally] = {}
        for row in self.table(TableName.TEMPLATES).query():
            if is_emptied(row):
                continue
            tally = tallies.setdefault((TableName.TEMPLATES, row.partition), _Tally())
            tally.add(_expiry(row), FREQUENT, now)
        yield from _told(tallies)


def _expiry(row: Entity) -> datetime:
    expires = row.values.get("expires")
    if not isinstance(expires, datetime):
        raise IntegrityError("a template's row is not complete")
    return expires


def _told(tallies: dict[tuple[str, str], _Tally]) -> Iterator[Finding]:
    for (what, tenant), tally in sorted(tallies.items()):
        yield Finding(what, tenant, tally.things, tally.overdue, tally.since)
