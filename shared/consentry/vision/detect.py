"""Find faces with YuNet: at several scales, by tiles, in pixels of the upright picture.

YuNet was trained on faces of about 10 to 300 pixels (OpenCV's documentation of FaceDetectorYN),
so one pass cannot see both a crowd and a portrait. Each profile therefore runs it on a pyramid.
Whatever the picture's size, one run of the model sees one tile, so memory is bounded.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from consentry.errors import PictureSizeError
from consentry.limits import REDACT_FACES_MAX
from consentry.vision.geometry import Box, suppress, turn_back

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Run = Callable[[Floats], Mapping[str, Floats]]

STRIDES: Final = (8, 16, 32)
_SAME_FACE: Final = 0.4  # intersection over union from which two boxes show one face
_TILE_PIXELS: Final = 1280
_TILE_OVERLAP: Final = 192  # a face larger than this is found whole at a smaller scale
_SMALLEST_SIDE: Final = 320  # of the last picture of a pyramid, in pixels
_FAST_SIDE: Final = 1280
# Twice the size finds 1 % more of all faces and takes 1.6 times as long.
_ENLARGEMENT: Final = 1.5
_ENLARGED_PIXELS_MAX: Final = 4_000_000  # larger pictures are not enlarged for small faces
# What a larger scale finds above these sizes, in its own pixels, a smaller scale sees better.
_ENLARGED_FACE_PIXELS_MAX: Final = 96
_FACE_PIXELS_MAX: Final = 320
# The model is surer of a large face than of a small one: of its guesses above this height, in
# pixels of the scale, and below this score, nine of ten are no face.
_LARGE_FACE_PIXELS: Final = 40
_LARGE_FACE_THRESHOLD: Final = 0.45
_TURNED_SIDE: Final = 640  # longer side of the picture that is looked at lying, in pixels
_TURNED_THRESHOLD: Final = 0.6  # few faces are not upright, and many folds and limbs look so


class Profile(StrEnum):
    """How hard to look.

    FAST finds the faces that can be verified; RECALL also small, large, faint and lying ones, for
    what it misses stays visible. CHECK looks at what RECALL has covered: it doubts more, and does
    not enlarge the picture.
    """

    FAST = "fast"
    RECALL = "recall"
    CHECK = "check"


THRESHOLDS: Final = {Profile.FAST: 0.6, Profile.RECALL: 0.25, Profile.CHECK: 0.2}


@dataclass(frozen=True)
class Face:
    """A face: its box and landmarks in pixels of the upright picture, and a score, 0 to 1.

    ``landmarks`` (5, 2) are, by the picture's left and right: left eye, right eye, tip of the
    nose, left and right corner of the mouth.
    """

    box: Box
    landmarks: Floats
    score: float


def detect(run: Run, pixels: Pixels, profile: Profile) -> tuple[Face, ...]:
    """Find the faces in RGB pixels (height, width, 3), largest first.

    Raises PictureSizeError when there are more faces than REDACT_FACES_MAX.
    """
    least = THRESHOLDS[profile]
    image = Image.fromarray(pixels)
    rows = _detect_upright(run, image, pyramid(profile, *image.size), least)
    if profile is not Profile.FAST:
        rows = np.concatenate([rows, *_detect_turned(run, image)])
    rows = rows[suppress(rows[:, :4], rows[:, 14], _SAME_FACE)]
    if len(rows) > REDACT_FACES_MAX:
        raise PictureSizeError("the picture has too many faces")
    faces = (_face(row) for row in rows)
    return tuple(sorted(faces, key=lambda face: -face.box.area))


def candidates(run: Run, pixels: Pixels, least: float) -> tuple[Face, ...]:
    """Find all that may be a face in RGB pixels (height, width, 3), at their own scale only.

    For frames of a video, where what comes before and after tells faces from other things.
    """
    image = Image.fromarray(pixels)
    found = [_detect_tile(run, image, tile, 1.0, least) for tile in tiles(*image.size, 1.0)]
    rows = np.concatenate(found)
    return tuple(_face(row) for row in rows[suppress(rows[:, :4], rows[:, 14], _SAME_FACE)])


def _detect_upright(
    run: Run, image: Image.Image, scales: tuple[float, ...], least: float
) -> Floats:
    """Run the model on a pyramid of the picture; rows as ``decode`` gives them."""
    found = []
    for scale in scales:
        largest = _largest_face(scale, is_last=scale == scales[-1])
        for tile in tiles(*image.size, scale):
            rows = _detect_tile(run, image, tile, scale, least)
            heights = (rows[:, 3] - rows[:, 1]) * scale
            sure = (heights <= _LARGE_FACE_PIXELS) | (rows[:, 14] >= _LARGE_FACE_THRESHOLD)
            found.append(rows[sure & (heights <= largest)])
    return np.concatenate(found)


def _detect_turned(run: Run, image: Image.Image) -> Iterator[Floats]:
    """Look at the picture lying on each side and standing on its head.

    Pictures lose their orientation mark, and people lie down; the model knows upright faces only.
    Nearly all faces stand upright, so this look is a small one.
    """
    width, height = image.size
    scale = min(1.0, _TURNED_SIDE / max(width, height))
    small = _resized(image, Box(0, 0, width, height), scale)
    for turns in (1, 2, 3):
        turned = Image.fromarray(np.rot90(np.asarray(small), turns))
        rows = _detect_upright(run, turned, (1.0,), _TURNED_THRESHOLD)
        points = turn_back(rows[:, :14].reshape(-1, 7, 2), turns, *small.size)
        points *= np.array([width / small.width, height / small.height], np.float32)
        corners = points[:, :2]
        yield np.column_stack(
            [corners.min(axis=1), corners.max(axis=1), points[:, 2:].reshape(-1, 10), rows[:, 14]]
        )


def pyramid(profile: Profile, width: int, height: int) -> tuple[float, ...]:
    """Give the scales at which a profile looks at a picture, largest first."""
    longest = max(width, height)
    if profile is Profile.FAST:
        scale = min(1.0, _FAST_SIDE / longest)
        small = _SMALLEST_SIDE / longest
        return (scale, small) if small < scale / 2 else (scale,)
    enlarged = profile is Profile.RECALL and width * height <= _ENLARGED_PIXELS_MAX
    scales = [_ENLARGEMENT, 1.0] if enlarged else [1.0]
    while longest * scales[-1] > 2 * _SMALLEST_SIDE:
        scales.append(scales[-1] / 2)
    return tuple(scales)


def _largest_face(scale: float, *, is_last: bool) -> float:
    """Height, in pixels of the scale, up to which a scale is trusted with a face."""
    if is_last:
        return np.inf
    return _ENLARGED_FACE_PIXELS_MAX if scale > 1.0 else _FACE_PIXELS_MAX


def tiles(width: int, height: int, scale: float) -> Iterator[Box]:
    """Cover a picture by overlapping boxes that are at most a tile when scaled."""
    for top, tall in _spans(height, scale):
        for left, wide in _spans(width, scale):
            yield Box(left, top, wide, tall)


def _spans(length: int, scale: float) -> Iterator[tuple[int, int]]:
    tile = int(_TILE_PIXELS / scale)
    step = int((_TILE_PIXELS - _TILE_OVERLAP) / scale)
    start = 0
    while start + tile < length:
        yield start, tile
        start += step
    yield start, length - start


def _detect_tile(run: Run, image: Image.Image, tile: Box, scale: float, least: float) -> Floats:
    """Run the model on one tile; rows as ``decode`` gives them, in pixels of the picture."""
    part = _resized(image, tile, scale)
    batch = _batch(np.asarray(part))
    rows = decode(run(batch), batch.shape[3], least)
    rows = rows[suppress(rows[:, :4], rows[:, 14], _SAME_FACE)]
    rows[:, 0:14:2] = rows[:, 0:14:2] * (tile.width / part.width) + tile.left
    rows[:, 1:14:2] = rows[:, 1:14:2] * (tile.height / part.height) + tile.top
    return rows


def _resized(image: Image.Image, tile: Box, scale: float) -> Image.Image:
    """Cut a tile out of the picture and scale it; large reductions go by whole steps first."""
    size = (max(round(tile.width * scale), 1), max(round(tile.height * scale), 1))
    corners = (tile.left, tile.top, tile.right, tile.bottom)
    return image.resize(size, Image.Resampling.BILINEAR, corners, reducing_gap=1.0)


def _batch(pixels: Pixels) -> Floats:
    """Make YuNet's input: BGR, 0 to 255, (1, 3, height, width), padded below and to the right."""
    coarsest = STRIDES[-1]
    height, width = pixels.shape[:2]
    padded = (-(-height // coarsest) * coarsest, -(-width // coarsest) * coarsest)
    batch = np.zeros((1, 3, *padded), np.float32)
    batch[0, :, :height, :width] = pixels[:, :, ::-1].transpose(2, 0, 1)
    return batch


def decode(outputs: Mapping[str, Floats], width: int, threshold: float) -> Floats:
    """Turn YuNet's outputs into rows (n, 15): left, top, right, bottom, five points x, y, score.

    ``width`` is that of the padded input. Each stride has one anchor per cell, row by row; the
    score is sqrt(class * objectness), a box is its centre's offset from the cell and the
    logarithm of its size, and all are in units of the stride. (OpenCV, face_detect.cpp)
    """
    rows = []
    for stride in STRIDES:
        scores = np.sqrt(outputs[f"cls_{stride}"][0, :, 0] * outputs[f"obj_{stride}"][0, :, 0])
        cells = np.flatnonzero(scores >= threshold)
        corner = np.stack([cells % (width // stride), cells // (width // stride)], axis=1)
        boxes = outputs[f"bbox_{stride}"][0, cells]
        centre = (corner + boxes[:, :2]) * stride
        half = np.exp(boxes[:, 2:]) * (stride / 2)
        points = (outputs[f"kps_{stride}"][0, cells].reshape(-1, 5, 2) + corner[:, None]) * stride
        rows.append(
            np.column_stack([centre - half, centre + half, points.reshape(-1, 10), scores[cells]])
        )
    return np.concatenate(rows).astype(np.float32)


def _face(row: Floats) -> Face:
    left, top, right, bottom = (float(value) for value in row[:4])
    landmarks = row[4:14].reshape(5, 2).copy()
    landmarks.setflags(write=False)
    return Face(Box(left, top, right - left, bottom - top), landmarks, float(row[14]))
