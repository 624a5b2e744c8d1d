"""From one face to its template: steady landmarks, aligned crops, two embedders, unit length.

The two networks were trained by other people on other pictures with other losses, so they err on
other faces: a pair that one takes for another is often clear to the other. A template holds what
both say, so that the product of two templates is the mean of both cosines.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from consentry.errors import FaceNotFoundError
from consentry.vision.align import ARCFACE, DLIB, align
from consentry.vision.cohort import shipped_cohort
from consentry.vision.detect import THRESHOLDS, Face, Profile, candidates
from consentry.vision.geometry import Box
from consentry.vision.stages import stage
from consentry.vision.workers import in_order

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Run = Callable[[Floats], Mapping[str, Floats]]
Template = NDArray[np.float32]
"""A face as both embedders see it: (256,), float32, of length 1. A template is personal data."""

TEMPLATE_VALUES: Final = 256
_PIPELINE: Final = "sface+dlib 2"  # changes with everything here that changes a template


class TemplateProfile(StrEnum):
    """How much work a template is worth.

    FAST takes the landmarks as the detector gave them, and one crop for each embedder. ACCURATE
    looks at the face again, closer, averages the landmarks, and embeds the mirror image as well.
    Templates of one profile are not compared with those of the other.
    """

    FAST = "fast"
    ACCURATE = "accurate"


@dataclass(frozen=True)
class Embedded:
    """A face's template, and its ``strength``: the length of the first embedder's raw output.

    The network was not taught to say how sure it is, but answers weakly where it recognises badly
    (see ``consentry.vision.quality``).
    """

    template: Template
    strength: float


@dataclass(frozen=True)
class Networks:
    """The models that make a template, with so many runs at a time, each on one core."""

    detector: Run
    embedder: Run
    second_embedder: Run
    at_a_time: int = 1


_SURROUNDINGS: Final = 2.2  # side of the square around a face, in longer sides of its box
_CLOSE: Final = 500  # pixels to which that square is brought
_REDUCING_GAP: Final = 1.0  # large reductions go by whole steps first: several times faster


def make_template(
    networks: Networks, pixels: Pixels, face: Face, profile: TemplateProfile
) -> Embedded:
    """Make the template of one face in RGB pixels (height, width, 3).

    Raises FaceNotFoundError when the face's box lies outside of the picture.
    """
    first, second, strength = embeddings(networks, pixels, face, profile)
    template = _joined(_unit(first - shipped_cohort().mean), second)
    template.setflags(write=False)
    return Embedded(template, strength)


def embeddings(
    networks: Networks, pixels: Pixels, face: Face, profile: TemplateProfile
) -> tuple[Floats, Floats, float]:
    """Give what each embedder says of a face, (128,) of length 1, and the first one's strength."""
    square, scale, corner = _look_closer(pixels, face.box)
    landmarks = (face.landmarks - corner) * np.float32(scale)
    if profile is TemplateProfile.ACCURATE:
        landmarks = _steady_landmarks(networks.detector, square, landmarks)
    with stage("align"):
        crops = [align(square, landmarks, alignment) for alignment in (ARCFACE, DLIB)]
    runs = [(networks.embedder, crops[0]), (networks.second_embedder, crops[1])]
    if profile is TemplateProfile.ACCURATE:
        runs += [(run, crop[:, ::-1]) for run, crop in runs]
    said = list(in_order(lambda each: _embed(*each), runs, networks.at_a_time))
    first, second = np.stack(said[::2]), np.stack(said[1::2])
    strength = float(np.linalg.norm(first, axis=1).mean())
    return _unit(first.mean(axis=0)), _unit(second.mean(axis=0)), strength


def version(profile: TemplateProfile, digests: Sequence[str]) -> str:
    """Name what makes templates, by SHA-256 in hex: models, cohort, profile, and their use."""
    named = "\n".join([_PIPELINE, profile.value, *digests]).encode()
    return hashlib.sha256(named + shipped_cohort().mean.tobytes()).hexdigest()


def similarity(a: Template, b: Template) -> float:
    """Mean of both embedders' cosines of two templates, -1 to 1."""
    return float(np.clip(np.dot(a, b), -1.0, 1.0))


def _joined(first: Floats, second: Floats) -> Template:
    """Put two vectors of length 1 together so that products are the means of both.

    Shares from a third to two thirds err alike, so that there is none to choose.
    """
    return _unit(np.concatenate([first, second]))


def _embed(run: Run, crop: Pixels) -> Floats:
    """Give what a network says of a crop (side, side, 3), as it says it."""
    with stage("prepare"):
        batch = np.ascontiguousarray(crop.transpose(2, 0, 1)[None], np.float32)
    (values,) = run(batch).values()
    return np.asarray(values[0])


def _unit(values: Floats) -> Floats:
    scaled: Floats = values / np.linalg.norm(values)
    return scaled


def _look_closer(pixels: Pixels, box: Box) -> tuple[Pixels, float, Floats]:
    """Cut a square around a face and bring it to size; black where the picture ends.

    Gives the square, its scale against the picture, and its corner in the picture.
    """
    side = max(box.width, box.height) * _SURROUNDINGS
    left = box.left + box.width / 2 - side / 2
    top = box.top + box.height / 2 - side / 2
    visible = Box(left, top, side, side).clipped(pixels.shape[1], pixels.shape[0])
    if visible is None or side < 1:
        raise FaceNotFoundError("the face lies outside of the picture")
    scale = _CLOSE / side
    first_row, first_column = int(visible.top), int(visible.left)
    part = pixels[
        first_row : int(np.ceil(visible.bottom)), first_column : int(np.ceil(visible.right))
    ]
    with stage("resize"):
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
    square = Image.new("RGB", (_CLOSE, _CLOSE))
    square.paste(seen, (round((visible.left - left) * scale), round((visible.top - top) * scale)))
    return np.asarray(square), scale, np.array([left, top], np.float32)


def _steady_landmarks(detector: Run, square: Pixels, given: Floats) -> Floats:
    """Average a face's landmarks (5, 2) in a square around it: as given, and as a closer look says.

    A detector errs differently at each size, so that the mean errs less. More looks gain nothing.
    """
    centre, reach = given.mean(axis=0), np.ptp(given, axis=0).max() / 2
    seen = [face.landmarks for face in candidates(detector, square, THRESHOLDS[Profile.FAST])]
    # Another face in the square has its centre elsewhere.
    same = [points for points in seen if np.linalg.norm(points.mean(axis=0) - centre) < reach]
    return np.mean([given, *same], axis=0, dtype=np.float32)
