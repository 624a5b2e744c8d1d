"""Cut a face out so that its eyes, nose and mouth lie where an embedder expects them."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from consentry.vision.geometry import similarity_transform

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Alignment:
    """Where the five landmarks (5, 2) lie in a square crop whose sides have ``side`` pixels."""

    points: Floats
    side: int


# ArcFace's reference alignment. (Deng et al., ArcFace, CVPR 2019; the same points serve SFace)
ARCFACE: Final = Alignment(
    np.array(
        [
            [38.2946, 51.6963],
            [73.5318, 51.5014],
            [56.0252, 71.7366],
            [41.5493, 92.3655],
            [70.7299, 92.2041],
        ],
        np.float32,
    ),
    112,
)
# dlib's mean face with a quarter of padding: of its 68 points, the means of those around each eye,
# the tip of the nose and the corners of the mouth. (dlib/image_transforms/interpolation.h)
DLIB: Final = Alignment(
    np.array(
        [
            [47.5492, 46.5990],
            [100.4761, 46.5990],
            [74.0127, 76.5625],
            [50.4149, 103.0233],
            [97.6104, 103.0233],
        ],
        np.float32,
    ),
    150,
)


_MARGIN: Final = 2  # pixels around the part of a picture that a warp blends at its border


def align(pixels: Pixels, landmarks: Floats, alignment: Alignment) -> Pixels:
    """Warp RGB pixels (height, width, 3) so that landmarks (5, 2) fall on the alignment's points.

    Gives (side, side, 3); what lies outside of the picture is black. The warp takes the picture's
    own pixels: every resampling on the way to them would blur the face. Where they are smaller
    than half of the crop's, they are averaged by whole steps first, since the warp does not smooth.
    """
    back = similarity_transform(alignment.points, landmarks)
    left, top, right, bottom = _region(back, alignment.side, pixels.shape[1], pixels.shape[0])
    part = Image.fromarray(np.ascontiguousarray(pixels[top:bottom, left:right]))
    steps = max(int(np.hypot(back[0, 0], back[1, 0])), 1)
    back[:, 2] -= (left, top)
    warped = part.reduce(steps).transform(
        (alignment.side, alignment.side),
        Image.Transform.AFFINE,
        data=tuple((back / steps).ravel().tolist()),
        resample=Image.Resampling.BILINEAR,
    )
    return np.asarray(warped)


def _region(back: Floats, side: int, width: int, height: int) -> tuple[int, int, int, int]:
    """Give the part of a picture that a crop shows, of one pixel or more: left, top, right, bottom.

    ``back`` (2, 3) maps the crop to the picture.
    """
    corners = np.array([[0, 0, 1], [side, 0, 1], [0, side, 1], [side, side, 1]]) @ back.T
    first = np.floor(corners.min(axis=0)).astype(int) - _MARGIN
    end = np.ceil(corners.max(axis=0)).astype(int) + _MARGIN
    left, top = (int(each) for each in np.clip(first, 0, (width - 1, height - 1)))
    right, bottom = (int(each) for each in np.clip(end, (left + 1, top + 1), (width, height)))
    return left, top, right, bottom
