"""Applications in the table ``access``: row ``case:{id}`` of the tenant, signed as a whole.

The signature is the decision use case's own, so a reviewer's word cannot be written by hand.
Whoever can write to the table could still put an older signed row back. So after each revision a
write-once blob in the evidence account says that there is one, by its number and digest alone: a
row is not believed once a later revision is on record there.
"""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Final

from consentry.errors import ConflictError, IntegrityError
from consentry.service.ports import AppendStore, Entity, Row, SigningKey, Table
from consentry.trust.decisions import open_case, sign_case
from consentry.trust.review import Case

_CASE: Final = "case:"


@dataclass(frozen=True)
class Kept:
    """A case, and the ETag that its row had."""

    case: Case
    etag: str


@dataclass(frozen=True)
class Cases:
    """Reads and writes cases."""

    table: Table
    key: SigningKey
    evidence: AppendStore

    def find(self, tenant: str, case_id: str) -> Kept | None:
        """Read a case of one tenant; IntegrityError for a row written by hand, or put back."""
        revision = self._revisions(f"{_folder(tenant)}{case_id}/").get(case_id, 0)
        row = self.table.get(tenant, _CASE + case_id)
        return None if row is None else self._open(row, revision)

    def list(self, tenant: str) -> Iterator[Kept]:
        """All cases of a tenant, oldest first."""
        # Evidence follows its row, so what is read after it is no older, unless it was put back.
        revisions = self._revisions(_folder(tenant))
        for row in self.table.query(tenant, row_prefix=_CASE):
            yield self._open(row, revisions.get(row.row.removeprefix(_CASE), 0))

    def add(self, case: Case) -> None:
        """Write a new case."""
        row = self._row(case)
        self.table.insert(case.tenant, _CASE + case.id, row)
        self._witness(case, row)

    def save(self, before: Kept, case: Case) -> None:
        """Write the next state of a case; ConflictError when somebody else did meanwhile."""
        revised = replace(case, revision=before.case.revision + 1)
        row = self._row(revised)
        self.table.replace(case.tenant, _CASE + case.id, row, etag=before.etag)
        self._witness(revised, row)

    def close(self, tenant: str) -> None:
        """Have no row of a tenant believed any more, whatever its last revision says.

        Two on from the last on record: one more may have been written and not be on record.
        """
        revisions = self._revisions(_folder(tenant))
        for row in self.table.query(tenant, row_prefix=_CASE):
            case_id = row.row.removeprefix(_CASE)
            self._record(tenant, case_id, revisions.get(case_id, 0) + 2, b"")

    def _row(self, case: Case) -> Row:
        signed = sign_case(case, kid=self.key.kid, sign=self.key.sign)
        return {"signed": signed, "state": case.state.value}

    def _witness(self, case: Case, row: Row) -> None:
        """Put it on record that there is this revision; nothing that it says."""
        self._record(case.tenant, case.id, case.revision, _signed(row))

    def _record(self, tenant: str, case_id: str, revision: int, signed: bytes) -> None:
        digest = hashlib.sha256(signed).hexdigest().encode()
        with suppress(ConflictError):  # it is on record already
            self.evidence.put(f"{_folder(tenant)}{case_id}/{revision:06}", digest)

    def _revisions(self, prefix: str) -> dict[str, int]:
        """Give the last revision on record of each case."""
        paths = [PurePosixPath(found.name) for found in self.evidence.list(prefix)]
        return {path.parent.name: int(path.name) for path in paths}  # in order, so the last wins

    def _open(self, row: Entity, revision: int) -> Kept:
        """Read a row of which ``revision`` is on record."""
        case = open_case(
            _signed(row.values),
            tenant=row.partition,
            case_id=row.row.removeprefix(_CASE),
            public_keys=self.key.public_keys(),
        )
        if row.values.get("state") != case.state:
            raise IntegrityError("an application's row is not what was signed")
        if case.revision < revision:
            raise IntegrityError("an older state of an application was put back")
        if case.revision > revision:  # whoever wrote it died before it was on record
            self._witness(case, row.values)
        return Kept(case, row.etag)


def _signed(row: Row) -> bytes:
    signed = row.get("signed")
    if not isinstance(signed, bytes):
        raise IntegrityError("an application's row is not signed")
    return signed


def _folder(tenant: str) -> str:
    return f"{tenant}/cases/"
