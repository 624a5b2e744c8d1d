"""How much of the labelled faces redaction covers, what else it covers, and how long it takes.

Every picture goes through the whole of redaction, with its defaults, and what is measured are the
pixels that would leave: a face is covered if fill hides COVERED of its box. What is masked where
no face is labelled is counted on the largest part of each picture that touches no labelled face.
Average precision and recall are of the guesses with the profile ``recall``, before any mask.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from consentry.errors import ArgumentError, RedactionError
from consentry.evaluate.labels import LabelledFace
from consentry.evaluate.rates import Rate, rate
from consentry.evaluate.resume import Resume, results
from consentry.evaluate.track import Track
from consentry.vision import Box, Face, MaskOptions, Profile, Redacted, Vision
from consentry.vision.mask import near_fill

Bools = NDArray[np.bool_]
Pixels = NDArray[np.uint8]

COVERED: Final = 0.8
HEIGHTS: Final = (0, 16, 32, 64)  # least heights of a face's box, in pixels
_SAME_FACE: Final = 0.5  # intersection over union from which a guess is right
_CELL: Final = 8  # pixels; the grid on which parts without faces are sought
_PART_SIDE_MIN: Final = 128  # pixels; smaller parts of a picture count for nothing


@dataclass(frozen=True)
class Detection:
    """What was measured: the fields of the JSON document, in which rates are shares."""

    pictures: int
    megapixels: float
    faces: int
    withheld: int
    coverage: Mapping[int, Rate]
    coverage_by_group: Mapping[str, Mapping[str, Rate]]
    recall: Mapping[int, Rate]
    average_precision: float
    pictures_without_faces: int
    false_masks_per_picture: float
    ms_per_picture: float
    ms_per_megapixel: float

    def document(self) -> dict[str, Any]:
        """Give it for JSON; ``coverage`` maps a height to a share, the detail to an interval."""
        return vars(self) | {
            "coverage": {str(least): round(each.share, 6) for least, each in self.coverage.items()},
            "coverage_detail": {
                str(least): each.document() for least, each in self.coverage.items()
            },
            "recall": {str(least): each.document() for least, each in self.recall.items()},
            "coverage_by_group": {
                kind: {group: each.document() for group, each in groups.items()}
                for kind, groups in self.coverage_by_group.items()
            },
        }


@dataclass(frozen=True)
class Case:
    """One labelled face: whether a guess found it, and whether it is covered in what leaves."""

    picture: str
    height: float
    found: bool
    covered: bool
    groups: Mapping[str, str]


@dataclass(frozen=True)
class Seen:
    """What came of one picture: of its faces, of guesses, and of its part without a face."""

    cases: tuple[Case, ...]
    guesses: tuple[tuple[float, bool], ...]
    false_masks: int | None
    seconds: float
    megapixels: float
    withheld: bool

    @classmethod
    def unpack(cls, packed: Mapping[str, Any]) -> "Seen":
        """Read what ``asdict`` gave and JSON kept."""
        return cls(
            **{
                **packed,
                "cases": tuple(Case(**case) for case in packed["cases"]),
                "guesses": tuple((score, right) for score, right in packed["guesses"]),
            }
        )


def redact_all(
    vision: Vision,
    images: Path,
    labels: Mapping[str, tuple[LabelledFace, ...]],
    demographics: Mapping[tuple[str, int], Mapping[str, str]],
    track: Track,
    resume: Resume | None = None,
) -> list[Seen]:
    """Redact the labelled pictures below ``images``, and see what came of every face.

    ``demographics`` says what is perceived of a face, by picture and index in its labels. Raises
    ArgumentError for a missing picture.
    """

    def make(names: Sequence[str]) -> Iterator[Seen]:
        return (_see(vision, images, name, labels[name], demographics) for name in names)

    return results(list(labels), make, track, resume, asdict, Seen.unpack)


def evaluate(seen: Sequence[Seen]) -> Detection:
    """Sum up what came of pictures."""
    cases = [case for each in seen for case in each.cases]
    guesses = [guess for each in seen for guess in each.guesses]
    parts = [each.false_masks for each in seen if each.false_masks is not None]
    seconds = sum(each.seconds for each in seen)
    megapixels = sum(each.megapixels for each in seen)
    covered = np.array([case.covered for case in cases], np.bool_)
    found = np.array([case.found for case in cases], np.bool_)
    return Detection(
        pictures=len(seen),
        megapixels=round(megapixels, 1),
        faces=len(cases),
        withheld=sum(each.withheld for each in seen),
        coverage=_by_height(covered, cases),
        coverage_by_group=_by_group(covered, cases),
        recall=_by_height(found, cases),
        average_precision=round(average_precision(guesses, len(cases)), 4),
        pictures_without_faces=len(parts),
        false_masks_per_picture=round(sum(parts) / max(len(parts), 1), 4),
        ms_per_picture=round(seconds * 1000 / max(len(seen), 1), 1),
        ms_per_megapixel=round(seconds * 1000 / max(megapixels, 1e-6), 1),
    )


def _see(
    vision: Vision,
    images: Path,
    name: str,
    labelled: tuple[LabelledFace, ...],
    demographics: Mapping[tuple[str, int], Mapping[str, str]],
) -> Seen:
    """Redact one picture and see what came of it."""
    try:
        data = (images / name).read_bytes()
    except OSError:
        raise ArgumentError("a picture of the list is not in the folder") from None
    before = vision.read(data)
    guesses, found = judged(vision.detect(before, Profile.RECALL), labelled)
    part = largest_part_without([face.box for face in labelled], before.width, before.height)
    false_masks = (
        None if part is None else len(_redact_pixels(vision, _cut(before.pixels, part)).masks)
    )
    begun = time.perf_counter()
    redacted = _redacted(vision, data)
    seconds = time.perf_counter() - begun
    # Of what is withheld nothing is seen.
    hidden = np.ones((before.height, before.width), np.bool_)
    if redacted is not None:
        hidden = _hidden(redacted, vision.read(redacted.data).pixels)
    cases = tuple(
        Case(
            picture=name,
            height=face.box.height,
            found=index in found,
            covered=_share(hidden, face.box) >= COVERED,
            groups=demographics.get((name, index), {}),
        )
        for index, face in enumerate(labelled)
        if face.counts
    )
    return Seen(
        cases=cases,
        guesses=tuple(guesses),
        false_masks=false_masks,
        seconds=seconds,
        megapixels=before.width * before.height / 1e6,
        withheld=redacted is None,
    )


def _redacted(vision: Vision, data: bytes) -> Redacted | None:
    try:
        return vision.redact(data, MaskOptions())
    except RedactionError:
        return None


def _redact_pixels(vision: Vision, pixels: Pixels) -> Redacted:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return vision.redact(file.getvalue(), MaskOptions())


def _hidden(redacted: Redacted, pixels: Pixels) -> Bools:
    """Tell which of the output's pixels (height, width, 3) are fill, as (height, width)."""
    masked = np.zeros(pixels.shape[:2], np.bool_)
    for mask in redacted.masks:
        _cut(masked, mask.box)[...] = True
    return masked & near_fill(pixels)


def _share(hidden: Bools, box: Box) -> float:
    visible = box.clipped(hidden.shape[1], hidden.shape[0])
    return 1.0 if visible is None else float(_cut(hidden, visible).mean())


def _cut(pixels: NDArray[Any], box: Box) -> NDArray[Any]:
    """Cut a box inside of the picture out of its pixels, at least one pixel wide and high."""
    left, top = int(box.left), int(box.top)
    return pixels[
        top : max(int(np.ceil(box.bottom)), top + 1), left : max(int(np.ceil(box.right)), left + 1)
    ]


def largest_part_without(boxes: Sequence[Box], width: int, height: int) -> Box | None:
    """Give the largest upright rectangle of a picture that touches no box, on a coarse grid.

    None where its shorter side is less than 128 pixels.
    """
    columns, rows = width // _CELL, height // _CELL
    taken = np.zeros((rows, columns), np.bool_)
    for box in boxes:
        inside = box.clipped(width, height)
        if inside is not None:
            taken[
                int(inside.top) // _CELL : int(inside.bottom) // _CELL + 1,
                int(inside.left) // _CELL : int(inside.right) // _CELL + 1,
            ] = True
    best, part = 0, None
    least = _PART_SIDE_MIN // _CELL
    free = np.zeros(columns, np.int64)  # how many cells above this one are free
    for bottom in range(rows):
        free = np.where(taken[bottom], 0, free + 1)
        for tall in sorted({int(each) for each in free if each >= least}):
            left, wide = _longest_run(free >= tall)
            if wide >= least and tall * wide > best:
                best = tall * wide
                top = bottom + 1 - tall
                part = Box(left * _CELL, top * _CELL, wide * _CELL, tall * _CELL)
    return part


def _longest_run(marks: Bools) -> tuple[int, int]:
    """Give start and length of the longest run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], marks, [False]])))
    starts, lengths = edges[::2], edges[1::2] - edges[::2]
    longest = int(np.argmax(lengths))
    return int(starts[longest]), int(lengths[longest])


def judged(
    guesses: Sequence[Face], labelled: Sequence[LabelledFace]
) -> tuple[list[tuple[float, bool]], set[int]]:
    """Tell of each guess its score and whether it is right, and which labelled faces were found.

    Surest first. A labelled face makes one guess right; a guess at a face that does not count is
    left out.
    """
    free = dict(enumerate(labelled))
    judgements = []
    for guess in sorted(guesses, key=lambda face: -face.score):
        shared = {index: guess.box.overlap(face.box) for index, face in free.items()}
        best = max(shared, key=lambda index: shared[index], default=None)
        if best is None or shared[best] < _SAME_FACE:
            judgements.append((guess.score, False))
        elif free[best].counts:
            del free[best]
            judgements.append((guess.score, True))
    return judgements, {index for index, face in enumerate(labelled) if face.counts} - free.keys()


def average_precision(guesses: Sequence[tuple[float, bool]], faces: int) -> float:
    """Give the area under the curve of precision over recall, made monotonous (PASCAL VOC)."""
    if not guesses or not faces:
        return 0.0
    right = np.array([right for _, right in sorted(guesses, key=lambda guess: -guess[0])])
    precision = right.cumsum() / np.arange(1, len(right) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(envelope[right].sum() / faces)


def _by_height(events: Bools, cases: Sequence[Case]) -> dict[int, Rate]:
    heights = np.array([case.height for case in cases])
    return {least: _rate(events, cases, heights >= least) for least in HEIGHTS}


def _by_group(events: Bools, cases: Sequence[Case]) -> dict[str, dict[str, Rate]]:
    found: dict[str, dict[str, Rate]] = {}
    for kind in sorted({kind for case in cases for kind in case.groups}):
        values = np.array([case.groups.get(kind, "") for case in cases])
        found[kind] = {
            str(value): _rate(events, cases, values == value)
            for value in sorted(set(values.tolist()) - {""})
        }
    return found


def _rate(events: Bools, cases: Sequence[Case], chosen: Bools) -> Rate:
    return rate(
        events[chosen], [case.picture for case, one in zip(cases, chosen, strict=True) if one]
    )
