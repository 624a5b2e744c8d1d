"""Two photographs compared in one invocation: the templates live in memory, for this one answer."""

from dataclasses import dataclass

from consentry.errors import PictureSizeError
from consentry.limits import DETECT_BYTES_MAX
from consentry.service.faces import DETECT_BYTES_MIN, DETECT_LIMITS
from consentry.service.invocation import Invocation, Outcome
from consentry.service.judging import Judges, Verification
from consentry.service.standing_consents import StandingConsents
from consentry.service.tripwire import Tripwire
from consentry.trust.tripwire import Mark
from consentry.vision import EMBEDDING_ROLES, Photograph, Recognised, Vision, similarity
from consentry.vision.picture import DEFAULT_LIMITS, PictureLimits


@dataclass(frozen=True)
class Comparison:
    """What two photographs, claimed to be one person's, came to; each with its face."""

    verification: Verification
    probe: Recognised
    reference: Recognised


@dataclass(frozen=True)
class Comparisons:
    """The use case ``verify_pictures``, and its heart for whoever else has two photographs."""

    vision: Vision
    consents: StandingConsents
    tripwire: Tripwire
    judges: Judges

    def verify(
        self, invocation: Invocation, probe: Photograph, reference: Photograph
    ) -> Outcome[Comparison]:
        """Compare two photographs that a caller has sent, under the consent that the call names.

        The consent is read again, beside the making of the record: it may have ended meanwhile.
        """
        for photograph in (probe, reference):
            if not DETECT_BYTES_MIN <= len(photograph.data) <= DETECT_BYTES_MAX:
                raise PictureSizeError("a picture to verify has 1 KB to 6 MB")
        comparison = self.compare(invocation, probe, reference, DETECT_LIMITS)
        return Outcome(comparison, self.consents.look(invocation, {invocation.consent_id}))

    def compare(
        self,
        invocation: Invocation,
        probe: Photograph,
        reference: Photograph,
        limits: PictureLimits = DEFAULT_LIMITS,
    ) -> Comparison:
        """Compare one face of each photograph; the tripwire counts it, even if that breaks off.

        Raises FaceNotFoundError where a face is not there, RefusedError beyond a bound.
        """
        photographs = (probe, reference)
        for photograph in photographs:
            invocation.saw(photograph.data)
        judge = self.judges.of(invocation)
        may_leave = self.tripwire.begin(invocation, {Mark.PICTURE: invocation.inputs})
        invocation.used(self.vision.using(*EMBEDDING_ROLES))
        matched = None
        try:
            found = self.vision.recognise(photographs, limits=limits)
            verification = judge(similarity(*(one.embedded.template for one in found)))
            matched = verification.is_identical
            invocation.count(comparisons=1, faces=sum(one.faces for one in found))
        finally:
            may_leave(matched)
        return Comparison(verification, *found)
