"""Write a piece: masks painted, frames encoded part by part, and each part looked at again."""

from collections.abc import Callable, Collection, Iterator
from itertools import groupby

from consentry.errors import VideoError
from consentry.vision.detect import Detectors
from consentry.vision.video.encode import Codec, Part, encode_part
from consentry.vision.video.frames import Frame, Reader
from consentry.vision.video.masks import PART_FRAMES, PieceMasks
from consentry.vision.video.paint import painted
from consentry.vision.video.planes import Planes
from consentry.vision.video.proof import Residue, prove
from consentry.vision.workers import in_order


def write_piece(
    reader: Reader,
    masks: PieceMasks,
    codec: Codec,
    detectors: Detectors,
    *,
    tell: Callable[[int], None],
    only: Collection[int] | None = None,
) -> Iterator[tuple[Part, Residue]]:
    """Give the parts of a piece, masked, each with what a look at its own bytes still finds.

    ``only`` are the first frames of the parts that are wanted, if not all are; ``tell`` is told
    how many frames were read. Raises VideoError where the piece does not give the frames that
    were scanned.
    """

    def masked(frame: Frame) -> tuple[int, Planes]:
        ticks = masks.ticks[frame.index]
        covers = masks.of(masks.first + frame.index)
        covers += masks.by_hand(float(ticks * form.clock))
        return ticks, painted(frame.planes, covers)

    def encoded() -> Iterator[Part]:
        for number, group in groupby(frames, lambda frame: frame.index // PART_FRAMES):
            first = masks.first + number * PART_FRAMES
            if only is None or first in only:
                yield encode_part(first, map(masked, group), form, codec, reader.threads)

    def proven(part: Part) -> tuple[Part, Residue]:
        return part, prove(part, masks.of, masks.visible, detectors)

    form = reader.known.form
    frames = _frames(reader, masks, only, tell)
    return in_order(proven, encoded(), reader.threads)


def _frames(
    reader: Reader,
    masks: PieceMasks,
    only: Collection[int] | None,
    tell: Callable[[int], None],
) -> Iterator[Frame]:
    """Give a piece's frames, as far as they are wanted; VideoError where others were scanned."""
    wanted = len(masks.ticks)
    if only is not None:
        wanted = min(wanted, max(only, default=masks.first) - masks.first + PART_FRAMES)
    count = 0
    for frame in reader.frames():
        count = frame.index + 1
        if count <= len(masks.ticks):
            tell(count)
            yield frame
        if count == wanted < len(masks.ticks):
            return
    if count != len(masks.ticks):
        raise VideoError("the video does not decode to the same frames each time")
