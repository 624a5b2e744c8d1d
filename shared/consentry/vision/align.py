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


def align(pixels: Pixels, landmarks: Floats, alignment: Alignment) -> Pixels:
    """Warp RGB pixels (height, width, 3) so that landmarks (5, 2) fall on the alignment's points.

    Gives (side, side, 3); what lies outside of the picture is black. The picture should not show
    the face at much more than twice the crop's size, since the warp does not smooth.
    """
    back = similarity_transform(alignment.points, landmarks)
    warped = Image.fromarray(pixels).transform(
        (alignment.side, alignment.side),
        Image.Transform.AFFINE,
        data=tuple(back.ravel().tolist()),
        resample=Image.Resampling.BILINEAR,
    )
    return np.asarray(warped)
