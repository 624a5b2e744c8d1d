"""Tell where one scene ends and the next begins, from thumbnails of the brightness."""

import base64
from dataclasses import dataclass
from typing import Annotated, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import PlainSerializer, PlainValidator

from consentry.vision.video.planes import Planes

_ACROSS: Final = 32  # cells of a thumbnail
_CHANGE: Final = 20.0  # mean difference of cells, of 255, that a cut makes at least
_SURPRISE: Final = 4.0  # times the difference that was usual before
_MEMORY: Final = 0.9


def _cells(value: bytes | str) -> bytes:
    return value if isinstance(value, bytes) else base64.b64decode(value, validate=True)


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


Cells = Annotated[bytes, PlainValidator(_cells), PlainSerializer(_text, when_used="json")]


@dataclass(frozen=True, repr=False)
class View:
    """What a piece shows first and last, and how much its frames usually differ."""

    first: Cells = b""
    last: Cells = b""
    usual: float = 0.0

    def leads_to(self, other: "View") -> bool:
        """Tell whether the piece after this one goes on with the same scene."""
        return not _is_cut(_apart(self.last, other.first), self.usual)


class Cuts:
    """Remembers the last frame and tells whether the next one belongs to another scene.

    A false cut does little harm: tracks reach up to it from both of its sides.
    """

    def __init__(self) -> None:
        self._first = self._last = b""
        self._usual = 0.0

    def begins(self, planes: Planes) -> bool:
        """Take the next frame; True when a new scene begins with it."""
        brightness = planes.packed[: planes.height]
        step = max(min(planes.width, planes.height) // _ACROSS, 1)
        last, self._last = self._last, brightness[::step, ::step].tobytes()
        if not last:
            self._first = self._last
            return False
        change = _apart(last, self._last)
        cut = _is_cut(change, self._usual)
        if not cut:
            self._usual = _MEMORY * self._usual + (1 - _MEMORY) * change
        return cut

    @property
    def view(self) -> View:
        """What was seen so far, for whoever looks at the piece before or after."""
        return View(self._first, self._last, self._usual)


def _apart(one: bytes, other: bytes) -> float:
    """Mean difference of two thumbnails of one size, 0 to 255."""
    cells: list[NDArray[np.int16]] = [
        np.frombuffer(view, np.uint8).astype(np.int16) for view in (one, other)
    ]
    return float(np.abs(cells[0] - cells[1]).mean())


def _is_cut(change: float, usual: float) -> bool:
    return change > max(_CHANGE, _SURPRISE * usual)
