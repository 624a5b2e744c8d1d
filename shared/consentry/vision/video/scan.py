"""Look through a piece for faces: the first pass, which decides nothing and paints nothing.

One frame in STRIDE is examined, and the first and last of every scene. The frames between two
examined ones are passed over only when both show the same faces and surely so; otherwise each of
them is looked at too. So every frame is looked at, or lies within a track on both sides. A piece
begins and ends as a scene does: its first frame is examined with both detectors, and its last one
is examined, so that no frame beside a seam is passed over.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from consentry.vision.detect import Detectors
from consentry.vision.video.frames import Frame, Reader
from consentry.vision.video.look import glance, stare
from consentry.vision.video.motion import Move
from consentry.vision.video.sightings import Sighting, Sightings, tenths
from consentry.vision.video.watch import View, Watch
from consentry.vision.workers import in_order

STRIDE: Final = 4  # frames from one that is examined to the next
STARE_EVERY: Final = 4  # examined frames, the first of each scene among them
LYING_EVERY: Final = 2  # such frames, looked at for faces that lie, too
_AHEAD: Final = STARE_EVERY  # windows per thread, so that others are looked at beside a long look
# From which likelihood, and from which score of the quick detector alone, a find begins a track.
LIKELY: Final = 0.12
SURE: Final = 0.8
_STEP_SIZES: Final = 1.0  # that a face moves within a stride, at most, in its own sizes


@dataclass(frozen=True)
class _Window:
    """A frame to examine, and those passed over before it.

    ``turn`` counts the frames that are examined with both detectors, None stands for one detector.
    """

    frame: Frame
    turn: int | None
    between: Sequence[Frame]


@dataclass
class _Windows:
    """Cuts a video into windows, one after the other."""

    frames: Iterable[Frame]
    tell: Callable[[int], None]
    times: list[int | None] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    watch: Watch = field(default_factory=Watch)

    def __iter__(self) -> Iterator[_Window]:
        turn = 0
        waiting: list[Frame] = []
        for frame in self.frames:
            self.times.append(frame.told)
            self.tell(len(self.times))
            begins, move = self.watch.next(frame.planes)
            self.moves.append(move)
            if begins:
                self.cuts.append(frame.index)
                yield from _last_of(waiting)
                waiting, turn = [], 0
            if turn % STRIDE == 0:
                count, rest = divmod(turn // STRIDE, STARE_EVERY)
                yield _Window(frame, None if rest else count, waiting)
                waiting = []
            else:
                waiting.append(frame)
            turn += 1
        yield from _last_of(waiting)


def _last_of(waiting: Sequence[Frame]) -> Iterator[_Window]:
    """Examine the last frame of a scene too."""
    if waiting:
        yield _Window(waiting[-1], None, waiting[:-1])


@dataclass(frozen=True, repr=False)
class PieceScan:
    """What was seen of a piece; frames are counted from its first.

    ``times`` are what the file tells of each frame, in ticks, None where it tells nothing, and
    ``moves`` how the camera moved since the frame before. ``view`` shows what the piece shows.
    ``complete`` is False where the packets of a piece did not give a frame each: then the video
    must not be cut at all, and the source is to be scanned as its only piece.
    """

    number: int
    times: tuple[int | None, ...]
    seen: Sightings
    cuts: tuple[int, ...]
    moves: tuple[Move, ...]
    view: View | None
    damaged: int
    complete: bool


def scan_piece(reader: Reader, detectors: Detectors, *, tell: Callable[[int], None]) -> PieceScan:
    """Examine a piece's frames and give what was seen; ``tell`` is told how many were read.

    Raises VideoError and VideoSizeError.
    """
    windows = _Windows(reader.frames(), tell)

    def examine(window: _Window) -> tuple[_Window, tuple[Sighting, ...]]:
        return window, _seen(detectors, window.frame, window.turn)

    def passed_over(frame: Frame) -> tuple[int, tuple[Sighting, ...]]:
        return frame.index, _seen(detectors, frame, None)

    seen = Sightings()
    before: Sequence[Sighting] = ()
    for window, faces in in_order(examine, windows, reader.threads, _AHEAD):
        if not agree(before, faces):
            for frame, between in in_order(passed_over, window.between, reader.threads):
                seen.add(frame, between)
        seen.add(window.frame.index, faces)
        before = faces
    return PieceScan(
        number=reader.piece.number,
        times=tuple(windows.times),
        seen=seen,
        cuts=tuple(windows.cuts),
        moves=tuple(windows.moves),
        view=windows.watch.view,
        damaged=reader.damaged,
        complete=reader.complete,
    )


def _seen(detectors: Detectors, frame: Frame, turn: int | None) -> tuple[Sighting, ...]:
    if turn is None:
        found, enough = glance(detectors, frame.planes), SURE
    else:
        found, enough = stare(detectors, frame.planes, lying=turn % LYING_EVERY == 0), LIKELY
    return tuple(
        Sighting(frame.index, tenths(face.box), round(face.score, 3), face.score >= enough)
        for face in found
    )


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
