"""Deletion receipts: issued once something is gone, kept for good, given to those they concern.

They lie in the container ``deletions`` as ``{id}.jws``. They hold no content and no person's data,
so they stay when their tenant is erased: they are what is left to show.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from consentry.azure.names import Container
from consentry.errors import NotFoundError
from consentry.limits import DELETION_BYTES_MAX
from consentry.service.identifiers import uuid7
from consentry.service.invocation import Invocation, Outcome
from consentry.service.ports import BlobStore, SigningKey
from consentry.trust.deletions import (
    Deletion,
    DeletionReason,
    deleted_by_kind,
    open_deletion,
    sign_deletion,
)

DELETION_MEDIA_TYPE: Final = "application/jose"


@dataclass(frozen=True)
class Deletions:
    """Issues receipts and gives them back."""

    blobs: BlobStore
    key: SigningKey

    def issue(
        self,
        invocation: Invocation,
        *,
        tenant: str,
        reason: DeletionReason,
        deleted: Mapping[str, Collection[str]],
        concerns: str = "",
        receipt_id: str = "",
        audit: str = "",
    ) -> Deletion:
        """Sign a receipt and return once it is durable.

        Call it from an outcome's release, when the last of ``deleted`` is gone: a receipt that
        exists is true. ``deleted`` gives the ids by kind (``{"templates": [face id, ...]}``), of
        which only counts and digests get into the receipt. If a crash may come between deletion
        and receipt, keep ids where the next try finds them, and give a ``receipt_id`` that is the
        same at every try; ConflictError then says that the receipt is there already. ``audit`` is
        the id of the invocation that asked for it, if that is not this one.
        """
        deletion = Deletion(
            id=receipt_id or uuid7(invocation.time),
            tenant=tenant,
            reason=reason,
            time=invocation.time,
            audit=audit or invocation.id,
            deleted=deleted_by_kind(deleted),
            concerns=concerns,
        )
        self.blobs.write(
            Container.DELETIONS,
            _name(deletion.id),
            sign_deletion(deletion, kid=self.key.kid, sign=self.key.sign),
            content_type=DELETION_MEDIA_TYPE,
            only_new=True,
        )
        return deletion

    def is_issued(self, receipt_id: str) -> bool:
        """Tell whether a receipt is there."""
        return self.blobs.properties(Container.DELETIONS, _name(receipt_id)) is not None

    def read(self, invocation: Invocation, receipt_id: UUID) -> Outcome[bytes]:
        """Give the signed receipt; to a tenant its own only, to people of the operator any."""
        blob = self.blobs.read(
            Container.DELETIONS, _name(str(receipt_id)), limit=DELETION_BYTES_MAX
        )
        if blob is not None:
            found = open_deletion(blob.data, public_keys=self.key.public_keys())
            if invocation.principal.may_see(found.tenant) and found.id == str(receipt_id):
                return Outcome(blob.data)
        raise NotFoundError("there is no such deletion receipt")


def _name(receipt_id: str) -> str:
    return f"{receipt_id}.jws"
