"""Claims of a redaction: faces that stay visible, each compared with the reference of a receipt.

A claim whose receipt does not hold, or holds no reference, is void: the face is masked. No receipt
may claim two faces, for that would look for one person among many; and every comparison is counted
by the tripwire, for so would one face that is claimed under receipt after receipt.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from consentry.errors import ArgumentError
from consentry.limits import CLAIMS_CHARACTERS_MAX, CLAIMS_MAX, DETECT_FACES_MAX
from consentry.service.consent_store import ConsentStore, Kept
from consentry.service.invocation import Invocation
from consentry.service.judging import Judges, Verification
from consentry.service.references import References
from consentry.service.subjects import subject_digest
from consentry.service.tripwire import Tripwire
from consentry.trust.approvals import Reason
from consentry.trust.consents import refusal
from consentry.trust.tripwire import Mark
from consentry.vision import Box, Claim, Judged, Template, Verdict, similarity

_DIGITS_MAX = 5


@dataclass(frozen=True)
class NamedClaim:
    """What a request says: a face, by box or index, and the receipt that claims it."""

    face: Box | int
    receipt_id: str


@dataclass(frozen=True)
class Claimed:
    """What came of a claim; ``refusal`` is why its receipt does not hold, if it does not."""

    claim: NamedClaim
    judged: Judged
    refusal: Reason | None = None

    @property
    def is_kept(self) -> bool:
        """Whether the face stays visible."""
        return self.judged.verdict is Verdict.KEPT


@dataclass(frozen=True)
class Prepared:
    """A claim whose receipt holds, to be judged in the picture; ``subject`` is a keyed digest."""

    name: NamedClaim
    subject: str
    recognise: "_Recognise"

    @property
    def claim(self) -> Claim:
        """What the vision core judges."""
        return Claim(self.name.face, self.recognise)


def parse_claims(text: str) -> tuple[NamedClaim, ...]:
    """Read ``face@receipt; face@receipt``, a face being ``left,top,width,height`` or an index.

    Raises ArgumentError for anything else, for too many, and for a receipt that claims two faces.
    """
    if len(text) > CLAIMS_CHARACTERS_MAX:
        raise ArgumentError("the claims are too long")
    claims = tuple(_parse(part.strip()) for part in text.split(";") if part.strip())
    if len(claims) > CLAIMS_MAX:
        raise ArgumentError(f"a picture has {CLAIMS_MAX} claims at most")
    if len({claim.receipt_id for claim in claims}) < len(claims):
        raise ArgumentError("a receipt claims one face: nobody is looked for among many")
    return claims


def parse_box(text: str) -> Box | None:
    """Read ``left,top,width,height`` in whole pixels of the upright picture, or give None."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != len(("left", "top", "width", "height")) or not all(map(_is_number, parts)):
        return None
    box = Box(*map(float, parts))
    return box if box.width > 0 and box.height > 0 else None


@dataclass(frozen=True)
class ClaimDesk:
    """Judges claims: first their receipts, then, in the picture, their faces."""

    store: ConsentStore
    references: References
    tripwire: Tripwire
    judges: Judges

    def prepare(
        self, invocation: Invocation, named: Sequence[NamedClaim]
    ) -> tuple[list[Prepared], list[Claimed]]:
        """Give what is to be judged in the picture, and what is void already."""
        prepared, void = list[Prepared](), list[Claimed]()
        for name in named:
            kept = self.store.find(invocation.tenant, name.receipt_id)
            reason = self._refusal(invocation, kept)
            reference = self.references.open(kept) if kept and reason is None else None
            if kept is None or reference is None:
                reason = reason or Reason.CONSENT_UNKNOWN
                void.append(Claimed(name, Judged(Verdict.NOT_RECOGNISED), reason))
                continue
            subject = subject_digest(
                self.references.keys, invocation.tenant, kept.receipt.pii_principal_id
            )
            if any(subject == other.subject for other in prepared):
                raise ArgumentError("a person is claimed once: nobody is looked for among many")
            recognise = _Recognise(reference, self.judges.of(invocation))
            prepared.append(Prepared(name, subject, recognise))
        return prepared, void

    def count(self, invocation: Invocation, prepared: Sequence[Prepared]) -> None:
        """Count what was compared, whatever came of the picture; RefusedError beyond a bound.

        Recognised faces count as one verification, and only if none was missed: a crowd that is
        there does not make up for a search.
        """
        matched = [(one.subject, one.recognise.matched) for one in prepared]
        self.tally(invocation, [(who, said) for who, said in matched if said is not None])

    def tally(self, invocation: Invocation, compared: Sequence[tuple[str, bool]]) -> None:
        """Count comparisons, given as subjects and whether they were recognised, as above."""
        invocation.count(comparisons=len(compared))
        missed = [subject for subject, matched in compared if not matched]
        shown = {Mark.PICTURE: invocation.inputs}
        for subject in missed:
            invocation.subject_digest = subject
            self.tripwire.check(invocation, shown, matched=False)
        invocation.subject_digest = ""
        if compared and not missed:
            self.tripwire.check(invocation, shown, matched=True)

    def check(self, invocation: Invocation, claimed: Sequence[Claimed]) -> None:
        """Read the receipts of kept faces again; ConsentRequiredError if one has ended."""
        self.hold(invocation, [one.claim.receipt_id for one in claimed if one.is_kept])

    def hold(self, invocation: Invocation, receipts: Iterable[str]) -> None:
        """Read receipts again; ConsentRequiredError if one has ended."""
        for receipt_id in receipts:
            reason = self._refusal(invocation, self.store.find(invocation.tenant, receipt_id))
            if reason is not None:
                raise invocation.refuse(reason)

    def _refusal(self, invocation: Invocation, kept: Kept | None) -> Reason | None:
        if kept is None:
            return Reason.CONSENT_UNKNOWN
        return refusal(kept.receipt, invocation.approval, invocation.time)


@dataclass
class _Recognise:
    """Tells whether a probe shows the one person of a reference, at the approval's FMR.

    ``matched`` is what it said, or None as long as it was not asked.
    """

    reference: Template
    judge: Callable[[float], Verification]
    matched: bool | None = None

    def __call__(self, probe: Template) -> bool:
        score = similarity(probe, self.reference)
        self.matched = math.isfinite(score) and self.judge(score).is_identical
        return self.matched


def _parse(text: str) -> NamedClaim:
    face, _, receipt = text.partition("@")
    try:
        receipt_id = str(UUID(receipt.strip()))
    except ValueError:
        raise _malformed() from None
    face = face.strip()
    if _is_number(face) and int(face) < DETECT_FACES_MAX:
        return NamedClaim(int(face), receipt_id)
    box = parse_box(face)
    if box is None:
        raise _malformed()
    return NamedClaim(box, receipt_id)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX


def _malformed() -> ArgumentError:
    return ArgumentError("a claim is left,top,width,height@receipt or index@receipt")
