"""Where a tenant's things lie, and what becomes of each when the tenant is erased: one list.

A container or table that is not on it makes a test fail, so that nothing new is forgotten.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from types import MappingProxyType
from typing import Final

from consentry.azure.names import Container, TableName
from consentry.service.inbox_names import UploadName
from consentry.service.ports import BlobStore, Table


class Fate(StrEnum):
    """What becomes of what lies in a place when its tenant is erased."""

    ERASED = "erased"  # blobs below ``{tenant}/``, or rows of the partition ``{tenant}``
    KEPT = "kept"


TABLES: Final[Mapping[TableName, Fate]] = MappingProxyType(
    {
        TableName.DATA_KEYS: Fate.ERASED,  # first: what they seal or key is lost at once
        TableName.CALLERS: Fate.ERASED,
        TableName.ACCESS: Fate.ERASED,
        TableName.CONSENTS: Fate.ERASED,
        TableName.JOBS: Fate.ERASED,  # before the pieces: a job that is gone makes no more of them
        TableName.QUOTAS: Fate.ERASED,
        TableName.TEMPLATES: Fate.ERASED,
        TableName.UPLOADS: Fate.ERASED,
    }
)
CONTAINERS: Final[Mapping[Container, Fate]] = MappingProxyType(
    {
        Container.INBOX: Fate.ERASED,
        Container.PIECES: Fate.ERASED,
        Container.REDACTED: Fate.ERASED,
        Container.QUARANTINE: Fate.ERASED,
        Container.MANIFESTS: Fate.ERASED,
        # Counts and digests: what is left to show to those whose data it was.
        Container.DELETIONS: Fate.KEPT,
        # Codes, counts and random ids; the digests of inputs lose their key and match nothing.
        Container.AUDIT: Fate.KEPT,
        # Use case, dates, conditions, random ids of reviewers; nothing of an application's text.
        Container.DECISIONS: Fate.KEPT,
    }
)


@dataclass(frozen=True)
class Place:
    """One place of a tenant: names of blobs or keys of rows in it, and how to delete one."""

    kind: str
    names: Iterator[str]
    delete: Callable[[str], bool]


@dataclass(frozen=True)
class Belongings:
    """Finds what is a tenant's own."""

    blobs: BlobStore
    table: Callable[[TableName], Table]

    def places(self, tenant: str) -> Iterator[Place]:
        """Every place that an erasure empties, in order."""
        for name, fate in TABLES.items():
            if fate is Fate.ERASED:
                yield self.rows(tenant, name)
        for container, fate in CONTAINERS.items():
            if fate is Fate.ERASED:
                found = self.blobs.list(container, f"{tenant}/")
                names = (blob.name for blob in found)
                yield Place(container, names, partial(self._delete_blob, container))

    def rows(self, tenant: str, name: TableName) -> Place:
        """The tenant's rows of one table."""
        table = self.table(name)
        names = (entity.row for entity in table.query(tenant))
        return Place(name, names, partial(table.delete, tenant))

    def any(self, tenant: str) -> bool:
        """Tell whether anything is left."""
        return any(next(place.names, None) is not None for place in self.places(tenant))

    def count(self, tenant: str) -> dict[str, int]:
        """Count what there is, by place."""
        return {place.kind: sum(1 for _ in place.names) for place in self.places(tenant)}

    def _delete_blob(self, container: Container, name: str) -> bool:
        """Delete a blob, unless its name leads to another one: that is left to the platform."""
        return UploadName.parse(name).is_addressable and self.blobs.delete(container, name)
