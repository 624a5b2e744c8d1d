"""What happens to a file that is dropped into the inbox.

Events come at least once, in any order, and may be late. Whatever lies under the name now is
worked on, and every step is conditional on its ETag: the same event twice finds its work done,
and a file that was replaced meanwhile is left to the event of its replacement.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Final, Protocol

from consentry.azure.names import Container
from consentry.errors import (
    ArgumentError,
    ConflictError,
    ConsentryError,
    InputError,
    PayloadTooLargeError,
    RateLimitedError,
    RedactionError,
    RefusedError,
    UploadExpiredError,
    VideoError,
)
from consentry.limits import PICTURE_BYTES_MAX
from consentry.service.call import Call, InboxEvent, Trigger
from consentry.service.claims import parse_claims
from consentry.service.gate import Gate
from consentry.service.inbox_names import MANIFEST_SUFFIX, Purpose, UploadName, check_name
from consentry.service.invocation import Invocation, Outcome
from consentry.service.jobs.store import JobStore
from consentry.service.late import LateUploads
from consentry.service.ledger import UPLOAD_METADATA, UploadLedger
from consentry.service.manifests import MANIFEST_MEDIA_TYPE
from consentry.service.pairs import Pairs
from consentry.service.ports import Blob, BlobProperties, BlobStore
from consentry.service.quarantine import Quarantine
from consentry.service.redaction import mask_options
from consentry.service.redactor import Done, Redactor
from consentry.trust.operations import Operation
from consentry.vision import MaskOptions

if TYPE_CHECKING:
    from consentry.service.jobs.assembly import Jobs

_CLAIMS: Final = "claims"  # metadata of an upload: faces that shall stay visible
_JOB: Final = "job"  # metadata of an upload: ``wait`` leaves a video to a request that names it
_WAIT: Final = "wait"


class Work(Protocol):
    """What is done with one kind of upload, once the gate has let it in."""

    def __call__(
        self, invocation: Invocation, *, upload: UploadName, found: BlobProperties
    ) -> Outcome[None]:
        """Do the work on the content that had ``found.etag``."""


FAULTS_OF_THE_UPLOAD = (InputError, RefusedError, RedactionError)
"""What another try cannot cure; anything else is raised, and the host delivers again."""


@dataclass(frozen=True)
class Inbox:
    """The blob trigger's use case."""

    gate: Gate
    blobs: BlobStore
    redactor: Redactor
    ledger: UploadLedger
    late: LateUploads
    quarantine: Quarantine
    pairs: Pairs
    jobs: "Callable[[], Jobs]"
    job_rows: JobStore
    default_mask: MaskOptions
    keep_originals: frozenset[str]

    def arrived(self, blob: str, request_id: str) -> None:
        """Redact, verify or hold the upload under this name; put it away if it fails."""
        upload = UploadName.parse(blob)
        self._have_turn(upload, request_id)
        if upload.purpose is Purpose.PROBE_OR_REFERENCE:
            for request in self.pairs.requests_naming(upload):
                self._have_turn(request, request_id)

    def catch_up(self, tenant: str, request_id: str) -> int:
        """Take up what waits for a minute with calls left, as far as they go; give its number."""
        done = 0
        for late in self.late.next(tenant):
            if late.is_overdue:
                self._put_away(late.upload)
            elif not self._have_turn(late.upload, request_id):
                break
            self.late.forget(late.upload)
            done += 1
        return done

    def _have_turn(self, upload: UploadName, request_id: str) -> bool:
        """Work on an upload if the tenant has calls left; else it waits, and this is False."""
        try:
            self._work_on(upload, request_id)
        except RateLimitedError:
            self.late.note(upload)
            return False
        return True

    def _put_away(self, upload: UploadName) -> None:
        found = self.blobs.properties(Container.INBOX, upload.blob)
        if found is not None:
            expired = UploadExpiredError("for a day the tenant's calls were always used up")
            self._put_into_quarantine(upload, found.etag, expired)

    def _put_into_quarantine(self, upload: UploadName, etag: str, error: ConsentryError) -> bool:
        """Put an upload away, and end the job that waited for it; False if it was gone."""
        if not self.quarantine.take(upload, etag, error):
            return False
        if self.job_rows.is_awaited(upload):
            self.jobs().intake.dismiss(upload, error)
        return True

    def _work_on(self, upload: UploadName, request_id: str) -> None:
        if not upload.is_addressable:
            # Nothing of it can be read or moved, only of the blob that its name leads to.
            with suppress(*FAULTS_OF_THE_UPLOAD):
                self.gate.run(self._call(upload, "", request_id), _refuse_name)
            return
        found = self.blobs.properties(Container.INBOX, upload.blob)
        if found is None:
            self.gate.run(self._call(upload, "", request_id), _gone)
            return
        call = self._call(upload, found.etag, request_id, claims=_CLAIMS in _asked(found))
        work = self._work_for(upload.purpose)
        try:
            self.gate.run(call, partial(work, upload=upload, found=found))
        except ConflictError:
            self._check_replaced(upload, found.etag)
        except RateLimitedError:
            raise
        except FAULTS_OF_THE_UPLOAD as error:
            if not self._put_into_quarantine(upload, found.etag, error):
                self._check_replaced(upload, found.etag)

    def _check_replaced(self, upload: UploadName, etag: str) -> None:
        """Return if the upload is gone or replaced: the replacement has an event of its own.

        Raises ConflictError for one that lies there as it was, under a lease or in an archive,
        so that the host delivers again and it is not forgotten.
        """
        now = self.blobs.properties(Container.INBOX, upload.blob)
        if now is not None and now.etag == etag:
            raise ConflictError("somebody holds the upload where it lies")

    def _call(
        self, upload: UploadName, etag: str, request_id: str, *, claims: bool = False
    ) -> Call:
        redacts = Operation.REDACT_WITH_CLAIMS if claims else Operation.REDACT
        return Call(
            operation=redacts if upload.purpose is Purpose.REDACT else Operation.VERIFY_UPLOAD,
            credential=InboxEvent(upload.tenant, self.ledger.asked_by(upload, etag)),
            trigger=Trigger.BLOB,
            request_id=request_id,
        )

    def _work_for(self, purpose: Purpose) -> Work:
        match purpose:
            case Purpose.REDACT:
                return self._redact
            case Purpose.PROBE_OR_REFERENCE:
                return self.pairs.hold
            case Purpose.VERIFY_REQUEST:
                return self.pairs.verify

    def _redact(
        self, invocation: Invocation, *, upload: UploadName, found: BlobProperties
    ) -> Outcome[None]:
        if self.ledger.is_done(upload, found.etag):
            invocation.count(repeated=1)
            return Outcome(None, partial(self._clear, upload, found))
        check_name(upload.name)
        if found.size > PICTURE_BYTES_MAX:
            return self._start_large(invocation, upload, found)
        blob = self.blobs.read(
            Container.INBOX, upload.blob, limit=PICTURE_BYTES_MAX, etag=found.etag
        )
        if blob is None:
            return _gone(invocation)
        if self.redactor.vision.is_video(BytesIO(blob.data)):
            return self._start_job(invocation, upload, found)
        if self.job_rows.is_awaited(upload):
            raise VideoError("the address was given for a video, and this is none")
        options = self._options(blob)
        claims = parse_claims(_asked(blob.properties).get(_CLAIMS, ""))
        done = self.redactor.redact(invocation, blob.data, options, claims)
        redacted = done.redacted
        result = upload.blob + redacted.extension if redacted.renamed else upload.blob
        self._check_free(upload, result)
        return Outcome(None, partial(self._release, invocation, upload, found, result, done))

    def _start_large(
        self, invocation: Invocation, upload: UploadName, found: BlobProperties
    ) -> Outcome[None]:
        """Start the job of what is too large for a picture, if it is a video."""
        file = self.blobs.open(Container.INBOX, upload.blob, etag=found.etag)
        if file is None:
            return _gone(invocation)
        with file:
            if not self.redactor.vision.is_video(file):
                raise PayloadTooLargeError("the picture is larger than its limit")
        return self._start_job(invocation, upload, found)

    def _start_job(
        self, invocation: Invocation, upload: UploadName, found: BlobProperties
    ) -> Outcome[None]:
        """Start a video's job, or leave it for a request that names it as its source."""
        asked = _asked(found)
        if _CLAIMS in asked:
            raise ArgumentError("faces of a video are claimed in a job of their own")
        if asked.get(_JOB) == _WAIT or self.ledger.is_held(upload, found.etag):
            invocation.count(left=1)
            held = partial(
                self.ledger.held,
                upload,
                etag=found.etag,
                invocation=invocation.id,
                now=invocation.time,
            )
            return Outcome(None, held)
        return self.jobs().start_upload(invocation, upload, found, asked)

    def _check_free(self, upload: UploadName, result: str) -> None:
        """Raise ArgumentError where another upload's result has the name, which a suffix can do."""
        there = self.blobs.properties(Container.REDACTED, result)
        if (
            there is not None
            and there.metadata.get(UPLOAD_METADATA, upload.upload_id) != upload.upload_id
        ):
            raise ArgumentError("the result of another upload has the name already")

    def _release(
        self,
        invocation: Invocation,
        upload: UploadName,
        found: BlobProperties,
        result: str,
        done: Done,
    ) -> None:
        now = self.blobs.properties(Container.INBOX, upload.blob)
        if now is None or now.etag != found.etag:
            return  # replaced meanwhile: this result is not the one that is asked for
        self.redactor.let_out(invocation, done, result)
        self.blobs.write(
            Container.REDACTED,
            result + MANIFEST_SUFFIX,
            done.manifest,
            content_type=MANIFEST_MEDIA_TYPE,
        )
        self.blobs.write(
            Container.REDACTED,
            result,
            done.redacted.data,
            content_type=done.redacted.media_type,
            metadata={"invocation": invocation.id, UPLOAD_METADATA: upload.upload_id},
        )
        self.ledger.done(
            upload, etag=found.etag, result=result, invocation=invocation.id, now=invocation.time
        )
        self._clear(upload, found)

    def _clear(self, upload: UploadName, found: BlobProperties) -> None:
        """Delete the original, now that its result is durable, unless the tenant keeps it."""
        if upload.tenant not in self.keep_originals:
            self.blobs.delete(Container.INBOX, upload.blob, etag=found.etag)

    def _options(self, blob: Blob) -> MaskOptions:
        """Mask as the blob's metadata asks, or as the deployment does by default."""
        asked = _asked(blob.properties)
        return mask_options(asked.get("kind", ""), asked.get("shape", ""), self.default_mask)


def _asked(properties: BlobProperties) -> dict[str, str]:
    """What the metadata of an upload asks for, by name."""
    return {name.lower(): value.lower() for name, value in properties.metadata.items()}


def _refuse_name(invocation: Invocation) -> Outcome[None]:
    """Leave an upload where it lies: its name leads to another blob."""
    invocation.count(unreachable=1)
    raise ArgumentError("the name of the upload leads to another blob")


def _gone(invocation: Invocation) -> Outcome[None]:
    """Note that nothing lies under the name any more: an earlier delivery did the work."""
    invocation.count(gone=1)
    return Outcome(None)
