"""Cut a face out so that its eyes, nose and mouth lie where an embedder expects them."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from consentry.vision.geometry import similarity_transform

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]

CROP_PIXELS: Final = 112
# Where ArcFace's reference alignment puts the five landmarks of a 112 x 112 crop, in pixels
# (Deng et al., ArcFace, CVPR 2019; the same points serve SFace).
TEMPLATE: Final = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ],
    np.float32,
)


def align(pixels: Pixels, landmarks: Floats) -> Pixels:
    """Warp RGB pixels (height, width, 3) so that landmarks (5, 2) fall on the template.

    Gives (112, 112, 3); what lies outside of the picture is black. The picture should not show
    the face at much more than twice the crop's size, since the warp does not smooth.
    """
    back = similarity_transform(TEMPLATE, landmarks)
    warped = Image.fromarray(pixels).transform(
        (CROP_PIXELS, CROP_PIXELS),
        Image.Transform.AFFINE,
        data=tuple(back.ravel().tolist()),
        resample=Image.Resampling.BILINEAR,
    )
    return np.asarray(warped)
