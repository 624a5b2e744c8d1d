"""What a picture shows of a face besides the face: its pose, how sharp and lit it is, a mask.

Nothing here tells one person from another, and nothing is inferred about a person. Each figure is
plain arithmetic on pixels with constants that were measured (see ``docs/models.md``).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from consentry.vision.align import ARCFACE, align
from consentry.vision.geometry import Box
from consentry.vision.pose import HeadPose, head_pose
from consentry.vision.upright import UprightFace

Pixels = NDArray[np.uint8]
Doubles = NDArray[np.float64]

_LUMA: Final = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
_FACE: Final = np.s_[20:104, 20:92]  # of the aligned crop: from the brow to below the mouth

_BLUR_WINDOW: Final = 9  # pixels
# The blur effect of aligned faces: as they are, and where a blur of 3.5 pixels leaves no detail.
_BLUR_EFFECT_SHARP: Final = 0.48
_BLUR_EFFECT_LOST: Final = 0.90

_NOISE_GREYS_MAX: Final = 30.0  # standard deviation, of 255 greys, that counts as 1
_NOISE_SIDE_PIXELS_MAX: Final = 512  # of the middle of a large face; more tells nothing more

_DARK: Final = 0.20  # luma, 0 to 1, below which detail is lost, whatever the colour of the skin
_BRIGHT: Final = 0.92  # and above which

# Rows and columns of the aligned crop.
_BROW: Final = (np.s_[34:46, 34:78], np.s_[56:62, 28:84])
_MOUTH: Final = np.s_[82:106, 38:74]
_NOSE: Final = np.s_[64:76, 48:64]
_BLUE: Final = 1  # channels of YCbCr
_RED: Final = 2
_BRIGHTNESS_WEIGHT: Final = 0.15
# Of 427 pictures with 1,272 faces found: 2 % of bare faces are from WORN on, and 6 % of covered
# ones below BARE; between them no answer is given.
_WORN: Final = 12.0
_BARE: Final = 2.0
_NOSE_COVERED: Final = 6.0
_COLOURS_MIN: Final = 3.0  # spread of chroma, in greys, below which a picture has no colours


class MaskWorn(StrEnum):
    """Whether something covers the mouth, in Azure's words."""

    FACE_MASK = "faceMask"
    NO_MASK = "noMask"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True)
class Attributes:
    """Pose in degrees; ``blur``, ``noise`` and ``exposure`` from 0 to 1.

    Blur and noise rise with the defect; exposure is 0.5 where nothing is lost, towards 0 as the
    face drowns in black and towards 1 as it drowns in white.
    """

    pose: HeadPose
    blur: float
    exposure: float
    noise: float
    mask: MaskWorn
    nose_and_mouth_covered: bool


def describe(pixels: Pixels, box: Box, face: UprightFace) -> Attributes:
    """Measure one face of RGB pixels (height, width, 3), as it was seen upright."""
    crop = align(face.pixels, face.landmarks, ARCFACE)
    level = head_pose(face.landmarks)
    luma = crop[_FACE].astype(np.float64) @ _LUMA
    middle = _middle(pixels, box).astype(np.float64)
    mask, covered = _mask(crop)
    return Attributes(
        pose=HeadPose(level.pitch, _half_turn(level.roll + face.degrees), level.yaw),
        blur=_between(_blur_effect(luma), _BLUR_EFFECT_SHARP, _BLUR_EFFECT_LOST),
        exposure=_exposure(luma / 255),
        noise=_between(_noise(middle @ _LUMA), 0, _NOISE_GREYS_MAX),
        mask=mask,
        nose_and_mouth_covered=covered,
    )


def _blur_effect(luma: Doubles) -> float:
    """How little is lost when luma (height, width) is blurred again, 0 to 1; the worse axis.

    F. Crete et al., The blur effect: perception and estimation with a new no-reference perceptual
    blur metric, SPIE 6492 (2007).
    """
    worst = 0.0
    kernel = np.ones(_BLUR_WINDOW) / _BLUR_WINDOW
    for lines in (luma, luma.T):
        blurred = np.stack([np.convolve(line, kernel, "same") for line in lines])
        detail, left = np.abs(np.diff(lines)), np.abs(np.diff(blurred))
        lost = np.maximum(detail - left, 0).sum()
        whole = detail.sum()
        worst = max(worst, 1.0 - float(lost / whole) if whole else 1.0)
    return worst


def _noise(luma: Doubles) -> float:
    """Standard deviation of the noise in luma (height, width), in its own units.

    J. Immerkaer, Fast noise variance estimation, Computer Vision and Image Understanding 64
    (1996): the mean of the difference of two Laplacians, which flat parts and edges hardly move.
    """
    if min(luma.shape) < 3:
        return 0.0
    rows = luma[:-2] - 2 * luma[1:-1] + luma[2:]
    both = rows[:, :-2] - 2 * rows[:, 1:-1] + rows[:, 2:]
    return float(np.sqrt(np.pi / 2) * np.abs(both).mean() / 6)


def _exposure(luma: Doubles) -> float:
    """0.5, less half of the share of pixels lost in black, more half of that lost in white.

    The mean would call dark skin underexposed; what is lost does not depend on the skin alone.
    """
    return 0.5 + float((luma > _BRIGHT).mean() - (luma < _DARK).mean()) / 2


def _mask(crop: Pixels) -> tuple[MaskWorn, bool]:
    """Compare the colour around the mouth with that of the brow: a mask differs, skin does not.

    Says nothing in pictures without colours. Gives also whether the nose is covered as well.
    """
    colours = np.asarray(Image.fromarray(crop).convert("YCbCr")).astype(np.float64)
    if colours[..., 1:].std(axis=(0, 1)).max() < _COLOURS_MIN:
        return MaskWorn.UNCERTAIN, False
    brow = np.median(np.concatenate([colours[part].reshape(-1, 3) for part in _BROW]), axis=0)
    mouth, nose = (
        np.median(colours[part].reshape(-1, 3), axis=0) - brow for part in (_MOUTH, _NOSE)
    )
    differs = mouth[_BLUE] - mouth[_RED] + _BRIGHTNESS_WEIGHT * mouth[0]
    if differs < _WORN:
        return MaskWorn.NO_MASK if differs < _BARE else MaskWorn.UNCERTAIN, False
    return MaskWorn.FACE_MASK, bool(nose[_BLUE] - nose[_RED] >= _NOSE_COVERED)


def _middle(pixels: Pixels, box: Box) -> Pixels:
    """Cut the middle of a face out of the picture, in the picture's own pixels."""
    half_width = min(box.width, _NOISE_SIDE_PIXELS_MAX) / 2
    half_height = min(box.height, _NOISE_SIDE_PIXELS_MAX) / 2
    x, y = box.left + box.width / 2, box.top + box.height / 2
    return pixels[
        max(int(y - half_height), 0) : int(y + half_height) + 1,
        max(int(x - half_width), 0) : int(x + half_width) + 1,
    ]


def _between(value: float, lowest: float, highest: float) -> float:
    return float(np.clip((value - lowest) / (highest - lowest), 0.0, 1.0))


def _half_turn(degrees: float) -> float:
    """Bring an angle into -180 to 180 degrees."""
    return (degrees + 180.0) % 360.0 - 180.0
