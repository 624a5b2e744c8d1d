"""Approvals in the table ``access``.

For each tenant and capability one row, ``force:{capability}``, holds the newest version, so
that a decision is one point read. Every version also stays as
``history:{capability}:{version}``; both rows are written in one transaction.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from pydantic import TypeAdapter, ValidationError

from consentry.errors import IntegrityError, NotFoundError
from consentry.service.identifiers import uuid7
from consentry.service.ports import Entity, Row, Table
from consentry.trust.approvals import Approval, ApprovalState
from consentry.trust.operations import Capability

_FORCE: Final = "force:"
_HISTORY: Final = "history:"


@dataclass(frozen=True)
class Access:
    """Reads and writes approvals; every read is of the table itself."""

    table: Table

    def newest(self, tenant: str, capability: Capability) -> Approval | None:
        """Read the newest version, whatever its state."""
        row = self.table.get(tenant, _FORCE + capability)
        return None if row is None else _approval(row)

    def list(self, tenant: str) -> Iterator[Approval]:
        """The newest versions of all of the tenant's approvals."""
        return map(_approval, self.table.query(tenant, row_prefix=_FORCE))

    def history(self, tenant: str, capability: Capability) -> Iterator[Approval]:
        """All versions, oldest first."""
        return map(_approval, self.table.query(tenant, row_prefix=f"{_HISTORY}{capability}:"))

    def approve(
        self,
        tenant: str,
        capability: Capability,
        *,
        use_case: str,
        valid_from: datetime,
        valid_until: datetime,
        decided_by: str,
        now: datetime,
        target_fmr: float | None = None,
    ) -> Approval:
        """Put a new approval in force; ConflictError when somebody else decides meanwhile."""
        before = self.newest(tenant, capability)
        approval = Approval(
            id=uuid7(now),
            version=1 if before is None else before.version + 1,
            tenant=tenant,
            capability=capability,
            use_case=use_case,
            state=ApprovalState.APPROVED,
            valid_from=valid_from,
            valid_until=valid_until,
            decided_by=decided_by,
            decided_at=now,
            target_fmr=target_fmr,
        )
        self._write(approval)
        return approval

    def revoke(
        self, tenant: str, capability: Capability, *, decided_by: str, now: datetime
    ) -> Approval:
        """Revoke what is in force; NotFoundError where nothing was ever approved."""
        before = self.newest(tenant, capability)
        if before is None:
            raise NotFoundError("the tenant has no approval for this capability")
        revoked = replace(
            before,
            version=before.version + 1,
            state=ApprovalState.REVOKED,
            decided_by=decided_by,
            decided_at=now,
        )
        self._write(revoked)
        return revoked

    def _write(self, approval: Approval) -> None:
        """Write both rows; the history row must be new, so no version is ever overwritten."""
        row = _row(approval)
        history = f"{_HISTORY}{approval.capability}:{approval.version:06}"
        rows = {_FORCE + approval.capability: row, history: row}
        self.table.put_together(approval.tenant, rows, new={history})


def _row(approval: Approval) -> Row:
    row: dict[str, str | int | float | datetime] = {
        "id": approval.id,
        "version": approval.version,
        "capability": approval.capability.value,
        "use_case": approval.use_case,
        "state": approval.state.value,
        "valid_from": approval.valid_from,
        "valid_until": approval.valid_until,
        "decided_by": approval.decided_by,
        "decided_at": approval.decided_at,
    }
    if approval.target_fmr is not None:
        row["target_fmr"] = approval.target_fmr
    return row


_APPROVAL: Final = TypeAdapter(Approval)


def _approval(entity: Entity) -> Approval:
    """Read a row back; IntegrityError when it is not complete, so that it allows nothing."""
    try:
        return _APPROVAL.validate_python({**entity.values, "tenant": entity.partition})
    except ValidationError:
        raise IntegrityError("an approval's row is not complete") from None
