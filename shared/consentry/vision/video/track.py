"""Join sightings of faces, frame by frame, to tracks: by position and motion only.

Two thresholds (the idea of ByteTrack, arXiv 2110.06864): what is surely a face begins a track, what
may be one only carries a track on. The whole video is known before anything is masked, so gaps
are bridged afterwards from both sides, and a track reaches back before its first sighting and on
after its last: a face that comes into the picture is covered before it is recognised. No pixels
and no templates are compared; a cut of the scene ends all tracks.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import PlainSerializer, PlainValidator

from consentry.vision.geometry import Box

Floats = NDArray[np.float64]

_NEAR: Final = 0.8  # farthest that a face is from where it was expected, in its own sizes
_STRETCH: Final = 0.9  # largest change of its size, as a logarithm
_GAP_SECONDS: Final = 1.2  # longest that a track is carried on without a sighting
_REACH_SECONDS: Final = 0.4  # that a track reaches beyond its sightings on either side
_BORDER_SECONDS: Final = 1.0  # the same while the face is cut by the picture's border
_GROWTH_BEYOND: Final = 0.5  # of a face's size beyond its sightings, at most, as a logarithm
_SMOOTHING: Final = 0.5  # weight of the newest sighting in the motion
_MOTION_GROWTH: Final = 0.5  # of the way to the next sighting, added to the mask


@dataclass(frozen=True, slots=True)
class Sighting:
    """A face found in a frame: ``box`` in pixels, score 0 to 1, and whether it is surely one."""

    frame: int
    box: Box
    score: float
    sure: bool

    def later(self, frames: int) -> "Sighting":
        """Give the same face, counted from a frame so many before."""
        return replace(self, frame=self.frame + frames)


def tenths(box: Box) -> Box:
    """Give a box in tenths of a pixel: no detector is finer, and it makes short documents."""
    return Box(*(round(side, 1) for side in (box.left, box.top, box.width, box.height)))


@dataclass(frozen=True)
class Stage:
    """Where tracks run: how many frames there are, their size in pixels, and where scenes begin.

    ``rate`` is frames per second.
    """

    frames: int
    rate: float
    width: int
    height: int
    cuts: tuple[int, ...] = ()


Seen = Sequence[tuple[int, Sequence[Sighting]]]
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
    mask adds. ``score`` is the best of its ``sightings``.
    """

    start: int
    boxes: Boxes
    score: float
    sightings: tuple[Sighting, ...] = ()

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
        """Give the part from one frame until before another, without its sightings."""
        begin, stop = max(first, self.start), min(end, self.end)
        if begin >= stop:
            return None
        return Track(begin, self.boxes[begin - self.start : stop - self.start], self.score)


@dataclass
class _Growing:
    """A track while it is being followed: (centre x, y, log width, log height) and its motion."""

    sightings: list[Sighting]
    state: Floats
    motion: Floats = field(default_factory=lambda: np.zeros(4))

    @property
    def last(self) -> int:
        return self.sightings[-1].frame

    def expected(self, frame: int) -> Floats:
        return self.state + self.motion * (frame - self.last)

    def add(self, sighting: Sighting) -> None:
        state = _state(sighting.box)
        steps = sighting.frame - self.last
        moved = (state - self.state) / steps
        moved[2:] *= 0.5  # sizes jitter more than they change
        fresh = len(self.sightings) == 1
        self.motion = moved if fresh else self.motion + _SMOOTHING * (moved - self.motion)
        self.state = state
        self.sightings.append(sighting)


def make_tracks(stage: Stage, all_seen: Seen) -> list[Track]:
    """Follow faces through all frames that were examined and give whole, gapless tracks."""
    gap = max(int(_GAP_SECONDS * stage.rate), 1)
    growing: list[_Growing] = []
    done: list[tuple[_Growing, int, int]] = []
    cuts = [*stage.cuts, stage.frames]
    scene = 0
    following = iter(cuts)
    cut = next(following)
    for frame, seen in all_seen:
        while frame >= cut:
            done += [(track, scene, cut) for track in growing]
            growing, scene = [], cut
            cut = next(following)
        lost = [track for track in growing if frame - track.last > gap]
        done += [(track, scene, cut) for track in lost]
        growing = [track for track in growing if frame - track.last <= gap]
        _follow(growing, seen, frame)
    done += [(track, scene, cut) for track in growing]
    return [
        _whole(track, scene, end, stage)
        for track, scene, end in done
        if any(sighting.sure for sighting in track.sightings)
    ]


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
    growing += [_Growing([one], _state(one.box), camera.copy()) for one in rest]


def _camera(growing: Sequence[_Growing]) -> Floats:
    """How a face moves of which nothing is known: as the others do, which is as the camera."""
    moving = [track.motion for track in growing if len(track.sightings) > 1]
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


def _whole(track: _Growing, first: int, end: int, stage: Stage) -> Track:
    """Draw a track through all its frames and beyond its ends, within its scene."""
    sightings = track.sightings
    frames = np.array([sighting.frame for sighting in sightings])
    states = np.array([_state(sighting.box) for sighting in sightings])
    far = max(int(_BORDER_SECONDS * stage.rate), 1)
    steps = np.arange(max(frames[0] - far, first), min(frames[-1] + far + 1, end))
    drawn = np.stack([np.interp(steps, frames, states[:, i]) for i in range(4)], axis=1)
    if len(sightings) > 1:
        for known, anchor, outside in (
            (slice(None, 3), 0, steps < frames[0]),
            (slice(-3, None), -1, steps > frames[-1]),
        ):
            moved = np.polyfit(frames[known], states[known], 1)[0]
            further = np.outer(steps[outside] - frames[anchor], moved)
            further[:, 2:] = np.clip(further[:, 2:], 0.0, _GROWTH_BEYOND)
            drawn[outside] += further
    sizes = np.exp(drawn[:, 2:])
    travelled = np.abs(np.gradient(drawn[:, :2], axis=0)) if len(drawn) > 1 else 0 * sizes
    sizes = sizes + _MOTION_GROWTH * travelled
    corners = drawn[:, :2] - sizes / 2
    boxes = np.concatenate([corners, sizes], axis=1).round(1).astype(np.float32)
    picture = np.array([stage.width, stage.height])
    cut = ((corners < 0) | (corners + sizes > picture)).any(axis=1)
    reach = max(int(_REACH_SECONDS * stage.rate), 1)
    near = (steps >= frames[0] - reach) & (steps <= frames[-1] + reach)
    begin, stop = _run(near | cut, int(frames[0] - steps[0]))
    best = max(sighting.score for sighting in sightings)
    return Track(int(steps[begin]), boxes[begin:stop], best, tuple(sightings))


def _run(wanted: NDArray[np.bool_], inside: int) -> tuple[int, int]:
    """Give begin and end of the run of wanted steps around one that is wanted."""
    unwanted = np.flatnonzero(~wanted)
    before, after = unwanted[unwanted < inside], unwanted[unwanted > inside]
    begin = int(before[-1]) + 1 if len(before) else 0
    return begin, int(after[0]) if len(after) else len(wanted)


def _state(box: Box) -> Floats:
    return np.array(
        [
            box.left + box.width / 2,
            box.top + box.height / 2,
            np.log(max(box.width, 1.0)),
            np.log(max(box.height, 1.0)),
        ]
    )
