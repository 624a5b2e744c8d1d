"""Decode what was written and look again: does a face remain?

Each part is decoded from the very bytes that will leave. Every frame that is masked, or lies next
to one that is, is looked at with more doubt than at first, and a sample of all other frames; what
counts as a face there is ``consentry.vision.residual``'s to say, as for pictures. Most looks are
at a reduced frame, every few frames one is at full size.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from consentry.errors import VideoError
from consentry.vision.detect import Face, Run, candidates
from consentry.vision.residual import (
    Cover,
    fill_share,
    is_hidden,
    is_provoked,
    solid_pixels,
    without_fill,
)
from consentry.vision.video.encode import Part
from consentry.vision.video.look import Depth, believed, enlarged, once, reduced, sides
from consentry.vision.video.planes import Planes, scaled
from consentry.vision.video.scan import SURE
from consentry.vision.video.track import Sighting, tenths

NEIGHBOURS: Final = 2  # frames before and after a masked one that are looked at too
SAMPLE_EVERY: Final = 8  # of the frames without a mask nearby
CLOSE_EVERY: Final = 6  # frames looked at
_MADE_OF_FILL: Final = 0.5  # share of a doubtful guess from which it is the fill that was seen
# Least score of a face in the output. Where the other detector sees nothing, it means a likelihood
# of about 0.08 at 32 pixels (consentry.vision.evidence), below what begins a track at first.
DOUBT: Final = 0.6

Covers = Callable[[int], Sequence[Cover]]
"""Gives what covers a frame, counted from 0."""


@dataclass(frozen=True)
class Residue:
    """What a look at a part found: by frame the faces that remain, and how many were looked at."""

    faces: tuple[tuple[int, tuple[Sighting, ...]], ...]
    looked: int


def prove(part: Part, covers: Covers, run: Run) -> Residue:
    """Look at a part's output; VideoError where it does not hold the frames put into it."""
    remaining: list[tuple[int, tuple[Sighting, ...]]] = []
    looked = count = 0
    for index, planes in enumerate(part.decoded(threads=1), part.first):
        count += 1
        near = range(index - NEIGHBOURS, index + NEIGHBOURS + 1)
        if not any(covers(frame) for frame in near) and index % SAMPLE_EVERY:
            continue
        depth = Depth.GLANCE if looked % CLOSE_EVERY else Depth.CLOSE
        looked += 1
        faces = _remaining(planes, covers(index), run, depth)
        if faces:
            remaining.append((index, tuple(_sighting(index, face) for face in faces)))
    if count != part.frames:
        raise VideoError("the encoded video does not hold the frames that were given")
    return Residue(tuple(remaining), looked)


def _sighting(frame: int, face: Face) -> Sighting:
    return Sighting(frame, tenths(face.box), round(face.score, 3), sure=True)


def _remaining(planes: Planes, covers: Sequence[Cover], run: Run, depth: Depth) -> list[Face]:
    found: list[Face] = []
    smallest = min(sides(planes, depth))
    for side in sides(planes, depth):
        width, height = reduced(planes, side)
        factor = width / planes.width
        view = planes.rgb(width, height)
        smaller = [(scaled(box, factor), options) for box, options in covers]
        proven = solid_pixels(view, smaller)
        guesses = candidates(run, without_fill(view, proven), DOUBT)
        found += [
            enlarged(face, 1 / factor)
            for face in guesses
            if (side == smallest or believed(face))
            and (face.score >= SURE or fill_share(proven, face.box) < _MADE_OF_FILL)
            and not is_provoked(face, smaller, proven)
            and not is_hidden(face, smaller, view, proven)
        ]
    return once(found)
