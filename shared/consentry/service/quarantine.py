"""Where an upload goes that gets no result: the original, and a reason a machine can read."""

import json
from dataclasses import dataclass

from consentry.azure.names import Container
from consentry.errors import ConflictError, ConsentryError, RefusedError
from consentry.service.inbox_names import REASON_SUFFIX, UploadName
from consentry.service.ledger import UploadLedger
from consentry.service.ports import BlobStore, Clock


@dataclass(frozen=True)
class Fault:
    """Why something gets no result: an error's code and message, and the reason of a refusal."""

    code: str
    reason: str
    message: str


@dataclass(frozen=True)
class Quarantine:
    """Moves uploads out of the inbox."""

    blobs: BlobStore
    ledger: UploadLedger
    clock: Clock

    def take(self, upload: UploadName, etag: str, error: ConsentryError) -> bool:
        """Move an upload away for an error; as ``put``."""
        reason = error.reason if isinstance(error, RefusedError) else ""
        return self.put(upload, etag, Fault(error.code, reason, str(error)))

    def put(self, upload: UploadName, etag: str, fault: Fault) -> bool:
        """Move an upload away, unless it was replaced or removed meanwhile; tell whether it was.

        The reason is written first, so that nothing lies in quarantine without one.
        """
        now = self.clock()
        document = {
            "code": fault.code,
            "reason": fault.reason,
            "message": fault.message,
            "time": now.isoformat(),
        }
        reason_blob = upload.quarantine_blob + REASON_SUFFIX
        self.blobs.write(
            Container.QUARANTINE,
            reason_blob,
            json.dumps(document, indent=2).encode(),
            content_type="application/json",
        )
        try:
            self.blobs.move(
                (Container.INBOX, upload.blob),
                (Container.QUARANTINE, upload.quarantine_blob),
                etag=etag,
                metadata={"code": fault.code},
            )
        except ConflictError:
            # Another delivery may have moved it: what lies there keeps a reason.
            if self.blobs.properties(Container.QUARANTINE, upload.quarantine_blob) is None:
                self.blobs.delete(Container.QUARANTINE, reason_blob)
            return False
        self.ledger.quarantined(upload, etag=etag, reason=fault.code, now=now)
        return True
