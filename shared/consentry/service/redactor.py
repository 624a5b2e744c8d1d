"""One redaction, over HTTP or by upload: claims judged, faces masked, the manifest signed."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from consentry.service.claims import ClaimDesk, Claimed, NamedClaim
from consentry.service.invocation import Invocation
from consentry.service.manifests import Notary
from consentry.service.outputs import Output, Outputs
from consentry.vision import EMBEDDING_ROLES, MaskOptions, Redacted, Vision


@dataclass(frozen=True, repr=False)
class Done:
    """A redaction that has not left yet: the picture, its claims and its manifest."""

    redacted: Redacted
    claimed: Sequence[Claimed]
    manifest: bytes


@dataclass(frozen=True)
class Redactor:
    """Redacts and signs; ``let_out`` comes right before anything of it leaves."""

    vision: Vision
    notary: Notary
    desk: ClaimDesk
    outputs: Outputs

    def redact(
        self,
        invocation: Invocation,
        data: bytes,
        options: MaskOptions,
        named: Sequence[NamedClaim] = (),
    ) -> Done:
        """Mask every face that is not rightly claimed, and tell the audit record what it needs.

        Raises RedactionError when a face is still found that should be masked, and RefusedError
        when claims look like a search.
        """
        prepared, void = self.desk.prepare(invocation, named)
        invocation.saw(data)
        models = dict(self.vision.redacting)
        if prepared:
            models |= self.vision.using(*EMBEDDING_ROLES)
        invocation.used(models)
        try:
            redacted = self.vision.redact(data, options, [one.claim for one in prepared])
        finally:
            if prepared:
                self.desk.count(invocation, prepared)
        judged = [
            Claimed(one.name, found) for one, found in zip(prepared, redacted.claims, strict=True)
        ]
        claimed = [*judged, *void]
        invocation.count(masks=len(redacted.masks), frames=redacted.frames, rounds=redacted.rounds)
        if named:
            invocation.count(claims=len(named), kept=sum(one.is_kept for one in claimed))
        manifest = self.notary.redaction(invocation, data, redacted, options, models, claimed)
        return Done(redacted, claimed, manifest)

    def let_out(self, invocation: Invocation, done: Done, result: str = "") -> None:
        """Note the output under the receipts that it relies on, and see that they still hold."""
        sha256 = hashlib.sha256(done.redacted.data).hexdigest()
        plain = Output("", invocation.id, invocation.time, sha256, result)
        for one in done.claimed:
            if one.is_kept:
                output = replace(plain, receipt_id=one.claim.receipt_id)
                self.outputs.note(invocation.tenant, output)
        self.desk.check(invocation, done.claimed)
