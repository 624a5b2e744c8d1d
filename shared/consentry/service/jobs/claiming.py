"""Claims on faces of a video: which tracks stay visible, by whose receipt, and why others do not.

When the tracks are known, what stands for and against each claim is written once, as a document of
the job. Then every piece of a claimed track is looked at, by a message of its own. Templates live
in the memory of that step alone; what it leaves is how many comparisons matched. A receipt that
does not hold at first leaves its face masked; one that ends later ends the job.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from consentry.service.claims import ClaimDesk, NamedClaim
from consentry.service.invocation import Invocation
from consentry.service.jobs.job import Job
from consentry.service.jobs.wish import Wish
from consentry.service.jobs.workbench import OpenClaim, PieceErrands, Workbench
from consentry.service.outputs import Output, Outputs
from consentry.trust.approvals import Reason
from consentry.vision import EMBEDDING_ROLES, Template, Verdict, Vision
from consentry.vision.video import (
    Errand,
    Looked,
    Reader,
    Scan,
    Survey,
    Track,
    TrackClaim,
    inspect,
    judge,
    look,
)


@dataclass(frozen=True)
class Settled:
    """A claim and what came of it."""

    claim: OpenClaim
    verdict: Verdict | Reason

    @property
    def is_kept(self) -> bool:
        """Whether its track stays visible."""
        return self.verdict is Verdict.KEPT


@dataclass(frozen=True)
class Claiming:
    """Judges the claims of a job."""

    bench: Workbench
    desk: ClaimDesk
    outputs: Outputs
    vision: Vision

    def begin(
        self,
        invocation: Invocation,
        job: Job,
        known: Survey,
        scan: Scan,
        tracks: Sequence[Track],
    ) -> list[int]:
        """Find the claimed tracks; gives the pieces in which their faces have to be compared."""
        claims = Wish.model_validate_json(job.wish).claims
        named = [NamedClaim(claim.box.box(), str(claim.receipt)) for claim in claims]
        prepared, void = self.desk.prepare(invocation, named)
        subjects = {one.name.receipt_id: one.subject for one in prepared}
        refusals = {one.claim.receipt_id: one.refusal for one in void}
        wanted = [TrackClaim(claim.box.box(), claim.seconds) for claim in claims]
        errands = inspect(scan, tracks, wanted, known.form.clock)
        opened = []
        for claim, name, errand in zip(claims, named, errands, strict=True):
            one = OpenClaim(
                receipt=name.receipt_id,
                subject=subjects.get(name.receipt_id, ""),
                refusal=refusals.get(name.receipt_id),
            )
            if claim.of not in ("", job.sha256):
                one = replace(one, verdict=Verdict.OTHER_VIDEO)
            elif isinstance(errand, Verdict):
                one = replace(one, verdict=errand)
            else:
                one = replace(
                    one,
                    index=errand.index,
                    start=errand.track.start,
                    end=errand.track.end,
                    looks=len(errand.looks),
                )
            opened.append(one)
        invocation.count(claims=len(claims))
        self.bench.put_claims(job, tuple(opened))
        stands = [one.is_open for one in self.bench.claims(job)]  # as the first who came has said
        sent = [one for one in errands if isinstance(one, Errand) and stands[one.claim]]
        return self._send_out(job, scan, sent)

    def look(self, invocation: Invocation, job: Job, number: int, reader: Reader) -> None:
        """Compare the claimed faces of one piece, if that was not done yet.

        A face that is not recognised is looked at to the end like any other: the step's record,
        which its tenant may read, would tell of it by fewer templates and less time, before it is
        counted by ``count``, and the job could be ended first.
        """
        sent, claims = self.bench.errands(job, number), self.bench.claims(job)
        receipts = {errand.claim: claims[errand.claim].receipt for errand in sent.errands}
        named = [NamedClaim(errand.index, receipts[errand.claim]) for errand in sent.errands]
        prepared, void = self.desk.prepare(invocation, named)
        for one in void:
            raise invocation.refuse(one.refusal or Reason.CONSENT_UNKNOWN)
        recognisers = {one.name.receipt_id: one.recognise for one in prepared}
        missed = Counter[int]()

        def compare(claim: int, template: Template) -> bool:
            if not recognisers[receipts[claim]](template):
                missed[claim] += 1
            return True  # goes on

        with self.vision.looking():
            looked = look(
                reader,
                sent.first,
                sent.errands,
                faces=self.vision.detect,
                template=self.vision.template,
                recognise=compare,
            )
        self.bench.put_looked(job, number, tuple(_less(one, missed[one.claim]) for one in looked))
        invocation.used(self.vision.using(*EMBEDDING_ROLES))
        invocation.count(templates=sum(one.compared for one in looked))

    def count(self, invocation: Invocation, job: Job) -> None:
        """Count one comparison for each face that was compared; RefusedError beyond a bound."""
        invocation.saw_before(job.digest)
        looked = self.bench.looked(job)
        compared = []
        for number, claim in enumerate(self.bench.claims(job)):
            own = [one for one in looked if one.claim == number]
            if any(one.compared for one in own):
                compared.append((claim.subject, any(one.recognised for one in own)))
        self.desk.tally(invocation, compared)

    def settled(self, job: Job) -> list[Settled]:
        """All claims of a job whose faces were compared, with what came of each."""
        looked = self.bench.looked(job)
        found = []
        for number, claim in enumerate(self.bench.claims(job)):
            own = [one for one in looked if one.claim == number]
            against = claim.refusal or claim.verdict
            found.append(Settled(claim, against or judge(claim.looks, own)))
        return found

    def kept(self, job: Job) -> dict[int, range]:
        """The frames in which tracks stay visible, by their places among all."""
        if not job.claims:
            return {}
        return {
            one.claim.index: range(one.claim.start, one.claim.end)
            for one in self.settled(job)
            if one.is_kept
        }

    def check(self, invocation: Invocation, job: Job) -> None:
        """Read the receipts of faces that may stay again; ConsentRequiredError if one ended."""
        if job.verified:
            open_ = [claim.receipt for claim in self.bench.claims(job) if claim.is_open]
            self.desk.hold(invocation, open_)

    def let_out(self, invocation: Invocation, job: Job, sha256: str, result: str) -> None:
        """Note the result under the receipts that it relies on, and see that they still hold."""
        for one in self.settled(job) if job.verified else ():
            if one.is_kept:
                output = Output(one.claim.receipt, job.id, invocation.time, sha256, result)
                self.outputs.note(job.tenant, output)
        self.check(invocation, job)

    def described(self, job: Job) -> list[dict[str, Any]]:
        """What the manifest says of them: receipts, spans and reasons, and nobody's name."""
        return [
            {
                "receipt": one.claim.receipt,
                "kept": one.is_kept,
                "verdict": one.verdict.value,
                **(
                    {"firstFrame": one.claim.start, "lastFrame": one.claim.end - 1}
                    if one.is_kept
                    else {}
                ),
            }
            for one in self.settled(job)
        ]

    def _send_out(self, job: Job, scan: Scan, errands: Sequence[Errand]) -> list[int]:
        """Lay out for every piece what has to be seen in it; gives the pieces concerned."""
        edges = (*scan.starts, scan.stage.frames)
        concerned = []
        for number, first in enumerate(scan.starts):
            parts = [errand.within(first, edges[number + 1]) for errand in errands]
            here = tuple(part for part in parts if part is not None)
            if here:
                self.bench.put_errands(job, number, PieceErrands(first, here))
                concerned.append(number)
        return concerned


def _less(looked: Looked, missed: int) -> Looked:
    """Take what was not recognised off what a piece came to."""
    if not missed:
        return looked
    recognised = looked.recognised - missed
    return replace(looked, recognised=recognised, doubt=Verdict.NOT_RECOGNISED)
