"""Decode what was written and look again: does a face remain?

Each part is decoded from the very bytes that will leave. Every frame that is masked, or lies next
to one that is, is looked at with more doubt than at first, and a sample of all other frames; what
counts as a face there is ``consentry.vision.residual``'s to say, as for pictures. Most looks are
at a reduced frame, every few frames one is at full size. The quick detector looks; where it sees
something, the second detector is asked, and what is likely by both is a face that remains.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from consentry.errors import VideoError
from consentry.vision.claims import less_kept
from consentry.vision.detect import Detectors, Face, candidates
from consentry.vision.geometry import Box
from consentry.vision.residual import (
    Bools,
    Cover,
    Pixels,
    fill_share,
    is_hidden,
    is_provoked,
    solid_pixels,
    without_fill,
)
from consentry.vision.video.encode import Part
from consentry.vision.video.look import Depth, believed, enlarged, once, reconsider, reduced, sides
from consentry.vision.video.planes import Planes, scaled
from consentry.vision.video.scan import SURE
from consentry.vision.video.sightings import Sighting, tenths

NEIGHBOURS: Final = 2  # frames before and after a masked one that are looked at too
SAMPLE_EVERY: Final = 8  # of the frames without a mask nearby
CLOSE_EVERY: Final = 12  # frames looked at
_MADE_OF_FILL: Final = 0.5  # share of a doubtful guess from which it is the fill that was seen
# Least score of what may be a face in the output. Where the other detector sees nothing, it means a
# likelihood of about 0.08 at 32 pixels (consentry.vision.evidence), below what begins a track.
DOUBT: Final = 0.6

Covers = Callable[[int], Sequence[Cover]]
"""Gives what covers a frame, counted from 0."""
Kept = Callable[[int], Sequence[Box]]
"""Gives the faces of a frame, counted from 0, that are rightly claimed and stay visible."""


@dataclass(frozen=True)
class Residue:
    """What a look at a part found: by frame the faces that remain, and how many were looked at."""

    faces: tuple[tuple[int, tuple[Sighting, ...]], ...]
    looked: int


def prove(part: Part, covers: Covers, kept: Kept, detectors: Detectors) -> Residue:
    """Look at a part's output; VideoError where it does not hold the frames put into it.

    In the place of each kept face one face may be found; whatever else is found remains.
    """
    found: list[tuple[int, tuple[Sighting, ...]]] = []
    looked = count = 0
    for index, planes in enumerate(part.decoded(threads=1), part.first):
        count += 1
        near = range(index - NEIGHBOURS, index + NEIGHBOURS + 1)
        marked = any(covers(frame) or kept(frame) for frame in near)
        if not marked and index % SAMPLE_EVERY:
            continue
        depth = Depth.GLANCE if looked % CLOSE_EVERY else Depth.CLOSE
        looked += 1
        faces = less_kept(remaining(planes, covers(index), detectors, depth), kept(index))
        if faces:
            found.append((index, tuple(_sighting(index, face) for face in faces)))
    if count != part.frames:
        raise VideoError("the encoded video does not hold the frames that were given")
    return Residue(tuple(found), looked)


def _sighting(frame: int, face: Face) -> Sighting:
    return Sighting(frame, tenths(face.box), round(face.score, 3), sure=True)


@dataclass(frozen=True, repr=False)
class _Sight:
    """A reduced frame of the output: as it is, its proven fill, and without it."""

    view: Pixels
    covers: Sequence[Cover]
    proven: Bools
    unfilled: Pixels
    factor: float

    @classmethod
    def of(cls, planes: Planes, covers: Sequence[Cover], side: int) -> "_Sight":
        width, height = reduced(planes, side)
        factor = width / planes.width
        view = planes.rgb(width, height)
        smaller = [(scaled(box, factor), options) for box, options in covers]
        proven = solid_pixels(view, smaller)
        return cls(view, smaller, proven, without_fill(view, proven), factor)

    def shows(self, face: Face) -> bool:
        """Tell whether a guess is of what can be seen, and not of masks."""
        return not is_provoked(face, self.covers, self.proven) and not is_hidden(
            face, self.covers, self.view, self.proven
        )


def remaining(
    planes: Planes, covers: Sequence[Cover], detectors: Detectors, depth: Depth
) -> list[Face]:
    """Look at one masked frame and give the faces that are still found."""
    guesses: list[Face] = []
    sights = [_Sight.of(planes, covers, side) for side in sides(planes, depth)]
    smallest = sights[-1]
    for sight in sights:
        guesses += [
            enlarged(face, smallest.factor / sight.factor)
            for face in candidates(detectors.yunet, sight.unfilled, DOUBT)
            if (sight is smallest or believed(face))
            and (face.score >= SURE or fill_share(sight.proven, face.box) < _MADE_OF_FILL)
            and sight.shows(face)
        ]
    if not guesses:
        return []
    longest = max(planes.width, planes.height)
    likely = reconsider(detectors, smallest.unfilled, once(guesses), longest)
    return [enlarged(face, 1 / smallest.factor) for face in likely]
