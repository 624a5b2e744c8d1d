"""The whole job on one file: find, cover, write, look again at what was written.

    decode -> detect (recall) -> cover -> encode -> decode the output -> detect (lower threshold)

What the second look finds is covered too, by solid fill whatever was asked for, and the output
is made and looked at again. A face that is still found after the last look fails the job. The
second look reads the bytes that would leave, so it also sees what encoding did.

The second look counts every face except one whose five landmarks all lie on solid fill: there
the detector guesses a head from its outline, and nothing of the face is left.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from consentry.errors import RedactionError
from consentry.vision.detect import Face
from consentry.vision.encode import Shape, encode
from consentry.vision.geometry import Box
from consentry.vision.mask import MaskKind, MaskOptions, cover, covered_box, is_filled
from consentry.vision.picture import DEFAULT_LIMITS, Frame, PictureLimits, Source, opaque_views

Pixels = NDArray[np.uint8]
Look = Callable[[Pixels, float], tuple[Face, ...]]
"""Finds faces in RGB pixels (height, width, 3) down to a score."""

FIRST_THRESHOLD: Final = 0.3
RESIDUAL_THRESHOLD: Final = 0.2
LOOKS_MAX: Final = 3
# The output holds what the input's limits allowed; only its bytes may be more.
_OWN_LIMITS: Final = PictureLimits(bytes_max=2**40)


@dataclass(frozen=True)
class Mask:
    """A covered face: its frame, counted from 0, the covered box in pixels, kind and score.

    The box is what the mask's outline fills, clipped to the picture; the score, 0 to 1, is that
    of the face found there.
    """

    frame: int
    box: Box
    kind: MaskKind
    score: float


@dataclass(frozen=True, repr=False)
class Redacted:
    """A redacted file.

    ``extension`` begins with a dot; ``renamed`` says that the format is another than the
    input's. ``width`` and ``height`` are pixels of the first frame, ``rounds`` how many times
    the output was made until no face was found in it.
    """

    data: bytes
    media_type: str
    extension: str
    renamed: bool
    width: int
    height: int
    frames: int
    masks: tuple[Mask, ...]
    rounds: int


@dataclass(frozen=True)
class _Find:
    face: Face
    options: MaskOptions


def redact(
    data: bytes, options: MaskOptions, look: Look, limits: PictureLimits = DEFAULT_LIMITS
) -> Redacted:
    """Redact a file of any readable format.

    Raises PictureError for a file that cannot be read or written, PictureSizeError for one that
    exceeds a limit, and RedactionError when a face is still found after LOOKS_MAX looks.
    """
    source = Source(data, limits)
    finds: list[list[_Find]] = []
    size = (0, 0)
    for frame in source.frames():
        height, width = frame.pixels.shape[:2]
        size = size if finds else (width, height)
        finds.append([_Find(face, options) for face in _faces(frame, look, FIRST_THRESHOLD)])
    for rounds in range(1, LOOKS_MAX + 1):
        written, kind = encode(
            _covered(source, finds), Shape(source.format, source.icc_profile, source.loops)
        )
        residual = _residual(written, look, len(finds))
        if not any(residual):
            return Redacted(
                data=written,
                media_type=kind.media_type,
                extension=kind.extension,
                renamed=kind is not source.format,
                width=size[0],
                height=size[1],
                frames=len(finds),
                masks=tuple(_masks(finds, size)),
                rounds=rounds,
            )
        for found, more in zip(finds, residual, strict=True):
            found.extend(_Find(face, MaskOptions(MaskKind.SOLID, options.shape)) for face in more)
    raise RedactionError("a face is still found after masking")


def _faces(frame: Frame, look: Look, threshold: float) -> list[Face]:
    """Look at everything that a frame can be made to show."""
    return [face for view in opaque_views(frame.pixels) for face in look(view, threshold)]


def _covered(source: Source, finds: list[list[_Find]]) -> Iterator[Frame]:
    for frame, found in zip(source.frames(), finds, strict=True):
        pixels = frame.pixels.copy()
        for find in found:
            cover(pixels, find.face.box, find.options)
        yield Frame(pixels, frame.milliseconds)


def _residual(written: bytes, look: Look, frames: int) -> list[list[Face]]:
    """Look at the output; gives the faces still seen, for each frame of the input.

    An encoder may merge equal frames. Then it is not known where a face came from, and it
    counts for all.
    """
    seen = []
    for frame in Source(written, _OWN_LIMITS).frames():
        seen.append(
            [
                face
                for view in opaque_views(frame.pixels)
                for face in look(view, RESIDUAL_THRESHOLD)
                if not is_filled(view, face.landmarks)
            ]
        )
    if len(seen) == frames:
        return seen
    together = [face for faces in seen for face in faces]
    return [together] * frames


def _masks(finds: list[list[_Find]], size: tuple[int, int]) -> Iterator[Mask]:
    for index, found in enumerate(finds):
        for find in found:
            box = covered_box(find.face.box, *size)
            if box is not None:
                yield Mask(index, box, find.options.kind, find.face.score)
