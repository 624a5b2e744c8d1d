"""Look through a video for faces: the first pass, which decides nothing and paints nothing.

One frame in STRIDE is examined, and the first and last of every scene. The frames between two
examined ones are passed over only when both show the same faces and surely so; otherwise each of
them is looked at too. So every frame is looked at, or lies within a track on both sides.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from consentry.vision.detect import Face, Run
from consentry.vision.video.cuts import Cuts
from consentry.vision.video.frames import Frame
from consentry.vision.video.look import Depth, look
from consentry.vision.video.track import SURE, Scan, Sighting
from consentry.vision.video.workers import in_order

STRIDE: Final = 4  # frames from one that is examined to the next
CLOSEST_EVERY: Final = 3  # examined frames
LEAST: Final = 0.2  # a score that may carry a track on
_STEP_SIZES: Final = 1.0  # that a face moves within a stride, at most, in its own sizes


@dataclass(frozen=True)
class _Window:
    """A frame to examine, how, and the frames passed over before it."""

    frame: Frame
    depth: Depth
    between: Sequence[Frame]


@dataclass
class _Windows:
    """Cuts a video into windows, one after the other."""

    frames: Iterable[Frame]
    tell: Callable[[int], None]
    count: int = 0
    cuts: list[int] = field(default_factory=list)

    def __iter__(self) -> Iterator[_Window]:
        watch, turn = Cuts(), 0
        waiting: list[Frame] = []
        for frame in self.frames:
            self.count = frame.index + 1
            self.tell(frame.index)
            if watch.begins(frame.planes):
                self.cuts.append(frame.index)
                yield from _last_of(waiting)
                waiting, turn = [], 0
            if turn % STRIDE == 0:
                closest = turn // STRIDE % CLOSEST_EVERY == 0
                yield _Window(frame, Depth.CLOSEST if closest else Depth.CLOSE, waiting)
                waiting = []
            else:
                waiting.append(frame)
            turn += 1
        yield from _last_of(waiting)


def _last_of(waiting: Sequence[Frame]) -> Iterator[_Window]:
    """Examine the last frame of a scene too."""
    if waiting:
        yield _Window(waiting[-1], Depth.CLOSE, waiting[:-1])


def scan(
    frames: Iterable[Frame], rate: float, run: Run, threads: int, tell: Callable[[int], None]
) -> Scan:
    """Examine frames and give what was seen; ``tell`` is told of every frame that is read."""
    windows = _Windows(frames, tell)

    def examine(window: _Window) -> tuple[_Window, tuple[Face, ...]]:
        return window, look(run, window.frame.planes, window.depth, LEAST)

    seen: list[tuple[int, list[Sighting]]] = []
    before: Sequence[Face] = ()
    for window, faces in in_order(examine, windows, threads):
        if not agree(before, faces):
            for frame in window.between:
                glanced = look(run, frame.planes, Depth.GLANCE, LEAST)
                seen.append((frame.index, _sightings(frame, glanced)))
        seen.append((window.frame.index, _sightings(window.frame, faces)))
        before = faces
    return Scan(windows.count, rate, seen, windows.cuts)


def agree(before: Sequence[Face], after: Sequence[Face]) -> bool:
    """Tell whether two frames surely show the same faces, and at least one."""
    sure_before = [face for face in before if face.score >= SURE]
    sure_after = [face for face in after if face.score >= SURE]
    return (
        bool(sure_before)
        and all(_is_among(face, after) for face in sure_before)
        and all(_is_among(face, before) for face in sure_after)
    )


def _is_among(face: Face, others: Iterable[Face]) -> bool:
    box = face.box
    return any(
        abs(box.left - other.box.left) < _STEP_SIZES * box.width
        and abs(box.top - other.box.top) < _STEP_SIZES * box.height
        and abs(box.width - other.box.width) < box.width / 2
        for other in others
    )


def _sightings(frame: Frame, faces: Iterable[Face]) -> list[Sighting]:
    return [Sighting(frame.index, face.box, face.score) for face in faces]
