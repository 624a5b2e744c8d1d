"""Consents in the table ``consents``: row ``consent:{id}`` of the tenant, the receipt signed.

A row is believed only if its receipt verifies and is this tenant's of this id. With it lies the
keyed digest of the withdrawal code, a scoped secret: its own text says which consent it ends, so
that it takes no account.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from consentry.errors import IntegrityError
from consentry.service.datakeys import DataKeys, Purpose
from consentry.service.ports import Entity, Row, SigningKey, Table
from consentry.service.scoped_secrets import ScopedSecret
from consentry.trust.consents import Receipt, open_receipt, sign_receipt
from consentry.trust.operations import Principal, PrincipalKind

_CONSENT: Final = "consent:"
_ID_BYTES: Final = 16  # of a receipt's UUID


@dataclass(frozen=True, repr=False)
class Kept:
    """A consent with what lies beside its receipt, and the ETag of its row.

    ``reference`` is the sealed template that faces are compared with, as long as the consent holds,
    and ``model`` the digest of the model that made it; ``enrolled`` says that there ever was one.
    ``cleared`` says that nothing is left of what was made under a consent that has ended.
    """

    receipt: Receipt
    signed: bytes
    code: bytes
    etag: str = ""
    reference: bytes = b""
    model: str = ""
    enrolled: bool = False
    cleared: bool = False


class ConsentStore:
    """Reads and writes consents of the tenants that this deployment serves."""

    def __init__(
        self, table: Table, key: SigningKey, keys: DataKeys, tenants: Collection[str]
    ) -> None:
        self._table = table
        self._key = key
        self._keys = keys
        self._tenants = frozenset(tenants)

    def find(self, tenant: str, receipt_id: str) -> Kept | None:
        """Read a consent of one tenant; IntegrityError for a row that was written by hand."""
        row = self._table.get(tenant, _CONSENT + receipt_id)
        return None if row is None else self._open(row)

    def list(self, tenant: str) -> Iterator[Kept]:
        """All consents of a tenant, oldest first."""
        return map(self._open, self._table.query(tenant, row_prefix=_CONSENT))

    def add(self, receipt: Receipt, signed: bytes, code: ScopedSecret) -> None:
        """Write a new consent."""
        kept = Kept(receipt, signed, code.digest(self._digest_key(code)))
        self._table.insert(receipt.tenant, _CONSENT + receipt.record_id, _row(kept))

    def due(self, tenant: str, now: datetime) -> tuple[Sequence[Kept], int]:
        """Consents that have ended and are not cleared, and the number of rows that do not open."""
        found = []
        damaged = 0
        for row in self._table.query(tenant, row_prefix=_CONSENT):
            ends = row.values.get("ends")
            if row.values.get("cleared") is True or not isinstance(ends, datetime) or ends > now:
                continue
            try:
                found.append(self._open(row))
            except IntegrityError:
                damaged += 1
        return found, damaged

    def enrol(self, before: Kept, reference: bytes, model: str) -> Kept:
        """Write a sealed reference; ConflictError when the consent was changed meanwhile."""
        return self._replace(replace(before, reference=reference, model=model, enrolled=True))

    def end(self, before: Kept, receipt: Receipt) -> Kept:
        """Write the last state of a consent, without its reference; ConflictError as above."""
        signed = before.signed if receipt is before.receipt else self.sign(receipt)
        return self._replace(
            replace(before, receipt=receipt, signed=signed, reference=b"", model="")
        )

    def clear(self, before: Kept) -> Kept:
        """Note that nothing is left to look for."""
        return self._replace(replace(before, cleared=True))

    def sign(self, receipt: Receipt) -> bytes:
        """Sign a receipt by the deployment's key."""
        return sign_receipt(receipt, kid=self._key.kid, sign=self._key.sign)

    def recognise(self, text: str) -> Principal | None:
        """Establish whose consent a withdrawal code ends; every wrong code takes the same path."""
        code = ScopedSecret.parse(text, _ID_BYTES)
        if code is None or code.tenant not in self._tenants:
            return None
        row = self._table.get(code.tenant, _CONSENT + str(UUID(code.id)))
        if not code.opens(row, "code", self._digest_key(code)):
            return None
        return Principal(PrincipalKind.SUBJECT, code.id, code.tenant)

    def _digest_key(self, code: ScopedSecret) -> bytes:
        return self._keys.get(code.tenant, Purpose.CODES)

    def _replace(self, kept: Kept) -> Kept:
        receipt = kept.receipt
        name = _CONSENT + receipt.record_id
        etag = self._table.replace(receipt.tenant, name, _row(kept), etag=kept.etag)
        return replace(kept, etag=etag)

    def _open(self, row: Entity) -> Kept:
        signed, code = row.values.get("signed"), row.values.get("code")
        if not isinstance(signed, bytes) or not isinstance(code, bytes):
            raise IntegrityError("a consent's row is not complete")
        receipt = open_receipt(signed, public_keys=self._key.public_keys())
        if (receipt.tenant, _CONSENT + receipt.record_id) != (row.partition, row.row):
            raise IntegrityError("a consent lies where another one belongs")
        reference = row.values.get("reference", b"")
        return Kept(
            receipt,
            signed,
            code,
            row.etag,
            reference if isinstance(reference, bytes) else b"",
            str(row.values.get("model", "")),
            row.values.get("enrolled") is True,
            row.values.get("cleared") is True,
        )


def make_code(receipt: Receipt) -> ScopedSecret:
    """Make the withdrawal code of a new receipt."""
    return ScopedSecret.make(receipt.tenant, UUID(receipt.record_id).hex)


def _row(kept: Kept) -> Row:
    """Give a consent's row; ``ends`` only finds it, for what counts is the receipt."""
    row: Row = {
        "signed": kept.signed,
        "code": kept.code,
        "ends": kept.receipt.withdrawn_at or kept.receipt.valid_until,
        "enrolled": kept.enrolled,
        "cleared": kept.cleared,
    }
    return {**row, "reference": kept.reference, "model": kept.model} if kept.reference else row
