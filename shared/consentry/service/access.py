"""Approvals in the table ``access``: signed, and read so that no row by hand opens anything.

For each tenant and capability one row, ``force:{capability}``, holds the newest version, so
that a decision is one point read. Every version also stays as
``history:{capability}:{version}``; both rows are written in one transaction.

A row holds the signed decision. It is believed only if the signature verifies, if it is this
tenant's for this capability, and if the columns beside it say the same. Whoever can write to
the table could still put an older signed row back. So before a version is written, it goes as
a write-once blob into the evidence account, where nobody can take it away, and an approval is
not believed while a newer version lies there. That question is asked again every few seconds.
"""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import PurePosixPath
from typing import Final

from consentry.errors import IntegrityError
from consentry.service.identifiers import uuid7
from consentry.service.ports import AppendStore, Entity, PublicKey, Row, SigningKey, Table
from consentry.trust.approvals import Approval, ApprovalState
from consentry.trust.decisions import open_decision, sign_decision
from consentry.trust.operations import Capability

EVIDENCE_SECONDS: Final = 5.0  # longest that a row which was put back is believed

_FORCE: Final = "force:"
_HISTORY: Final = "history:"


class Access:
    """Reads and writes approvals; every read is of the table itself."""

    def __init__(
        self,
        table: Table,
        key: SigningKey,
        evidence: AppendStore,
        *,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._table = table
        self._key = key
        self._evidence = evidence
        self._ticks = ticks
        self._lock = threading.Lock()
        self._newest: dict[tuple[str, Capability], tuple[int, float]] = {}

    @property
    def public_keys(self) -> tuple[PublicKey, ...]:
        """Keys by which decisions verify."""
        return self._key.public_keys()

    def newest(self, tenant: str, capability: Capability) -> Approval | None:
        """Read the newest version, whatever its state.

        Raises IntegrityError for a row that was written by hand, copied or put back.
        """
        row = self._table.get(tenant, _FORCE + capability)
        if row is None:
            return None
        approval = self._open(row, capability)
        self._check_newest(approval)
        return approval

    def list(self, tenant: str) -> Iterator[Approval]:
        """The newest versions of all of the tenant's approvals."""
        found = (self.newest(tenant, capability) for capability in Capability)
        return (approval for approval in found if approval is not None)

    def history(self, tenant: str, capability: Capability) -> Iterator[Approval]:
        """All versions, oldest first."""
        rows = self._table.query(tenant, row_prefix=f"{_HISTORY}{capability}:")
        return (self._open(row, capability) for row in rows)

    def approve(self, approval: Approval, now: datetime) -> Approval:
        """Put an approval in force as the next version, which it gives.

        Only the decision use case calls this. ConflictError when somebody else decides meanwhile.
        """
        return self._write(replace(approval, state=ApprovalState.APPROVED), now)

    def stop(self, before: Approval, state: ApprovalState, by: str, now: datetime) -> Approval:
        """Suspend or revoke a version, as the next one."""
        return self._write(replace(before, state=state, decided_by=(by,)), now)

    def decided(self, tenant: str, capability: Capability) -> Approval | None:
        """Give the last version that was decided on, whether or not it got into the table.

        It is taken from the evidence, so a row that was tampered with keeps nobody from revoking.
        """
        name = self._last_evidence(tenant, capability)
        if name is None:
            return None
        return open_decision(
            self._evidence.read(name),
            tenant=tenant,
            capability=capability,
            public_keys=self._key.public_keys(),
        )

    def signed(self, tenant: str, capability: Capability) -> Iterator[bytes]:
        """All decisions that were ever made, as they were signed, oldest first."""
        names = [found.name for found in self._evidence.list(_folder(tenant, capability))]
        return map(self._evidence.read, names)

    def _write(self, approval: Approval, now: datetime) -> Approval:
        """Write evidence first, then both rows; no version is ever overwritten."""
        tenant, capability = approval.tenant, approval.capability
        last = self._last_evidence(tenant, capability)
        version = 1 if last is None else int(PurePosixPath(last).stem) + 1
        numbered = replace(approval, id=uuid7(now), version=version, decided_at=now)
        signed = sign_decision(numbered, kid=self._key.kid, sign=self._key.sign)
        self._evidence.put(evidence_name(tenant, capability, version), signed)
        row = _row(numbered, signed)
        history = f"{_HISTORY}{capability}:{version:06}"
        self._table.put_together(tenant, {_FORCE + capability: row, history: row}, new={history})
        return numbered

    def _last_evidence(self, tenant: str, capability: Capability) -> str | None:
        """Name of the newest evidence; its decision may have got no further."""
        names = [found.name for found in self._evidence.list(_folder(tenant, capability))]
        return names[-1] if names else None

    def _open(self, row: Entity, capability: Capability) -> Approval:
        signed = row.values.get("signed")
        if not isinstance(signed, bytes):
            raise IntegrityError("an approval's row is not signed")
        approval = open_decision(
            signed,
            tenant=row.partition,
            capability=capability,
            public_keys=self._key.public_keys(),
        )
        if dict(row.values) != dict(_row(approval, signed)):
            raise IntegrityError("an approval's row is not what was signed")
        return approval

    def _check_newest(self, approval: Approval) -> None:
        """Raise IntegrityError if a newer version than this one was ever decided on.

        What this process has seen counts at once; what others decided, within the bound.
        """
        key, now = (approval.tenant, approval.capability), self._ticks()
        version, asked = self._newest.get(key, (0, float("-inf")))
        if version > approval.version:
            raise IntegrityError("an older approval was put back")
        if version == approval.version and now - asked < EVIDENCE_SECONDS:
            return
        if self._evidence.size(evidence_name(*key, approval.version + 1)) is not None:
            raise IntegrityError("a newer decision than this approval was made")
        with self._lock:
            known, _ = self._newest.get(key, (0, now))
            if approval.version >= known:
                self._newest[key] = approval.version, now


def evidence_name(tenant: str, capability: Capability, version: int) -> str:
    """Name of the blob that shows that a version was decided."""
    return f"{_folder(tenant, capability)}{version:06}.jws"


def _folder(tenant: str, capability: Capability) -> str:
    return f"{tenant}/{capability}/"


def _row(approval: Approval, signed: bytes) -> Row:
    return {
        "signed": signed,
        "version": approval.version,
        "state": approval.state.value,
        "valid_until": approval.valid_until,
    }
