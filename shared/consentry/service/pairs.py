"""Verification by upload: two pictures and a request that names them, in any order.

The three lie in one folder below ``{tenant}/verify/``. Pictures are held until a request names
them; whichever of the three arrives last completes the verification. The answer is a signed
``{name}.verify.result.json``; the templates live in memory only, for this one comparison.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import islice

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from consentry.azure.names import Container
from consentry.errors import ArgumentError, ConflictError
from consentry.limits import (
    JSON_BYTES_MAX,
    PICTURE_BYTES_MAX,
    SUBJECT_CHARACTERS_MAX,
    VERIFY_REQUESTS_PER_FOLDER_MAX,
)
from consentry.service.comparisons import Comparisons
from consentry.service.inbox_names import (
    REQUEST_SUFFIX,
    RESULT_SUFFIX,
    VERIFY_FOLDER,
    Purpose,
    UploadName,
    check_name,
)
from consentry.service.invocation import Invocation, Outcome
from consentry.service.ledger import UploadLedger
from consentry.service.manifests import MANIFEST_MEDIA_TYPE, Notary
from consentry.service.named_consents import NamedConsents
from consentry.service.ports import Blob, BlobProperties, BlobStore
from consentry.trust.approvals import Reason
from consentry.vision import EMBEDDING_ROLES, Photograph, Vision


class VerifyRequest(BaseModel):
    """Content of a ``{name}.verify.json``: two names in the request's own folder, and a consent.

    ``consent`` is the id of a receipt, or a pseudonym, as the approval asks for; the address by
    which one of the three files was uploaded may have named it too.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    probe: str = Field(min_length=1)
    reference: str = Field(min_length=1)
    consent: str = Field(default="", max_length=SUBJECT_CHARACTERS_MAX)

    @classmethod
    def read(cls, data: bytes) -> "VerifyRequest":
        """Parse and check; ArgumentError for anything that is not such a request."""
        try:
            request = cls.model_validate_json(data)
        except ValidationError:
            raise ArgumentError(
                'a request is JSON of the form {"probe": "a.jpg", "reference": "b.jpg"}'
            ) from None
        for name in (request.probe, request.reference):
            if "/" in check_name(name) or name.endswith(REQUEST_SUFFIX):
                raise ArgumentError("probe and reference are pictures in the request's own folder")
        return request


@dataclass(frozen=True)
class Pairs:
    """The work on uploads below ``verify/``."""

    blobs: BlobStore
    vision: Vision
    notary: Notary
    ledger: UploadLedger
    consents: NamedConsents
    comparisons: Comparisons
    keep_originals: frozenset[str]

    def hold(
        self, invocation: Invocation, *, upload: UploadName, found: BlobProperties
    ) -> Outcome[None]:
        """Check that the upload is a picture, and leave it where it lies."""
        check_name(upload.name)
        blob = self._read(upload, found)
        invocation.saw(blob.data)
        self.vision.read(blob.data)
        return Outcome(None, partial(self._hold, invocation, upload, found))

    def verify(
        self, invocation: Invocation, *, upload: UploadName, found: BlobProperties
    ) -> Outcome[None]:
        """Compare the two pictures that the request names, or hold it until both are there."""
        check_name(upload.name)
        request = VerifyRequest.read(self._read(upload, found, limit=JSON_BYTES_MAX).data)
        probe, reference = (
            self.blobs.read(Container.INBOX, upload.folder + name, limit=PICTURE_BYTES_MAX)
            for name in (request.probe, request.reference)
        )
        if probe is None or reference is None:
            return Outcome(None, partial(self._hold, invocation, upload, found))
        parts = (found, probe.properties, reference.properties)
        self._check_consent(invocation, request, parts)
        comparison = self.comparisons.compare(
            invocation, Photograph(probe.data), Photograph(reference.data)
        )
        signed = self.notary.verification(
            invocation,
            probe.data,
            reference.data,
            comparison.verification,
            self.vision.using(*EMBEDDING_ROLES),
        )

        def release() -> None:
            self._check_consent(invocation, request, parts)
            self._release(invocation, upload, parts, signed)

        return Outcome(None, release)

    def _check_consent(
        self, invocation: Invocation, request: VerifyRequest, parts: tuple[BlobProperties, ...]
    ) -> None:
        """Go on under the consent that is named, however often; it is one person's.

        It is read again right before the result leaves: it may have ended meanwhile.
        """
        by_address = (self.ledger.consent(UploadName.parse(part.name), part.etag) for part in parts)
        found = []
        for named in sorted({request.consent, *by_address} - {""}) or [""]:
            consent = self.consents.judge(named, invocation.approval, invocation.time)
            if isinstance(consent, Reason):
                raise invocation.refuse(consent)
            found.append(consent)
        invocation.under(found[0])
        if len({consent.subject for consent in found}) > 1:
            raise invocation.refuse(Reason.SUBJECTS_DIFFER)

    def requests_naming(self, picture: UploadName) -> list[UploadName]:
        """Requests in the picture's folder that name it; unreadable ones are left alone here."""
        name = picture.blob.removeprefix(picture.folder)
        naming = []
        for upload, blob in self._requests(picture.folder):
            try:
                request = VerifyRequest.read(blob.data)
            except ArgumentError:
                continue  # its own event puts it into quarantine
            if name in (request.probe, request.reference):
                naming.append(upload)
        return naming

    def overdue(
        self, tenant: str, now: datetime, after: timedelta
    ) -> Iterator[tuple[UploadName, str]]:
        """Held uploads whose verification was not completed in time, with their ETags."""
        for found in self.blobs.list(Container.INBOX, f"{tenant}/{VERIFY_FOLDER}"):
            upload = UploadName.parse(found.name)
            if found.modified + after > now or not upload.is_addressable:
                continue
            if not self._is_kept(upload, found.etag):
                yield upload, found.etag

    def _requests(self, folder: str) -> Iterator[tuple[UploadName, Blob]]:
        """Read the requests in exactly this folder; a listing gives those of its folders too."""
        found = (
            upload
            for properties in self.blobs.list(Container.INBOX, folder)
            if properties.size <= JSON_BYTES_MAX
            and (upload := UploadName.parse(properties.name)).folder == folder
            and upload.purpose is Purpose.VERIFY_REQUEST
        )
        for upload in islice(found, VERIFY_REQUESTS_PER_FOLDER_MAX):
            blob = self.blobs.read(Container.INBOX, upload.blob, limit=JSON_BYTES_MAX)
            if blob is not None:
                yield upload, blob

    def _read(
        self, upload: UploadName, found: BlobProperties, *, limit: int = PICTURE_BYTES_MAX
    ) -> Blob:
        blob = self.blobs.read(Container.INBOX, upload.blob, limit=limit, etag=found.etag)
        if blob is None:
            raise ConflictError("the upload was removed meanwhile")
        return blob

    def _hold(self, invocation: Invocation, upload: UploadName, found: BlobProperties) -> None:
        if self._is_kept(upload, found.etag):
            return
        self.ledger.held(upload, etag=found.etag, invocation=invocation.id, now=invocation.time)

    def _release(
        self,
        invocation: Invocation,
        upload: UploadName,
        parts: tuple[BlobProperties, ...],
        signed: bytes,
    ) -> None:
        result = upload.blob.removesuffix(REQUEST_SUFFIX) + RESULT_SUFFIX
        self.blobs.write(Container.REDACTED, result, signed, content_type=MANIFEST_MEDIA_TYPE)
        for part in parts:
            name = UploadName.parse(part.name)
            self.ledger.done(
                name, etag=part.etag, result=result, invocation=invocation.id, now=invocation.time
            )
            if self._may_go(name, upload):
                self.blobs.delete(Container.INBOX, part.name, etag=part.etag)

    def _is_kept(self, upload: UploadName, etag: str) -> bool:
        """Tell whether it had its result, and only lies there because the tenant keeps it."""
        return upload.tenant in self.keep_originals and self.ledger.is_done(upload, etag)

    def _may_go(self, part: UploadName, request: UploadName) -> bool:
        """A request goes when it is answered, a picture when no other request names it."""
        if part.tenant in self.keep_originals:
            return False
        return part == request or not self.requests_naming(part)
