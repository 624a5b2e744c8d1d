"""Lay masks over frames, plane by plane, without ever turning them into RGB."""

from collections.abc import Iterable

from consentry.vision.mask import cover
from consentry.vision.residual import Cover
from consentry.vision.video.planes import Planes, scaled


def painted(planes: Planes, covers: Iterable[Cover]) -> Planes:
    """Give a frame's pixels with masks over found boxes; the frame itself where there is none."""
    covers = list(covers)
    if not covers:
        return planes
    masked = planes.copy()
    for part, scale, black in masked.parts():
        for box, options in covers:
            cover(part, scaled(box, scale), options, black)
    return masked
