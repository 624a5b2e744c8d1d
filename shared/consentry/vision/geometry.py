"""Boxes and points in pictures: pure functions on arrays, no model in sight.

Coordinates are pixels; x grows to the right, y down, and (0, 0) is the picture's top left corner.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle in pixels; it may reach over the picture's border."""

    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """First x beyond the box."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """First y below the box."""
        return self.top + self.height

    @property
    def area(self) -> float:
        """Area in square pixels."""
        return self.width * self.height

    @property
    def corners(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom."""
        return self.left, self.top, self.right, self.bottom

    def enlarged(self, factor: float, margin: float = 0.0) -> Self:
        """Scale about the centre by ``factor``, then add ``margin`` pixels on every side."""
        width, height = self.width * factor + 2 * margin, self.height * factor + 2 * margin
        left = self.left + (self.width - width) / 2
        top = self.top + (self.height - height) / 2
        return type(self)(left, top, width, height)

    def clipped(self, width: int, height: int) -> Self | None:
        """Give the part inside a picture of ``width`` x ``height`` pixels, or None."""
        left, top = max(self.left, 0.0), max(self.top, 0.0)
        right, bottom = min(self.right, float(width)), min(self.bottom, float(height))
        if right <= left or bottom <= top:
            return None
        return type(self)(left, top, right - left, bottom - top)

    def overlap(self, other: "Box") -> float:
        """Intersection over union with another box, 0 to 1."""
        corners = np.array([self.corners, other.corners], np.float32)
        return float(overlaps(corners[0], corners[1:])[0])


def overlaps(one: Floats, many: Floats) -> Floats:
    """Intersection over union of a box (4,) with boxes (n, 4), as (n,) in 0 to 1.

    Boxes are left, top, right, bottom.
    """
    left, top, right, bottom = many.T
    wide = np.minimum(one[2], right) - np.maximum(one[0], left)
    high = np.minimum(one[3], bottom) - np.maximum(one[1], top)
    common = np.maximum(wide, 0) * np.maximum(high, 0)
    union = (one[2] - one[0]) * (one[3] - one[1]) + (right - left) * (bottom - top) - common
    ratios: Floats = common / np.where(union > 0, union, np.inf)
    return ratios


def group(boxes: Floats, scores: Floats, threshold: float) -> Iterator[Indices]:
    """Put boxes (n, 4) that show one thing together: indices, the best first in each group.

    The box with the best score takes all whose intersection over union with it is above
    ``threshold``; then the best of the rest does.
    """
    order = np.argsort(-scores, kind="stable")
    ordered = np.asfortranarray(boxes[order])  # what is compared lies side by side
    free = np.ones(len(order), np.bool_)
    for best in range(len(order)):
        if free[best]:
            alike = free[best:] & (overlaps(ordered[best], ordered[best:]) > threshold)
            alike[0] = True  # a box without an area overlaps with nothing
            free[best:] &= ~alike
            yield order[best:][alike]


def suppress(boxes: Floats, scores: Floats, threshold: float) -> Indices:
    """Greedy non-maximum suppression: indices of the best box (n, 4) of each group, best first."""
    best = [members[0] for members in group(boxes, scores, threshold)]
    return np.array(best, dtype=np.intp)


def turn_back(points: Floats, turns: int, width: int, height: int) -> Floats:
    """Map points (..., 2) in a picture after ``numpy.rot90(picture, turns)`` to the picture before.

    ``turns`` is 0 to 3; ``width`` and ``height`` are those before.
    """
    x, y = points[..., 0], points[..., 1]
    if turns == 1:
        x, y = width - y, x
    elif turns == 2:
        x, y = width - x, height - y
    elif turns == 3:
        x, y = y, height - x
    return np.stack([x, y], axis=-1)


def similarity_transform(source: Floats, target: Floats) -> Floats:
    """Find the rotation, uniform scale and shift that bring points nearest to others.

    ``source`` and ``target`` are (n, 2); gives (2, 3) so that ``target ≈ source @ m[:, :2].T +
    m[:, 2]`` in least squares, and never a mirror image. With points as complex numbers, rotation
    and scale are one factor, and the best is that of linear regression. Raises ValueError when
    all source points are one.
    """
    flat, wanted = (points.astype(np.float64) @ (1, 1j) for points in (source, target))
    centred = flat - flat.mean()
    variance = float((centred.conj() @ centred).real)
    if variance == 0.0:
        raise ValueError("the points of a transform must not all be one")
    factor = centred.conj() @ wanted / variance
    shift = wanted.mean() - factor * flat.mean()
    return np.array(
        [[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]],
        np.float32,
    )
