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

from consentry.errors import FaceNotFoundError
from consentry.vision.align import ARCFACE, DLIB, align
from consentry.vision.cohort import shipped_cohort
from consentry.vision.detect import Face
from consentry.vision.stages import stage
from consentry.vision.upright import look_upright
from consentry.vision.workers import in_order

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Run = Callable[[Floats], Mapping[str, Floats]]
Template = NDArray[np.float32]
"""A face as both embedders see it: (256,), float32, of length 1. A template is personal data."""

TEMPLATE_VALUES: Final = 256
_PIPELINE: Final = "sface+dlib 3"  # changes with everything here that changes a template


class TemplateProfile(StrEnum):
    """How much work a template is worth.

    FAST takes the landmarks as the detector gave them, and one crop for each embedder. ACCURATE
    looks at the face again, closer and upright, and embeds the mirror image as well.
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


_LEVEL_DEGREES: Final = 5.0  # a face that leans by less is not turned to look at it again


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
    if face.box.clipped(pixels.shape[1], pixels.shape[0]) is None:
        raise FaceNotFoundError("the face lies outside of the picture")
    landmarks = face.landmarks
    if profile is TemplateProfile.ACCURATE:
        landmarks = _steady_landmarks(networks.detector, pixels, face)
    with stage("align"):
        crops = [align(pixels, landmarks, alignment) for alignment in (ARCFACE, DLIB)]
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


def _steady_landmarks(detector: Run, pixels: Pixels, face: Face) -> Floats:
    """Look at a face again, closer; give its landmarks (5, 2) in pixels of the picture.

    A detector errs differently at each size, so that the mean of both looks errs less than either.
    A face that leans is turned until it is level; what the first look said of it does not count,
    since the detector draws the landmarks of a leaning face towards those of an upright one.
    """
    seen = look_upright(detector, pixels, face, _LEVEL_DEGREES)
    landmarks = seen.in_picture()
    if seen.degrees:
        return landmarks
    return np.mean([face.landmarks, landmarks], axis=0, dtype=np.float32)
