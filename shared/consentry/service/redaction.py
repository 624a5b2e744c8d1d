"""Redaction of one picture over HTTP, and the manifests that prove what was done."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from consentry.azure.names import Container
from consentry.errors import ArgumentError, NotFoundError
from consentry.limits import MEBIBYTE
from consentry.service.claims import NamedClaim
from consentry.service.invocation import Invocation, Outcome
from consentry.service.manifests import MANIFEST_MEDIA_TYPE
from consentry.service.ports import BlobStore
from consentry.service.redactor import Done, Redactor
from consentry.vision import MaskOptions, MaskShape, mask_kind

MANIFEST_BYTES_MAX = 32 * MEBIBYTE  # a mask takes about 200 bytes, an animation thousands of masks


@dataclass(frozen=True)
class Redactions:
    """The use cases ``redact`` (a picture at once) and ``read manifest``."""

    redactor: Redactor
    blobs: BlobStore

    def redact(
        self,
        invocation: Invocation,
        data: bytes,
        options: MaskOptions,
        claims: Sequence[NamedClaim] = (),
    ) -> Outcome[Done]:
        """Mask every face that is not rightly claimed.

        The picture leaves only with its record and its manifest durable. Raises RedactionError when
        a face is still found that should be masked.
        """
        done = self.redactor.redact(invocation, data, options, claims)

        def release() -> None:
            self.redactor.let_out(invocation, done)
            self.blobs.write(
                Container.MANIFESTS,
                _name(invocation.tenant, invocation.id),
                done.manifest,
                content_type=MANIFEST_MEDIA_TYPE,
            )

        return Outcome(done, release)

    def manifest(self, invocation: Invocation, redaction_id: uuid.UUID) -> Outcome[bytes]:
        """Give the signed manifest of one of the tenant's own redactions."""
        blob = self.blobs.read(
            Container.MANIFESTS,
            _name(invocation.tenant, str(redaction_id)),
            limit=MANIFEST_BYTES_MAX,
        )
        if blob is None:
            raise NotFoundError("there is no such redaction")
        return Outcome(blob.data)


def mask_options(kind: str, shape: str, default: MaskOptions) -> MaskOptions:
    """Read a caller's wish; an empty part means the default, an unknown one ArgumentError."""
    try:
        wanted = MaskShape(shape) if shape else default.shape
    except ValueError:
        raise ArgumentError(f"a mask's shape is {' or '.join(MaskShape)}") from None
    return MaskOptions(kind=mask_kind(kind) if kind else default.kind, shape=wanted)


def _name(tenant: str, redaction_id: str) -> str:
    return f"{tenant}/{redaction_id}.json"
