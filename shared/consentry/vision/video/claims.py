"""Tracks that stay visible because they are claimed, and shown to be whose they are claimed to be.

A claim names a face by its box at one moment. Only that track's face becomes templates, at a few
frames, and they are compared with the one person of the claim. A track is kept only if

- its sightings are never more than GAP_SECONDS apart, and nothing else is tracked where it is;
- at its ends, and at the surest sighting of each second in between, its face and no other is found
  and is recognised;
- from each frame of a piece to the next its face looks alike, for whoever takes another's place
  does not. Where two pieces meet that is not seen; who came there would have to leave again within
  a piece, or be met by the next comparison.

Any doubt about any part of it masks all of it. What is kept lies between the first and the last
face that was recognised; what the track has before and after that is masked as ever.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from consentry.vision.claims import Verdict
from consentry.vision.detect import Face
from consentry.vision.embed import Template
from consentry.vision.geometry import Box
from consentry.vision.video.frames import Reader
from consentry.vision.video.merge import Scan
from consentry.vision.video.planes import Planes
from consentry.vision.video.sightings import Sighting
from consentry.vision.video.track import Track

Pixels = NDArray[np.uint8]

GAP_SECONDS: Final = 0.5
LOOKS_MIN: Final = 3  # comparisons, however short the track
_LOOK_SECONDS: Final = 1.0  # of a track that one comparison stands for
_SURE: Final = 0.8  # score of a sighting that is worth a comparison
_SAME_FACE: Final = 0.4  # intersection over union from which two boxes show one face
_ASIDE: Final = 0.05  # intersection over union above which another face is too near
_ALIKE: Final = 0.8  # correlation of a face's brightness from one frame to the next, at least
_CELLS: Final = 24  # along either side of the face that is compared so


@dataclass(frozen=True)
class TrackClaim:
    """A face by its box, in pixels of the upright picture, at a moment in seconds."""

    box: Box
    seconds: float


@dataclass(frozen=True)
class Errand:
    """What has to be seen of a claimed track before it may stay visible.

    ``claim`` is the claim's place among all, ``index`` the track's; ``track`` is the part of it to
    keep, and ``looks`` are the frames of the video at which its face is compared.
    """

    claim: int
    index: int
    track: Track
    looks: tuple[int, ...]

    def within(self, first: int, end: int) -> "Errand | None":
        """Give what of it lies from one frame until before another."""
        track = self.track.within(first, end)
        if track is None:
            return None
        looks = tuple(frame for frame in self.looks if first <= frame < end)
        return replace(self, track=track, looks=looks)


@dataclass(frozen=True)
class Looked:
    """What came of a claim in one piece: comparisons made, those that matched, and any doubt."""

    claim: int
    compared: int
    recognised: int
    doubt: Verdict | None


def sightings(scan: Scan, track: Track) -> Iterator[list[Sighting]]:
    """Give, for each examined frame of a track, what was seen in its place; mostly one face."""
    for frame, faces in scan.seen.between(track.start, track.end):
        box = track.box(frame)
        if box is not None:
            yield [face for face in faces if face.box.overlap(box) >= _SAME_FACE]


def inspect(
    scan: Scan, tracks: Sequence[Track], claims: Sequence[TrackClaim], clock: Fraction
) -> list[Errand | Verdict]:
    """Tell for each claim what has to be seen of its track, or why it cannot stay visible.

    ``tracks`` are all of the video, ``clock`` is seconds in a tick of the scan's times.
    """
    named = [_named(scan, tracks, claim, clock) for claim in claims]
    errands: list[Errand | Verdict] = []
    for claim, index in enumerate(named):
        if index is None:
            errands.append(Verdict.NO_FACE)
        elif named.count(index) > 1:
            errands.append(Verdict.TWICE)
        else:
            errands.append(_errand(scan, tracks, claim, index))
    return errands


def look(
    reader: Reader,
    first: int,
    errands: Sequence[Errand],
    *,
    faces: Callable[[Pixels], Sequence[Face]],
    template: Callable[[Pixels, Face], Template],
    recognise: Callable[[int, Template], bool],
) -> list[Looked]:
    """Compare the claimed faces of a piece whose first frame is the video's frame ``first``.

    ``errands`` are those parts that lie within the piece. Templates live until they are compared;
    ``recognise`` is told the claim that each is of.
    """
    watches = [_Watch(errand) for errand in errands]
    end = max((errand.track.end for errand in errands), default=first)
    for frame in reader.frames():
        place = first + frame.index
        for watch in watches:
            face = watch.see(place, frame.planes, faces)
            if face is not None:
                watch.compared += 1
                if recognise(watch.errand.claim, template(_rgb(frame.planes), face)):
                    watch.recognised += 1
                else:
                    watch.doubt = Verdict.NOT_RECOGNISED
        if place + 1 >= end:
            break
    return [
        Looked(watch.errand.claim, watch.compared, watch.recognised, watch.doubt)
        for watch in watches
    ]


def judge(looks: int, looked: Sequence[Looked]) -> Verdict:
    """Judge a claim by what came of it in all pieces; ``looks`` is how many there had to be."""
    doubts = [one.doubt for one in looked if one.doubt is not None]
    if doubts:
        return doubts[0]
    recognised = sum(one.recognised for one in looked)
    return Verdict.KEPT if recognised == looks >= LOOKS_MIN else Verdict.INTERRUPTED


def _named(scan: Scan, tracks: Sequence[Track], claim: TrackClaim, clock: Fraction) -> int | None:
    """Find the only track that a claim can mean."""
    if claim.seconds > scan.seconds:
        return None
    ticks = claim.seconds / float(clock)
    after = bisect_left(scan.ticks, ticks)
    near = [frame for frame in (after - 1, after) if 0 <= frame < len(scan.ticks)]
    frame = min(near, key=lambda frame: abs(scan.ticks[frame] - ticks))
    found = [
        index
        for index, track in enumerate(tracks)
        if (box := track.box(frame)) is not None and box.overlap(claim.box) >= _SAME_FACE
    ]
    return found[0] if len(found) == 1 else None


def _errand(scan: Scan, tracks: Sequence[Track], claim: int, index: int) -> Errand | Verdict:
    track, rate = tracks[index], scan.stage.rate
    sighted: list[Sighting] = []
    for here in sightings(scan, track):
        if len(here) > 1:
            return Verdict.CROSSED
        sighted += here
    if len(sighted) < LOOKS_MIN:
        return Verdict.TOO_SHORT
    frames = np.array([sighting.frame for sighting in sighted])
    if np.diff(frames).max() > GAP_SECONDS * rate:
        return Verdict.INTERRUPTED
    looks = _surest(sighted, rate)
    kept = track.within(looks[0], looks[-1] + 1)
    if kept is None or len(looks) < LOOKS_MIN:
        return Verdict.TOO_SHORT
    if any(_touch(kept, other) for other in tracks if other is not track):
        return Verdict.CROSSED
    return Errand(claim, index, kept, looks)


def _surest(sighted: Sequence[Sighting], rate: float) -> tuple[int, ...]:
    """Give the frames to compare: the first and the last where the face is surely seen, and the
    surest of every second, or of every third of a short track, between them.
    """
    sure = [one.frame for one in sighted if one.score >= _SURE] or [one.frame for one in sighted]
    first, last = sure[0], sure[-1]
    frames = last - first + 1
    parts = max(LOOKS_MIN, int(np.ceil(frames / (_LOOK_SECONDS * rate))))
    surest: dict[int, Sighting] = {}
    for one in sighted:
        part = (one.frame - first) * parts // frames
        if first <= one.frame <= last and (part not in surest or one.score > surest[part].score):
            surest[part] = one
    return tuple(sorted({first, last, *(one.frame for one in surest.values())}))


def _touch(one: Track, other: Track) -> bool:
    """Tell whether two tracks meet in any frame."""
    begin, end = max(one.start, other.start), min(one.end, other.end)
    if begin >= end:
        return False
    a, b = (track.boxes[begin - track.start : end - track.start] for track in (one, other))
    apart = (a[:, :2] >= b[:, :2] + b[:, 2:]) | (b[:, :2] >= a[:, :2] + a[:, 2:])
    return bool((~apart.any(axis=1)).any())


class _Watch:
    """Follows one claimed face through the frames of a piece."""

    def __init__(self, errand: Errand) -> None:
        self.errand = errand
        self.compared = 0
        self.recognised = 0
        self.doubt: Verdict | None = None
        self._before: NDArray[np.float32] | None = None

    def see(
        self, place: int, planes: Planes, faces: Callable[[Pixels], Sequence[Face]]
    ) -> Face | None:
        """Take the next frame; gives the face to compare, if that is due."""
        box = self.errand.track.box(place)
        if box is None or self.doubt is not None:
            return None
        before, self._before = self._before, _brightness(planes, box)
        if before is not None and float((before * self._before).mean()) < _ALIKE:
            self.doubt = Verdict.UNSTEADY
            return None
        if place not in self.errand.looks:
            return None
        near = [face for face in faces(_rgb(planes)) if face.box.overlap(box) > _ASIDE]
        if len(near) == 1 and near[0].box.overlap(box) >= _SAME_FACE:
            return near[0]
        self.doubt = Verdict.CROSSED if len(near) > 1 else Verdict.NO_FACE
        return None


def _brightness(planes: Planes, box: Box) -> NDArray[np.float32]:
    """Give a face's brightness in a few cells, of mean 0 and variance 1; all 0 where it is flat."""
    picture = Image.fromarray(planes.packed[: planes.height])
    place = box.clipped(planes.width, planes.height)
    if place is None:
        return np.zeros((_CELLS, _CELLS), np.float32)
    small = picture.resize((_CELLS, _CELLS), Image.Resampling.BILINEAR, place.corners)
    cells = np.asarray(small, np.float32)
    cells -= cells.mean()
    spread = float(cells.std())
    return cells / spread if spread > 1.0 else np.zeros_like(cells)


def _rgb(planes: Planes) -> Pixels:
    return planes.rgb(planes.width, planes.height)
