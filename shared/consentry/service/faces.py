"""Detection and 1:1 verification, as callers over HTTP meet them.

Only one face of a picture ever becomes a template: the one that the picture is of, or the one that
the caller names. The others come back as rectangles; nothing of them is kept or embedded.
"""

from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from uuid import UUID

from consentry.errors import PictureSizeError
from consentry.limits import DETECT_BYTES_MAX, DETECT_FACES_MAX, DETECT_SIDE_PIXELS_MAX
from consentry.service.invocation import Invocation, Outcome
from consentry.service.judging import Judges, Verification
from consentry.service.standing_consents import StandingConsents
from consentry.service.templates import Binding, TemplateStore, new_face_id
from consentry.service.tripwire import Tripwire
from consentry.trust.approvals import Reason
from consentry.trust.tripwire import Mark
from consentry.vision import (
    EMBEDDING_ROLES,
    Attributes,
    Box,
    Face,
    Picture,
    PictureLimits,
    Profile,
    Quality,
    Role,
    Vision,
    claimed,
    similarity,
)

DETECT_BYTES_MIN = 1024  # Azure AI Face: pictures from 1 KB
DETECT_LIMITS = PictureLimits(side_max=DETECT_SIDE_PIXELS_MAX)  # checked before decoding


@dataclass(frozen=True)
class Detection:
    """Faces of one picture, largest first; ``claimed`` is the index of the one with an id.

    ``attributes`` are those of the faces, in their order, where they were asked for; ``quality``
    is of the claimed face, for only a template tells it.
    """

    faces: tuple[Face, ...]
    claimed: int | None = None
    face_id: UUID | None = None
    attributes: tuple[Attributes, ...] = ()
    quality: Quality | None = None


@dataclass(frozen=True)
class Faces:
    """The use cases ``detect`` and ``verify``."""

    vision: Vision
    templates: TemplateStore
    consents: StandingConsents
    tripwire: Tripwire
    judges: Judges
    readers: Executor

    def detect(
        self, invocation: Invocation, data: bytes, *, described: bool = False
    ) -> Outcome[Detection]:
        """Find the faces of a picture, and describe them if asked to; no template is made."""
        picture, faces = self._look(invocation, data)
        attributes = self._describe(picture, faces) if described else ()
        return Outcome(Detection(faces, attributes=attributes))

    def detect_with_id(
        self,
        invocation: Invocation,
        data: bytes,
        *,
        claim: Box | None,
        lifetime: timedelta,
        described: bool = False,
    ) -> Outcome[Detection]:
        """Find the faces and keep a template of the claimed one for ``lifetime``, once recorded.

        Raises FaceNotFoundError when ``claim`` names a box that no face lies in.
        """
        picture, faces = self._look(invocation, data)
        if not faces and claim is None:
            return Outcome(Detection(()))
        index = claimed(faces, picture.width, picture.height, claim)
        embedded = self.vision.embed(picture, faces[index])
        attributes = self._describe(picture, faces) if described else ()
        invocation.used(self.vision.using(*EMBEDDING_ROLES))
        invocation.count(templates=1)
        face_id = new_face_id(invocation.subject_digest)
        keep = partial(
            self.templates.keep,
            invocation.tenant,
            face_id,
            embedded.template,
            binding=_binding(invocation),
            model=self.vision.template_version(),
            now=invocation.time,
            lifetime=lifetime,
        )
        quality = self.vision.quality(embedded)
        return Outcome(Detection(faces, index, face_id, attributes, quality), keep)

    def verify(self, invocation: Invocation, first: UUID, second: UUID) -> Outcome[Verification]:
        """Compare the two faces that the face ids stand for, claimed to be one person's.

        Raises SubjectMismatchError for two subjects' faces, and ConsentRequiredError when a
        consent under which one was made does not hold any more.
        """
        judge = self.judges.of(invocation)
        probe, reference = self.templates.open_all(
            invocation.tenant,
            (first, second),
            model=self.vision.template_version(),
            now=invocation.time,
            readers=self.readers,
        )
        invocation.subject_digest = probe.subject
        if probe.subject != reference.subject:
            raise invocation.refuse(Reason.SUBJECTS_DIFFER)
        consents_hold = self.consents.look(invocation, {probe.consent_id, reference.consent_id})
        result = judge(similarity(probe.template, reference.template))
        invocation.count(comparisons=1)
        invocation.used(self.vision.using(*EMBEDDING_ROLES))
        shown = {
            Mark.FACE: (str(first), str(second)),
            Mark.PICTURE: (probe.picture, reference.picture),
        }
        self.tripwire.check(invocation, shown, matched=result.is_identical)
        consents_hold()
        return Outcome(result)

    def _look(self, invocation: Invocation, data: bytes) -> tuple[Picture, tuple[Face, ...]]:
        invocation.saw(data)
        if not DETECT_BYTES_MIN <= len(data) <= DETECT_BYTES_MAX:
            raise PictureSizeError("a picture to detect has 1 KB to 6 MB")
        picture = self.vision.read(data, limits=DETECT_LIMITS)
        faces = self.vision.detect(picture, Profile.FAST)[:DETECT_FACES_MAX]
        invocation.count(faces=len(faces))
        invocation.used(self.vision.using(Role.DETECTOR))
        return picture, faces

    def _describe(self, picture: Picture, faces: tuple[Face, ...]) -> tuple[Attributes, ...]:
        return tuple(self.vision.describe(picture, face) for face in faces)


def _binding(invocation: Invocation) -> Binding:
    """Bind a template to whoever's consent the invocation runs under."""
    if invocation.consent is None:
        raise LookupError("this invocation runs without a consent")
    (picture,) = invocation.inputs
    return Binding(
        invocation.subject_digest, invocation.consent.receipt_id, invocation.consent.until, picture
    )
