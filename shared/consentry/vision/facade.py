"""The one door to this package: models of one layer, and what they do with pictures."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from consentry.errors import LayerError
from consentry.vision.align import ARCFACE, DLIB
from consentry.vision.attributes import Attributes, describe
from consentry.vision.calibrate import Calibration, shipped
from consentry.vision.claims import Claim, Claims
from consentry.vision.detect import Detectors, Face, Profile, detect, detect_all
from consentry.vision.embed import (
    Embedded,
    Networks,
    Template,
    TemplateProfile,
    embeddings,
    make_template,
    version,
)
from consentry.vision.formats import recognise
from consentry.vision.layer import ModelInfo, Role
from consentry.vision.mask import MaskOptions
from consentry.vision.picture import DEFAULT_LIMITS, Picture, PictureLimits, read_picture
from consentry.vision.quality import Quality, shipped_scale
from consentry.vision.recognise import Photograph, Recognised, Recognition
from consentry.vision.redact import Redacted, redact
from consentry.vision.sessions import Sessions
from consentry.vision.upright import look_upright

if TYPE_CHECKING:
    from consentry.vision.video import Limits, RedactedVideo, Tell, VideoOptions

Pixels = NDArray[np.uint8]

EMBEDDING_ROLES = (Role.DETECTOR, Role.EMBEDDER, Role.SECOND_EMBEDDER)
"""The models that make templates."""

_WARM_UP_PIXELS = 320
_SIGNATURE_BYTES = 400  # more than any format needs to be recognised


class Vision:
    """Faces in pictures, by the pinned models; safe to use from many threads.

    ``layer`` is the folder under which layers lie, ``threads`` how many cores one model run may
    use. Models are loaded, and their hashes checked, when they are first needed. Raises
    LayerError at once when the pinned layer is missing or incomplete.
    """

    def __init__(self, layer: Path, threads: int) -> None:
        self._sessions = Sessions(layer, threads)
        # Looks at a picture, embeddings, and frames of a video are done side by side, each by one
        # thread: that keeps more cores busy than one run on all of them.
        self._side_by_side = Sessions(layer, 1)
        self._threads = threads
        # A redaction keeps all threads busy, and the copies of one large picture fill much of an
        # instance's memory: two at once would be no faster and need twice as much.
        self._one_at_a_time = threading.Lock()

    @property
    def models(self) -> Mapping[Role, ModelInfo]:
        """The models in use, by role."""
        return self._sessions.models

    def using(self, *roles: Role) -> Mapping[Role, ModelInfo]:
        """Those of the models in use that have one of ``roles``."""
        return {role: model for role, model in self.models.items() if role in roles}

    @property
    def redacting(self) -> Mapping[Role, ModelInfo]:
        """Those of the models in use that redaction looks with."""
        return self.using(Role.DETECTOR, Role.SECOND_DETECTOR)

    def warm_up(self) -> None:
        """Load what a verification needs and run it once; the rest loads when it is needed."""
        square = np.zeros((1, 3, _WARM_UP_PIXELS, _WARM_UP_PIXELS), np.float32)
        for sessions in (self._sessions, self._side_by_side):
            sessions.get(Role.DETECTOR).run(square)
        for role, alignment in ((Role.EMBEDDER, ARCFACE), (Role.SECOND_EMBEDDER, DLIB)):
            crop = np.zeros((1, 3, alignment.side, alignment.side), np.float32)
            self._side_by_side.get(role).run(crop)

    def read(self, data: bytes, *, limits: PictureLimits = DEFAULT_LIMITS) -> Picture:
        """Decode a still picture or an animation's first frame; PictureError otherwise."""
        return read_picture(data, limits)

    def detect(
        self, picture: Picture | Pixels, profile: Profile = Profile.FAST
    ) -> tuple[Face, ...]:
        """Find faces, largest first, in a picture or RGB pixels (height, width, 3), uint8."""
        pixels = picture.pixels if isinstance(picture, Picture) else picture
        if profile is Profile.FAST:
            return detect(self._sessions.get(Role.DETECTOR).run, pixels)
        return detect_all(self._detectors(self._threads), pixels, profile)

    def template(
        self,
        picture: Picture | Pixels,
        face: Face,
        profile: TemplateProfile = TemplateProfile.ACCURATE,
    ) -> Template:
        """Make the template of one face of a picture or of RGB pixels: (256,), unit length."""
        return self.embed(picture, face, profile).template

    def embed(
        self,
        picture: Picture | Pixels,
        face: Face,
        profile: TemplateProfile = TemplateProfile.ACCURATE,
    ) -> Embedded:
        """Make the template of one face, and tell with what strength it was recognised as one."""
        pixels = picture.pixels if isinstance(picture, Picture) else picture
        return make_template(self._networks(self._threads), pixels, face, profile)

    def recognise(
        self, photographs: Sequence[Photograph], *, limits: PictureLimits = DEFAULT_LIMITS
    ) -> tuple[Recognised, ...]:
        """Make an accurate template of one face in each photograph, side by side.

        Raises PictureError for what is no picture, FaceNotFoundError where the face is not.
        """
        find = self._side_by_side.get(Role.DETECTOR).run
        networks = self._networks(at_a_time=self._threads)
        return Recognition(
            read=lambda data: read_picture(data, limits),
            find=lambda picture: detect(find, picture.pixels),
            embed=lambda picture, face: make_template(
                networks, picture.pixels, face, TemplateProfile.ACCURATE
            ),
        ).all(photographs, self._threads)

    def quality(self, embedded: Embedded) -> Quality:
        """Judge how well an accurate template serves; LayerError if measured with other models."""
        scale = shipped_scale()
        if scale.embedder != self.models[Role.EMBEDDER].source:
            raise LayerError("the scale of quality was measured with other models; measure again")
        return scale.judge(embedded.strength)

    def embedding(self, picture: Picture, face: Face) -> NDArray[np.float32]:
        """Give what the first embedder alone says of a face: (128,), length 1; for a cohort."""
        networks = self._networks(self._threads)
        first, _, _ = embeddings(networks, picture.pixels, face, TemplateProfile.ACCURATE)
        return first

    def template_version(self, profile: TemplateProfile = TemplateProfile.ACCURATE) -> str:
        """Name what makes templates, in hex: templates of two versions are not comparable."""
        return version(profile, [self.models[role].digest for role in EMBEDDING_ROLES])

    def calibration(self) -> Calibration:
        """Give the calibration of accurate templates; LayerError if it was measured on others."""
        calibration = shipped()
        if calibration.template_version != self.template_version():
            raise LayerError("the calibration was measured with other models; measure it again")
        return calibration

    def _detectors(self, at_a_time: int) -> Detectors:
        return Detectors(
            self._side_by_side.get(Role.DETECTOR).run,
            self._side_by_side.get(Role.SECOND_DETECTOR).run,
            at_a_time,
        )

    def _networks(self, at_a_time: int) -> Networks:
        detector, embedder, second = (self._side_by_side.get(role).run for role in EMBEDDING_ROLES)
        return Networks(detector, embedder, second, at_a_time)

    def describe(self, picture: Picture, face: Face) -> Attributes:
        """Measure pose, sharpness, light, noise and a mask of one face of the picture."""
        seen = look_upright(self._sessions.get(Role.DETECTOR).run, picture.pixels, face)
        return describe(picture.pixels, face.box, seen)

    def redact(self, data: bytes, options: MaskOptions, claims: Sequence[Claim] = ()) -> Redacted:
        """Cover every face in a file but those rightly claimed, and check the output.

        Raises RedactionError if another face remains. One redaction runs at a time; others wait.
        """
        judge = Claims(claims, self.detect, self.template) if claims else None
        detectors = self._detectors(self._threads)

        def look(pixels: Pixels, profile: Profile) -> tuple[Face, ...]:
            if profile is Profile.FAST:
                return detect(detectors.yunet, pixels)
            return detect_all(detectors, pixels, profile)

        with self._one_at_a_time:
            return redact(data, options, look, claims=judge, threads=self._threads)

    def is_video(self, file: BinaryIO) -> bool:
        """Tell by its first bytes whether a file is taken for a video."""
        file.seek(0)
        if recognise(file.read(_SIGNATURE_BYTES)) is not None:
            return False
        from consentry.vision.video import is_video

        return is_video(file)

    def redact_video(
        self,
        source: BinaryIO,
        target: BinaryIO,
        scratch: BinaryIO,
        options: "VideoOptions",
        *,
        limits: "Limits | None" = None,
        tell: "Tell | None" = None,
    ) -> "RedactedVideo":
        """Cover every face in a video and check the output; RedactionError if a face remains.

        Reads ``source`` and writes ``target``, both able to seek; ``scratch``, to be read and
        written, holds what is not proven yet. ``tell`` is told of progress. One redaction runs at
        a time; others wait.
        """
        # FFmpeg's libraries take their time to load, and most processes see no video.
        from consentry.vision.video import Limits, redact_video

        with self.looking() as detectors:
            return redact_video(
                source,
                target,
                scratch,
                options,
                detectors,
                threads=self._threads,
                limits=limits or Limits(),
                tell=tell or (lambda *_: None),
            )

    def preview_video(
        self, source: BinaryIO, *, limits: "Limits | None" = None, tell: "Tell | None" = None
    ) -> dict[str, Any]:
        """Describe the tracks of a video without showing a face: spans, boxes, masked thumbnails.

        Raises VideoError or VideoSizeError for a file that is refused.
        """
        from consentry.vision.video import Limits, preview_video

        with self.looking() as detectors:
            return preview_video(
                source,
                detectors,
                threads=self._threads,
                limits=limits or Limits(),
                tell=tell or (lambda *_: None),
            )

    @contextmanager
    def looking(self) -> Iterator[Detectors]:
        """Give the detectors to one step of a video's redaction; others wait until it ends."""
        detectors = self._detectors(self._threads)
        with self._one_at_a_time:
            yield detectors
