"""Tell where one scene ends and the next begins, from thumbnails of the brightness."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from consentry.vision.video.planes import Planes

_ACROSS: Final = 32  # cells of a thumbnail
_CHANGE: Final = 20.0  # mean difference of cells, of 255, that a cut makes at least
_SURPRISE: Final = 4.0  # times the difference that was usual before
_MEMORY: Final = 0.9


class Cuts:
    """Remembers the last frame and tells whether the next one belongs to another scene.

    A false cut does little harm: tracks reach up to it from both of its sides.
    """

    def __init__(self) -> None:
        self._last: NDArray[np.float32] | None = None
        self._usual = 0.0

    def begins(self, planes: Planes) -> bool:
        """Take the next frame; True when a new scene begins with it."""
        brightness = planes.packed[: planes.height]
        step = max(min(planes.width, planes.height) // _ACROSS, 1)
        cells = brightness[::step, ::step].astype(np.float32)
        last, self._last = self._last, cells
        if last is None:
            return False
        change = float(np.abs(cells - last).mean())
        cut = change > max(_CHANGE, _SURPRISE * self._usual)
        if not cut:
            self._usual = _MEMORY * self._usual + (1 - _MEMORY) * change
        return cut
