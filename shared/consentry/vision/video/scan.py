"""Look through a video for faces: the first pass, which decides nothing and paints nothing.

One frame in STRIDE is examined, and the first and last of every scene. The frames between two
examined ones are passed over only when both show the same faces and surely so; otherwise each of
them is looked at too. So every frame is looked at, or lies within a track on both sides.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from consentry.vision.detect import Detectors
from consentry.vision.video.cuts import Cuts
from consentry.vision.video.frames import Form, Frame
from consentry.vision.video.look import glance, stare
from consentry.vision.video.track import Scan, Sighting
from consentry.vision.video.workers import in_order

STRIDE: Final = 4  # frames from one that is examined to the next
STARE_EVERY: Final = 3  # examined frames, the first of each scene among them
# From which likelihood, and from which score of the quick detector alone, a find begins a track.
LIKELY: Final = 0.12
SURE: Final = 0.8
_STEP_SIZES: Final = 1.0  # that a face moves within a stride, at most, in its own sizes


@dataclass(frozen=True)
class _Window:
    """A frame to examine, with both detectors or with one, and those passed over before it."""

    frame: Frame
    closely: bool
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
                closely = turn // STRIDE % STARE_EVERY == 0
                yield _Window(frame, closely, waiting)
                waiting = []
            else:
                waiting.append(frame)
            turn += 1
        yield from _last_of(waiting)


def _last_of(waiting: Sequence[Frame]) -> Iterator[_Window]:
    """Examine the last frame of a scene too."""
    if waiting:
        yield _Window(waiting[-1], False, waiting[:-1])


def scan(
    frames: Iterable[Frame],
    form: Form,
    detectors: Detectors,
    threads: int,
    tell: Callable[[int], None],
) -> Scan:
    """Examine frames and give what was seen; ``tell`` is told of every frame that is read."""
    windows = _Windows(frames, tell)

    def examine(window: _Window) -> tuple[_Window, list[Sighting]]:
        return window, _seen(detectors, window.frame, closely=window.closely)

    seen: list[tuple[int, list[Sighting]]] = []
    before: Sequence[Sighting] = ()
    for window, faces in in_order(examine, windows, threads):
        if not agree(before, faces):
            seen += [(one.index, _seen(detectors, one, closely=False)) for one in window.between]
        seen.append((window.frame.index, faces))
        before = faces
    return Scan(windows.count, float(form.rate), form.width, form.height, seen, windows.cuts)


def _seen(detectors: Detectors, frame: Frame, *, closely: bool) -> list[Sighting]:
    found = stare(detectors, frame.planes) if closely else glance(detectors, frame.planes)
    enough = LIKELY if closely else SURE
    return [Sighting(frame.index, face.box, face.score, face.score >= enough) for face in found]


def agree(before: Sequence[Sighting], after: Sequence[Sighting]) -> bool:
    """Tell whether two frames surely show the same faces, and at least one."""
    return (
        any(face.sure for face in before)
        and all(_is_among(face, after) for face in before if face.sure)
        and all(_is_among(face, before) for face in after if face.sure)
    )


def _is_among(face: Sighting, others: Iterable[Sighting]) -> bool:
    box = face.box
    return any(
        abs(box.left - other.box.left) < _STEP_SIZES * box.width
        and abs(box.top - other.box.top) < _STEP_SIZES * box.height
        and abs(box.width - other.box.width) < box.width / 2
        for other in others
    )
