"""Join sightings of faces, frame by frame, to tracks: by position and motion only.

Two thresholds (the idea of ByteTrack, arXiv 2110.06864): what is surely a face begins a track, what
may be one only carries a track on. The whole video is known before anything is masked, so gaps
are bridged afterwards from both sides, and a track reaches back before its first sighting and on
after its last: a face that comes into the picture is covered before it is recognised. Faces are
followed in the coordinates of the scene's first frame, so that a camera that pans or zooms moves
none of them. No faces and no templates are compared; a cut of the scene ends all tracks.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import PlainSerializer, PlainValidator

from consentry.vision.geometry import Box
from consentry.vision.video.motion import STILL, Move
from consentry.vision.video.sightings import Sighting

Floats = NDArray[np.float64]

_NEAR: Final = 0.8  # farthest that a face is from where it was expected, in its own sizes
_STRETCH: Final = 0.9  # largest change of its size, as a logarithm
_GAP_SECONDS: Final = 1.2  # longest that a track is carried on without a sighting
REACH_SECONDS: Final = 1.2  # that a track reaches beyond its sightings on either side
# A face goes on beyond its sightings as it moved at last, if it has been seen to for so long and
# is faster than sightings jitter, in its own sizes a second.
_KNOWN_SECONDS: Final = 0.6
_KNOWN_SECONDS_LEAST: Final = 0.25
_SLOW: Final = 0.6
_SMOOTHING: Final = 0.5  # weight of the newest sighting in the motion
_MOTION_GROWTH: Final = 0.25  # of the way to the next frame, added to the mask


@dataclass(frozen=True)
class Stage:
    """Where tracks run: how many frames there are, how many a second, and where scenes begin.

    ``moves`` tell for each frame how the camera moved since the one before.
    """

    frames: int
    rate: float
    moves: tuple[Move, ...]
    cuts: tuple[int, ...] = ()

    @cached_property
    def poses(self) -> Floats:
        """For each frame (frames, 3) zoom and shift x, y since its scene began."""
        begins = {0, *self.cuts}
        poses = np.empty((self.frames, 3))
        zoom, right, down = STILL
        for frame, (grown, x, y) in enumerate(self.moves):
            if frame in begins:
                zoom, right, down = STILL
            else:
                zoom, right, down = zoom * grown, right * grown + x, down * grown + y
            poses[frame] = zoom, right, down
        return poses


Seen = Iterable[tuple[int, Sequence[Sighting]]]
"""By examined frame, in order, the faces that were found, if any."""


def _array(value: object) -> NDArray[np.float32]:
    return np.asarray(value, np.float32).reshape(-1, 4)


def _rows(boxes: NDArray[np.float32]) -> list[list[float]]:
    return [[round(float(side), 1) for side in box] for box in boxes]


Boxes = Annotated[
    NDArray[np.float32], PlainValidator(_array), PlainSerializer(_rows, when_used="json")
]


@dataclass(frozen=True)
class Track:
    """One face through a scene: ``boxes`` (frames, 4) from frame ``start`` on, without a gap.

    Boxes are left, top, width, height in pixels, as found or estimated, without the margin that a
    mask adds. ``score`` is the best of its sightings, of which there are ``sightings``.
    """

    start: int
    boxes: Boxes
    score: float
    sightings: int

    @property
    def end(self) -> int:
        """First frame after the track."""
        return self.start + len(self.boxes)

    def box(self, frame: int) -> Box | None:
        """Where the face is in a frame; None outside of the track."""
        if not self.start <= frame < self.end:
            return None
        return Box(*(float(value) for value in self.boxes[frame - self.start]))

    def within(self, first: int, end: int) -> "Track | None":
        """Give the part from one frame until before another."""
        begin, stop = max(first, self.start), min(end, self.end)
        if begin >= stop:
            return None
        boxes = self.boxes[begin - self.start : stop - self.start]
        return Track(begin, boxes, self.score, self.sightings)


class _Growing:
    """A track while it is being followed: where it was, and its motion.

    A state is (centre x, y, log width, log height). Of its sightings only numbers are kept: a face
    may be seen for an hour.
    """

    def __init__(self, first: Sighting, motion: Floats) -> None:
        self.motion = motion
        self.frames = array("i")
        self._states = array("d")
        self.score = 0.0
        self.sure = False
        self._note(first, _state(first.box))

    @property
    def last(self) -> int:
        return self.frames[-1]

    @property
    def states(self) -> Floats:
        """All states, (sightings, 4)."""
        return np.array(self._states).reshape(-1, 4)

    def expected(self, frame: int) -> Floats:
        return self._state + self.motion * (frame - self.last)

    def add(self, sighting: Sighting) -> None:
        state = _state(sighting.box)
        steps = sighting.frame - self.last
        moved = (state - self._state) / steps
        moved[2:] *= 0.5  # sizes jitter more than they change
        fresh = len(self.frames) == 1
        self.motion = moved if fresh else self.motion + _SMOOTHING * (moved - self.motion)
        self._note(sighting, state)

    def _note(self, sighting: Sighting, state: Floats) -> None:
        self._state = state
        self.frames.append(sighting.frame)
        self._states.extend(state)
        self.score = max(self.score, sighting.score)
        self.sure |= sighting.sure


def make_tracks(stage: Stage, all_seen: Seen, reach: float = REACH_SECONDS) -> list[Track]:
    """Follow faces through all frames that were examined and give whole, gapless tracks.

    ``reach`` is in seconds.
    """
    gap = max(int(_GAP_SECONDS * stage.rate), 1)
    tracks: list[Track] = []
    growing: list[_Growing] = []
    scene = 0
    following = iter([*stage.cuts, stage.frames])
    cut = next(following)

    def end(ended: Iterable[_Growing]) -> None:
        """Keep tracks of faces, and none of what made them: long videos have many sightings."""
        span = max(int(reach * stage.rate), 1)
        tracks.extend(_whole(track, scene, cut, stage, span) for track in ended if track.sure)

    for frame, seen in all_seen:
        while frame >= cut:
            end(growing)
            growing, scene = [], cut
            cut = next(following)
        end(track for track in growing if frame - track.last > gap)
        growing = [track for track in growing if frame - track.last <= gap]
        _follow(growing, [_stilled(one, stage.poses[frame]) for one in seen], frame)
    end(growing)
    return tracks


def _follow(growing: list[_Growing], seen: Sequence[Sighting], frame: int) -> None:
    """Give each track the sighting that lies nearest to where it is expected; the rest begin."""
    camera = _camera(growing)
    free = list(growing)
    rest = []
    for sure in (True, False):
        candidates = [sighting for sighting in seen if sighting.sure is sure]
        pairs = sorted(_pairs(free, candidates, frame), key=lambda pair: pair[0])
        taken: set[int] = set()
        for _, track, index in pairs:
            if track in free and index not in taken:
                track.add(candidates[index])
                free.remove(track)
                taken.add(index)
        rest += [one for index, one in enumerate(candidates) if index not in taken]
    growing += [_Growing(one, camera.copy()) for one in rest]


def _camera(growing: Sequence[_Growing]) -> Floats:
    """How a face moves of which nothing is known: as the others do, which is as the camera."""
    moving = [track.motion for track in growing if len(track.frames) > 1]
    return np.median(moving, axis=0) if moving else np.zeros(4)


def _pairs(
    tracks: Sequence[_Growing], seen: Sequence[Sighting], frame: int
) -> Iterator[tuple[float, _Growing, int]]:
    """Give all pairs that may be one face, each with its distance in sizes of the face."""
    if not seen:
        return
    states = np.array([_state(sighting.box) for sighting in seen])
    for track in tracks:
        expected = track.expected(frame)
        size = np.exp((expected[2:] + states[:, 2:]).mean(axis=1) / 2)
        away = np.hypot(*(states[:, :2] - expected[:2]).T) / size
        stretch = np.abs(states[:, 2:] - expected[2:]).max(axis=1)
        reach = _NEAR * (1 + 0.05 * (frame - track.last))
        for index in np.flatnonzero((away < reach) & (stretch < _STRETCH)):
            yield float(away[index] + stretch[index]), track, int(index)


def _stilled(sighting: Sighting, pose: Floats) -> Sighting:
    """Give a sighting as the scene's first frame would show it."""
    zoom, right, down = pose
    box = sighting.box
    still = Box(
        (box.left - right) / zoom, (box.top - down) / zoom, box.width / zoom, box.height / zoom
    )
    return replace(sighting, box=still)


def _whole(track: _Growing, first: int, end: int, stage: Stage, reach: int) -> Track:
    """Draw a track through all its frames and beyond its ends, within its scene."""
    frames, states = np.array(track.frames), track.states
    steps = np.arange(max(frames[0] - reach, first), min(frames[-1] + reach + 1, end))
    drawn = np.stack([np.interp(steps, frames, states[:, i]) for i in range(4)], axis=1)
    for anchor, outside in ((0, steps < frames[0]), (-1, steps > frames[-1])):
        moved = _velocity(frames, states, anchor, stage.rate)
        drawn[outside, :2] += np.outer(steps[outside] - frames[anchor], moved)
    poses = stage.poses[steps]
    centres = drawn[:, :2] * poses[:, :1] + poses[:, 1:]
    sizes = np.exp(drawn[:, 2:]) * poses[:, :1]
    travelled = np.abs(np.gradient(centres, axis=0)) if len(centres) > 1 else 0 * sizes
    sizes = sizes + _MOTION_GROWTH * travelled
    boxes = np.concatenate([centres - sizes / 2, sizes], axis=1).round(1).astype(np.float32)
    return Track(int(steps[0]), boxes, track.score, len(frames))


def _velocity(frames: NDArray[np.integer], states: Floats, anchor: int, rate: float) -> Floats:
    """Give x and y in pixels a frame at an end of a track; 0 where it is slow or unknown."""
    near = np.abs(frames - frames[anchor]) <= _KNOWN_SECONDS * rate
    if np.ptp(frames[near]) < _KNOWN_SECONDS_LEAST * rate:
        return np.zeros(2)
    moved = np.polyfit(frames[near], states[near, :2], 1)[0]
    size = np.exp(states[anchor, 2:].mean())
    return moved if np.hypot(*moved) * rate >= _SLOW * size else np.zeros(2)


def _state(box: Box) -> Floats:
    return np.array(
        [
            box.left + box.width / 2,
            box.top + box.height / 2,
            np.log(max(box.width, 1.0)),
            np.log(max(box.height, 1.0)),
        ]
    )
