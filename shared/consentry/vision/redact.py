"""The whole job on one file: find, cover, write, look again at what was written.

    decode -> detect (recall) -> cover -> encode -> decode the output -> detect (check)

What the second look finds is covered too, by solid fill whatever was asked for, and the output
is made and looked at again. A face that is still found after the last look fails the job. The
second look reads the bytes that would leave, so it also sees what encoding did.

``consentry.vision.residual`` says what the second look counts as a face, and
``consentry.vision.claims`` which faces stay visible: nothing else does.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from typing import Final

import numpy as np
from numpy.typing import NDArray

from consentry.errors import RedactionError
from consentry.vision.claims import Claims, Judged, kept_boxes, less_kept
from consentry.vision.detect import Face, Profile
from consentry.vision.encode import Shape, encode
from consentry.vision.geometry import Box
from consentry.vision.mask import MaskKind, MaskOptions, cover, covered_box
from consentry.vision.picture import DEFAULT_LIMITS, Frame, PictureLimits, Source, opaque_views
from consentry.vision.residual import (
    Cover,
    is_hidden,
    is_provoked,
    solid_pixels,
    without_fill,
)
from consentry.vision.stages import stage
from consentry.vision.workers import in_order

Pixels = NDArray[np.uint8]
Look = Callable[[Pixels, Profile], tuple[Face, ...]]
"""Finds faces in RGB pixels (height, width, 3)."""

LOOKS_MAX: Final = 6  # most pictures need one, street crowds up to three
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
    the output was made until no face was found in it but those that ``claims`` keeps.
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
    claims: tuple[Judged, ...] = ()


@dataclass(frozen=True)
class _Find:
    face: Face
    options: MaskOptions


def redact(
    data: bytes,
    options: MaskOptions,
    look: Look,
    limits: PictureLimits = DEFAULT_LIMITS,
    claims: Claims | None = None,
    threads: int = 1,
) -> Redacted:
    """Redact a file of any readable format; of a still picture, keep what is rightly claimed.

    With more than one thread, ``look`` is called by two at a time.
    Raises PictureError for a file that cannot be read or written, PictureSizeError for one that
    exceeds a limit, and RedactionError when a face is still found after LOOKS_MAX looks.
    """
    source = Source(data, limits)
    finds: list[list[_Find]] = []
    size = (0, 0)
    for frame in source.frames():
        height, width = frame.pixels.shape[:2]
        size = size if finds else (width, height)
        finds.append([_Find(face, options) for face in _faces(frame, look)])
    judged = _judged(source, claims, len(finds)) if claims else ()
    kept = kept_boxes(judged)
    if kept:
        finds = [[_Find(face, options) for face in less_kept([f.face for f in finds[0]], kept)]]
    for rounds in range(1, LOOKS_MAX + 1):
        written, kind = encode(
            _covered(source, finds), Shape(source.format, source.icc_profile, source.loops)
        )
        residual = _residual(written, look, finds, kept, threads)
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
                claims=judged,
            )
        for found, more in zip(finds, residual, strict=True):
            found.extend(_Find(face, MaskOptions(MaskKind.SOLID, options.shape)) for face in more)
    raise RedactionError("a face is still found after masking")


def _faces(frame: Frame, look: Look) -> list[Face]:
    """Look at everything that a frame can be made to show."""
    return [face for view in opaque_views(frame.pixels) for face in look(view, Profile.RECALL)]


def _judged(source: Source, claims: Claims, frames: int) -> tuple[Judged, ...]:
    views = list(opaque_views(next(source.frames()).pixels))
    return claims.judge(views[0]) if frames == len(views) == 1 else claims.void()


def _covered(source: Source, finds: list[list[_Find]]) -> Iterator[Frame]:
    for frame, found in zip(source.frames(), finds, strict=True):
        with stage("cover"):
            pixels = frame.pixels.copy()
            for find in found:
                cover(pixels, find.face.box, find.options)
        yield Frame(pixels, frame.milliseconds)


def _residual(
    written: bytes, look: Look, finds: list[list[_Find]], kept: list[Box], threads: int
) -> list[list[Face]]:
    """Look at the output; gives the faces still seen, less those kept, by frame of the input.

    An encoder may merge equal frames. Then it is not known where a face came from: it counts for
    all frames, and only solid masks, whose pixels prove themselves, can make it void.
    """
    output = Source(written, _OWN_LIMITS)
    if len(finds) == 1 or sum(1 for _ in output.frames()) == len(finds):
        return [
            _remaining(
                frame, look, [(find.face.box, find.options) for find in found], kept, threads
            )
            for frame, found in zip(output.frames(), finds, strict=True)
        ]
    solid = [
        (find.face.box, find.options)
        for found in finds
        for find in found
        if find.options.kind is MaskKind.SOLID
    ]
    every = (_remaining(frame, look, solid, kept, threads) for frame in output.frames())
    return [[*chain.from_iterable(every)]] * len(finds)


def _remaining(
    frame: Frame, look: Look, covers: list[Cover], kept: list[Box], threads: int
) -> list[Face]:
    """Look at a frame of the output, past its fill, and if nothing is found, at the fill too."""
    faces = []
    for view in opaque_views(frame.pixels):
        with stage("fill"):
            proven = solid_pixels(view, covers)
            unfilled = without_fill(view, proven)
        # Most often both are needed: a second thread does not wait for what the first finds.
        views = [(unfilled, Profile.CHECK), (view, Profile.FAST)][: 1 + bool(proven.any())]
        with closing(in_order(lambda each: look(*each), views, min(threads, 2))) as looked:
            doubted = [
                face
                for face in less_kept(next(looked), kept)
                if not is_provoked(face, covers, proven)
                and not is_hidden(face, covers, view, proven)
            ]
            if not doubted:
                sure = less_kept(next(looked, ()), kept)
                doubted = [face for face in sure if not is_hidden(face, covers, view, proven)]
        faces += doubted
    return faces


def _masks(finds: list[list[_Find]], size: tuple[int, int]) -> Iterator[Mask]:
    for index, found in enumerate(finds):
        for find in found:
            box = covered_box(find.face.box, *size)
            if box is not None:
                yield Mask(index, box, find.options.kind, find.face.score)
