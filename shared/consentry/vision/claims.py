"""Faces that stay visible because they are claimed, and shown to be whose they are claimed to be.

A claim names one face of a still picture and how to recognise whom it is claimed to show. Only that
face becomes a template, and is compared with that one person. Whatever is in doubt is masked: a
face that is not found or not recognised, one that two claims name, animations, transparency.

In the end exactly one find of the detector is left out for each face that is kept; everything else,
however near, is masked as if there were no claims.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from consentry.vision.detect import Face, Profile
from consentry.vision.embed import Template
from consentry.vision.geometry import Box
from consentry.vision.subject import named

Pixels = NDArray[np.uint8]

_SAME_FACE: Final = 0.4  # intersection over union from which two boxes show one face


class Verdict(StrEnum):
    """What came of a claim; only KEPT leaves a face visible."""

    KEPT = "kept"
    NO_FACE = "no_face"  # no face that can be verified lies where the claim says
    TWICE = "claimed_twice"
    NOT_RECOGNISED = "not_recognised"
    NOT_STILL = "not_still"  # an animation, or a picture with transparent parts
    # Of tracks in videos alone.
    CROSSED = "crossed"  # something else is tracked, or found, where the face is
    INTERRUPTED = "interrupted"  # it is not seen for a while in between
    TOO_SHORT = "too_short"
    UNSTEADY = "unsteady"  # it changes too much from one frame to the next to be the same face
    OTHER_VIDEO = "other_video"  # the claim names a track of a preview of something else


@dataclass(frozen=True)
class Claim:
    """A face, and how to recognise whom it is claimed to show.

    ``face`` is a box in pixels of the upright picture, or an index among its faces, largest first,
    as ``Profile.FAST`` finds them.
    """

    face: Box | int
    recognise: Callable[[Template], bool]


@dataclass(frozen=True)
class Judged:
    """What came of a claim, and the box of the face that it named, if there is one."""

    verdict: Verdict
    box: Box | None = None


@dataclass(frozen=True)
class Claims:
    """All claims on one picture, and what it takes to judge them."""

    claims: Sequence[Claim]
    look: Callable[[Pixels, Profile], tuple[Face, ...]]
    template: Callable[[Pixels, Face], Template]

    def judge(self, pixels: Pixels) -> tuple[Judged, ...]:
        """Judge the claims on RGB pixels (height, width, 3), in their order."""
        faces = self.look(pixels, Profile.FAST)
        indexes = [_named(faces, claim.face) for claim in self.claims]
        return tuple(
            self._judge(pixels, faces, index, claim, twice=indexes.count(index) > 1)
            for index, claim in zip(indexes, self.claims, strict=True)
        )

    def void(self) -> tuple[Judged, ...]:
        """Judge the claims on what is no still and opaque picture."""
        return tuple(Judged(Verdict.NOT_STILL) for _ in self.claims)

    def _judge(
        self,
        pixels: Pixels,
        faces: tuple[Face, ...],
        index: int | None,
        claim: Claim,
        *,
        twice: bool,
    ) -> Judged:
        if index is None:
            return Judged(Verdict.NO_FACE)
        face = faces[index]
        if twice:
            return Judged(Verdict.TWICE, face.box)
        if not claim.recognise(self.template(pixels, face)):
            return Judged(Verdict.NOT_RECOGNISED, face.box)
        return Judged(Verdict.KEPT, face.box)


def kept_boxes(judged: Sequence[Judged]) -> list[Box]:
    """Boxes of the faces that stay visible."""
    return [one.box for one in judged if one.verdict is Verdict.KEPT and one.box is not None]


def less_kept(faces: Sequence[Face], kept: Sequence[Box]) -> list[Face]:
    """Leave out, for each kept box, the one face that lies in its place, if any does."""
    rest = list(faces)
    for box in kept:
        overlaps = [face.box.overlap(box) for face in rest]
        if overlaps and max(overlaps) >= _SAME_FACE:
            del rest[int(np.argmax(overlaps))]
    return rest


def _named(faces: tuple[Face, ...], wanted: Box | int) -> int | None:
    """Find the face that a claim names."""
    if isinstance(wanted, int):
        return wanted if 0 <= wanted < len(faces) else None
    return named(faces, wanted)
