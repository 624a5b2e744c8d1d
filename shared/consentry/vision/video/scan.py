"""Look through a video for faces: the first pass, which decides nothing and paints nothing."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from consentry.vision.detect import Run
from consentry.vision.video.cuts import Cuts
from consentry.vision.video.frames import Frame
from consentry.vision.video.look import Depth, look
from consentry.vision.video.track import Scan, Sighting
from consentry.vision.video.workers import in_order

STRIDE: Final = 4  # frames from one that is examined to the next
CLOSEST_EVERY: Final = 3  # examined frames
LEAST: Final = 0.2  # a score that may carry a track on


def scan(
    frames: Iterable[Frame], rate: float, run: Run, threads: int, tell: Callable[[int], None]
) -> Scan:
    """Examine frames and give what was seen; ``tell`` is told of every frame that is done."""
    cuts: list[int] = []
    count = 0

    def chosen() -> Iterator[tuple[Frame, Depth]]:
        nonlocal count
        watch, turn, last = Cuts(), 0, None
        for frame in frames:
            count = frame.index + 1
            tell(frame.index)
            cut = watch.begins(frame.planes)
            if cut:
                cuts.append(frame.index)
                if last is not None:
                    yield last, Depth.CLOSE
                turn = 0
            if turn % STRIDE == 0:
                yield frame, Depth.CLOSE if turn // STRIDE % CLOSEST_EVERY else Depth.CLOSEST
                last = None
            else:
                last = frame
            turn += 1
        if last is not None:
            yield last, Depth.CLOSE

    def examine(item: tuple[Frame, Depth]) -> tuple[int, list[Sighting]]:
        frame, depth = item
        faces = look(run, frame.planes, depth, LEAST)
        return frame.index, [Sighting(frame.index, face.box, face.score) for face in faces]

    seen = list(in_order(examine, chosen(), threads))
    return Scan(count, rate, seen, cuts)
