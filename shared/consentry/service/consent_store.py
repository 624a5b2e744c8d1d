"""Consents in the table ``consents``: row ``consent:{id}`` of the tenant, the receipt signed.

A row is believed only if its receipt verifies and is this tenant's of this id. With it lies the
keyed hash of the withdrawal code, 256 random bits that are shown once. A code says by its own text
which consent it ends, so that it takes no account and one point read.
"""

import hmac
import re
import secrets
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Self
from uuid import UUID

from consentry.errors import IntegrityError
from consentry.limits import WITHDRAWAL_CODE_CHARACTERS_MAX
from consentry.service.datakeys import DataKeys, Purpose
from consentry.service.ports import Entity, Row, SigningKey, Table
from consentry.service.settings import TENANT_PATTERN
from consentry.trust.consents import Receipt, open_receipt, sign_receipt
from consentry.trust.operations import Principal, PrincipalKind

SECRET_BYTES: Final = 32

_CONSENT: Final = "consent:"
_CODE: Final = re.compile(
    rf"(?P<tenant>{TENANT_PATTERN.pattern})\.(?P<id>[0-9a-f]{{32}})\.(?P<secret>[\w-]{{43}})",
    re.ASCII,
)
_NO_DIGEST: Final = bytes(32)


@dataclass(frozen=True, repr=False)
class WithdrawalCode:
    """A well-formed code; nothing is known yet of its truth."""

    tenant: str
    receipt_id: str
    text: str

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read a code, or give None for anything of another form."""
        match = _CODE.fullmatch(text) if len(text) <= WITHDRAWAL_CODE_CHARACTERS_MAX else None
        return None if match is None else cls(match["tenant"], str(UUID(match["id"])), text)

    @classmethod
    def make(cls, tenant: str, receipt_id: str) -> Self:
        """Make a new code for a receipt."""
        secret = secrets.token_urlsafe(SECRET_BYTES)
        return cls(tenant, receipt_id, f"{tenant}.{UUID(receipt_id).hex}.{secret}")


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

    def add(self, receipt: Receipt, signed: bytes, code: WithdrawalCode) -> None:
        """Write a new consent."""
        kept = Kept(receipt, signed, self._digest(code))
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

    def recognise(self, code: WithdrawalCode) -> Principal | None:
        """Establish whose consent a code ends, or None; every wrong code takes the same path."""
        if code.tenant not in self._tenants:
            return None
        row = self._table.get(code.tenant, _CONSENT + code.receipt_id)
        stored = row.values.get("code") if row is not None else None
        known = stored if isinstance(stored, bytes) else _NO_DIGEST
        if not hmac.compare_digest(self._digest(code), known):
            return None
        return Principal(PrincipalKind.SUBJECT, UUID(code.receipt_id).hex, code.tenant)

    def _digest(self, code: WithdrawalCode) -> bytes:
        """Hash a code's whole text, so that a row copied to another id or tenant opens nothing."""
        return hmac.digest(self._keys.get(code.tenant, Purpose.CODES), code.text.encode(), "sha256")

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
