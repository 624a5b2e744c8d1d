"""Records of the audit log, page by page: a tenant's own for the tenant, all for auditors.

What a page says is as it stands in storage; a record is proven by ``GET /audit/records/{id}``.
Pages go by day, then by chain, and within a chain in the order in which records were written.
Reading leaves a record itself, which says whose records were looked at.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from consentry.errors import ArgumentError, NotFoundError
from consentry.limits import AUDIT_PAGE_BYTES_MAX, AUDIT_PAGE_DAYS_MAX
from consentry.service.invocation import Invocation, Outcome
from consentry.service.ports import AppendStore
from consentry.trust.chain import NEWLINE, parse, split_name

_DIGITS_MAX: Final = 10

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Period:
    """Days of the log, both included."""

    first: date
    last: date

    def days(self) -> Iterator[str]:
        """All days, in order; ArgumentError for none or too many."""
        number = (self.last - self.first).days + 1
        if not 1 <= number <= AUDIT_PAGE_DAYS_MAX:
            raise ArgumentError(f"a period is of 1 to {AUDIT_PAGE_DAYS_MAX} days")
        return ((self.first + timedelta(days=day)).isoformat() for day in range(number))


@dataclass(frozen=True)
class Place:
    """Where a page ends: so many bytes of a segment were read."""

    name: str = ""
    offset: int = 0

    @classmethod
    def parse(cls, text: str) -> "Place":
        """Read what a page gave as ``next``; ArgumentError for anything else."""
        name, _, digits = text.rpartition(":")
        fits = digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS_MAX
        if not text:
            return cls()
        if split_name(name) is None or not fits:
            raise ArgumentError("after is what an earlier page gave as next")
        return cls(name, int(digits))

    def __str__(self) -> str:
        return f"{self.name}:{self.offset}" if self.name else ""


@dataclass(frozen=True)
class Page:
    """Some records; ``next`` is where the next page begins, or empty at the end of the period."""

    records: list[Record]
    next: Place


@dataclass(frozen=True)
class LogReader:
    """The use case ``list records``."""

    store: AppendStore
    bytes_max: int = AUDIT_PAGE_BYTES_MAX

    def page(
        self, invocation: Invocation, *, tenant: str, period: Period, after: Place, limit: int
    ) -> Outcome[Page]:
        """Give at most ``limit`` records of a tenant, or of all for people of the operator.

        A page may hold fewer, even none, and have a next one: it reads only so much of the log.
        """
        if tenant and not invocation.principal.may_see(tenant):
            raise NotFoundError("there are no records of that tenant, or they are not yours")
        if not tenant and not invocation.principal.may_see(""):
            tenant = invocation.tenant
        invocation.regards(tenant)
        records: list[Record] = []
        end, read = after, 0
        for place, record in self._read(period, after):
            if read >= self.bytes_max or len(records) >= limit:
                invocation.count(records=len(records))
                return Outcome(Page(records, end))
            read += place.offset - (end.offset if end.name == place.name else 0)
            end = place
            shown = _shown(record, tenant)
            if shown is not None:
                records.append(shown)
        invocation.count(records=len(records))
        return Outcome(Page(records, Place()))

    def _read(self, period: Period, after: Place) -> Iterator[tuple[Place, Record]]:
        """Give the period's records with the place behind each; what is no record is left out."""
        for day in period.days():
            for found in self.store.list(f"{day}/"):
                if split_name(found.name) is None or found.name < after.name:
                    continue
                offset = after.offset if found.name == after.name else 0
                data = self.store.read(found.name, start=offset)
                for line in data.split(NEWLINE)[:-1]:
                    offset += len(line) + len(NEWLINE)
                    if parse(line) is not None:
                        yield Place(found.name, offset), json.loads(line)["record"]


def _shown(record: Record, tenant: str) -> Record | None:
    """Give a record as the tenant's own people may see it: not who of the operator looked."""
    if tenant in ("", record.get("tenant")):
        return record
    if record.get("regards") != tenant:
        return None
    kind, _, _ = str(record.get("principal")).partition(":")
    return {**record, "principal": kind}
