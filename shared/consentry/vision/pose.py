"""Where a head points, from five landmarks."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# The landmarks of a head that looks straight ahead: x to the picture's right, y down, z away
# from the camera, in distances between the eyes. x and y are near those of ArcFace's reference
# alignment (see ``align``), the nose so low that people in photographs look straight ahead on
# average; how far nose and mouth stand out is of the order of anthropometric tables.
HEAD: Final = np.array(
    [
        [-0.50, -0.58, 0.00],
        [0.50, -0.58, 0.00],
        [0.00, 0.07, -0.45],
        [-0.41, 0.58, -0.10],
        [0.41, 0.58, -0.10],
    ]
)


@dataclass(frozen=True)
class HeadPose:
    """Turns of a head in degrees, each 0 for a face that looks straight into the camera.

    ``yaw`` is positive for a face that looks to the picture's right, ``pitch`` for one that looks
    up, ``roll`` for one that leans clockwise in the picture.
    """

    pitch: float
    roll: float
    yaw: float


def lean(landmarks: Floats) -> float:
    """Lean of landmarks (5, 2) in degrees, clockwise: that of the lines of eyes and mouth."""
    left_eye, right_eye, _, left_corner, right_corner = landmarks.astype(np.float64)
    line = right_eye - left_eye + right_corner - left_corner
    return float(np.degrees(np.arctan2(line[1], line[0])))


def head_pose(landmarks: Floats) -> HeadPose:
    """Estimate the pose from landmarks (5, 2) in pixels, in the order of ``Face``.

    Yaw and pitch are those of the scaled orthographic projection that fits best in least squares,
    made a rotation by its polar decomposition: no perspective, and one typical face for all. They
    want a level face (see ``upright``).
    """
    points = (landmarks - landmarks.mean(axis=0)).astype(np.float64)
    head = HEAD - HEAD.mean(axis=0)
    projection = np.linalg.lstsq(head, points, rcond=None)[0].T
    left, _, right = np.linalg.svd(projection, full_matrices=False)
    across, down = left @ right  # the camera's axes as the head sees them
    away = np.cross(across, down)
    # The nose points against the head's z, so its direction is minus the third column.
    towards = -np.array([across[2], down[2], away[2]])
    return HeadPose(
        pitch=float(np.degrees(np.arcsin(np.clip(-towards[1], -1.0, 1.0)))),
        roll=lean(landmarks),
        yaw=float(np.degrees(np.arctan2(towards[0], -towards[2]))),
    )
