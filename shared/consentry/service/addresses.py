"""How outsiders bring uploads and fetch results: addresses that live for minutes."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from consentry.azure.names import Container
from consentry.errors import ConflictError, NotFoundError
from consentry.limits import RESULT_ADDRESS_SECONDS, UPLOAD_ADDRESS_SECONDS
from consentry.service.inbox_names import MANIFEST_SUFFIX, UploadName, check_name
from consentry.service.invocation import Invocation, Outcome
from consentry.service.ledger import UploadLedger, UploadState, UploadStatus
from consentry.service.ports import BlobStore


@dataclass(frozen=True)
class UploadAddress:
    """Where one new blob may be written, once, until ``expires``."""

    upload_id: str
    url: str
    expires: datetime


@dataclass(frozen=True)
class Addresses:
    """The use cases ``create upload`` and ``read upload``."""

    blobs: BlobStore
    ledger: UploadLedger

    def create(
        self, invocation: Invocation, name: str, consent: str = ""
    ) -> Outcome[UploadAddress]:
        """Give a write-once address below the caller's own tenant, and note who asked.

        ``consent`` is for one of the files of a verification; it is looked at when they are
        compared.

        Raises ArgumentError for a name that cannot be used and ConflictError while an upload
        of that name is still in the inbox.
        """
        upload = UploadName.parse(f"{invocation.tenant}/{check_name(name)}")
        if self.blobs.properties(Container.INBOX, upload.blob) is not None:
            raise ConflictError("an upload of that name is still being worked on")
        lifetime = timedelta(seconds=UPLOAD_ADDRESS_SECONDS)
        address = UploadAddress(
            upload.upload_id,
            self.blobs.upload_address(Container.INBOX, upload.blob, lifetime),
            invocation.time + lifetime,
        )

        def release() -> None:
            self.ledger.expect(
                upload, asked_by=invocation.principal.id, now=invocation.time, consent=consent
            )

        return Outcome(address, release)

    def status(self, invocation: Invocation, upload_id: str) -> Outcome[UploadStatus]:
        """Tell what became of one of the tenant's own uploads."""
        return Outcome(self._find(invocation, upload_id))

    def content(self, invocation: Invocation, upload_id: str) -> Outcome[str]:
        """Give a read-only address of the result."""
        return Outcome(self._result_address(invocation, upload_id, ""))

    def manifest(self, invocation: Invocation, upload_id: str) -> Outcome[str]:
        """Give a read-only address of the signed manifest beside the result."""
        return Outcome(self._result_address(invocation, upload_id, MANIFEST_SUFFIX))

    def _result_address(self, invocation: Invocation, upload_id: str, suffix: str) -> str:
        status = self._find(invocation, upload_id)
        result = status.result + suffix
        place = UploadName.parse(result)
        if (
            status.state is not UploadState.DONE
            or place.tenant != invocation.tenant  # a row is no proof of whose the result is
            or not place.is_addressable
            or self.blobs.properties(Container.REDACTED, result) is None
        ):
            raise NotFoundError("there is no result under that id")
        lifetime = timedelta(seconds=RESULT_ADDRESS_SECONDS)
        return self.blobs.read_address(Container.REDACTED, result, lifetime)

    def _find(self, invocation: Invocation, upload_id: str) -> UploadStatus:
        status = self.ledger.find(invocation.tenant, upload_id)
        if status is None:
            raise NotFoundError("there is no upload under that id")
        return status
