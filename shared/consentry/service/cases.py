"""Applications in the table ``access``: row ``case:{id}`` of the tenant, signed as a whole.

The signature is the decision use case's own, so a reviewer's word cannot be written by hand.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from consentry.errors import IntegrityError
from consentry.service.ports import Entity, Row, SigningKey, Table
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

    def find(self, tenant: str, case_id: str) -> Kept | None:
        """Read a case of one tenant; IntegrityError for a row that was written by hand."""
        row = self.table.get(tenant, _CASE + case_id)
        return None if row is None else self._open(row)

    def list(self, tenant: str) -> Iterator[Kept]:
        """All cases of a tenant, oldest first."""
        return map(self._open, self.table.query(tenant, row_prefix=_CASE))

    def add(self, case: Case) -> None:
        """Write a new case."""
        self.table.insert(case.tenant, _CASE + case.id, self._row(case))

    def save(self, before: Kept, case: Case) -> None:
        """Write the next state of a case; ConflictError when somebody else did meanwhile."""
        self.table.replace(case.tenant, _CASE + case.id, self._row(case), etag=before.etag)

    def _row(self, case: Case) -> Row:
        signed = sign_case(case, kid=self.key.kid, sign=self.key.sign)
        return {"signed": signed, "state": case.state.value}

    def _open(self, row: Entity) -> Kept:
        signed = row.values.get("signed")
        if not isinstance(signed, bytes):
            raise IntegrityError("an application's row is not signed")
        case = open_case(
            signed,
            tenant=row.partition,
            case_id=row.row.removeprefix(_CASE),
            public_keys=self.key.public_keys(),
        )
        if row.values.get("state") != case.state:
            raise IntegrityError("an application's row is not what was signed")
        return Kept(case, row.etag)
