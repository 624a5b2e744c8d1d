"""From one face to its template: steady landmarks, an aligned crop, SFace, unit length."""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from consentry.errors import FaceNotFoundError
from consentry.vision.align import align
from consentry.vision.detect import Face, detect
from consentry.vision.geometry import Box

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Run = Callable[[Floats], Mapping[str, Floats]]
Template = NDArray[np.float32]
"""A face as SFace sees it: (128,), float32, of length 1. A template is personal data."""

TEMPLATE_VALUES: Final = 128
_SURROUNDINGS: Final = 2.2  # side of the square around a face, in longer sides of its box
# Detectors place landmarks a little differently at each size; the mean is steadier. The sizes
# are those at which the square around the face is looked at, in pixels.
_LOOKS: Final = (250, 350, 500)
_REDUCING_GAP: Final = (
    1.0  # large reductions go by whole steps first, which is several times faster
)


def make_template(detector: Run, embedder: Run, pixels: Pixels, face: Face) -> Template:
    """Make the template of one face in RGB pixels (height, width, 3).

    The mean over the crop and its mirror image. Raises FaceNotFoundError when the face's box
    lies outside of the picture.
    """
    square, scale, corner = _look_closer(pixels, face.box)
    landmarks = _steady_landmarks(detector, square, (face.landmarks - corner) * np.float32(scale))
    crop = align(square, landmarks)
    both = np.stack([crop, crop[:, ::-1]]).transpose(0, 3, 1, 2).astype(np.float32)
    (values,) = embedder(both).values()
    mean = (values / np.linalg.norm(values, axis=1, keepdims=True)).mean(axis=0)
    template: Template = (mean / np.linalg.norm(mean)).astype(np.float32)
    template.setflags(write=False)
    return template


def similarity(a: Template, b: Template) -> float:
    """Cosine of two templates, -1 to 1."""
    return float(np.clip(np.dot(a, b), -1.0, 1.0))


def _look_closer(pixels: Pixels, box: Box) -> tuple[Pixels, float, Floats]:
    """Cut a square around a face at the largest look's size; black where the picture ends.

    Gives the square, its scale against the picture, and its corner in the picture.
    """
    side = max(box.width, box.height) * _SURROUNDINGS
    left = box.left + box.width / 2 - side / 2
    top = box.top + box.height / 2 - side / 2
    visible = Box(left, top, side, side).clipped(pixels.shape[1], pixels.shape[0])
    if visible is None or side < 1:
        raise FaceNotFoundError("the face lies outside of the picture")
    scale = _LOOKS[-1] / side
    first_row, first_column = int(visible.top), int(visible.left)
    part = pixels[
        first_row : int(np.ceil(visible.bottom)), first_column : int(np.ceil(visible.right))
    ]
    seen = Image.fromarray(part).resize(
        (max(round(visible.width * scale), 1), max(round(visible.height * scale), 1)),
        Image.Resampling.BILINEAR,
        box=(
            visible.left - first_column,
            visible.top - first_row,
            visible.right - first_column,
            visible.bottom - first_row,
        ),
        reducing_gap=_REDUCING_GAP,
    )
    square = Image.new("RGB", (_LOOKS[-1], _LOOKS[-1]))
    square.paste(seen, (round((visible.left - left) * scale), round((visible.top - top) * scale)))
    return np.asarray(square), scale, np.array([left, top], np.float32)


def _steady_landmarks(detector: Run, square: Pixels, given: Floats) -> Floats:
    """Average a face's landmarks (5, 2) over detections at several sizes and the given ones."""
    centre, reach = given.mean(axis=0), np.ptp(given, axis=0).max() / 2
    looks = [given]
    for size in _LOOKS:
        smaller = Image.fromarray(square).resize(
            (size, size), Image.Resampling.BILINEAR, reducing_gap=_REDUCING_GAP
        )
        factor = np.float32(square.shape[0] / size)
        for face in detect(detector, np.asarray(smaller)):
            points = face.landmarks * factor
            # Another face in the square has its centre elsewhere.
            if np.linalg.norm(points.mean(axis=0) - centre) < reach:
                looks.append(points)
    return np.mean(looks, axis=0, dtype=np.float32)
