"""Watch a video through thumbnails: where scenes begin, and how the camera moves within them."""

import base64
from dataclasses import dataclass
from typing import Annotated, Final

import numpy as np
from pydantic import PlainSerializer, PlainValidator

from consentry.vision.video.motion import STILL, Blocks, Move, Thumbnail, thumbnail
from consentry.vision.video.planes import Planes

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
    """What a piece shows first and last, as thumbnails, and how much its frames usually differ.

    ``across`` is a thumbnail's width, ``scale`` by how much it is smaller than a frame.
    """

    first: Cells
    last: Cells
    across: int
    scale: int
    usual: float

    def to(self, other: "View") -> tuple[bool, Move]:
        """Tell whether the piece after this one begins a scene, and how the camera has moved."""
        last, first = (
            np.frombuffer(cells, np.uint8).reshape(-1, self.across)
            for cells in (self.last, other.first)
        )
        move = Blocks(first).move_since(Blocks(last))
        begins = move is None and _is_cut(_apart(last, first), self.usual)
        return begins, _in_pixels(move, self.scale)


class Watch:
    """Remembers the last frame and tells how the next one follows it.

    A scene begins where much has changed and the camera's move does not say why. A false cut does
    little harm: tracks reach up to it from both of its sides.
    """

    def __init__(self) -> None:
        self._first: Thumbnail | None = None
        self._last: tuple[Thumbnail, Blocks] | None = None
        self._scale = 1
        self._usual = 0.0

    def next(self, planes: Planes) -> tuple[bool, Move]:
        """Take the next frame; tell whether a scene begins with it, and how the camera moved."""
        cells, self._scale = thumbnail(planes)
        blocks = Blocks(cells)
        last, self._last = self._last, (cells, blocks)
        if last is None:
            self._first = cells
            return False, STILL
        change = _apart(last[0], cells)
        move = blocks.move_since(last[1])
        begins = move is None and _is_cut(change, self._usual)
        if not begins:
            self._usual = _MEMORY * self._usual + (1 - _MEMORY) * change
        return begins, _in_pixels(move, self._scale)

    @property
    def view(self) -> View | None:
        """What was seen, for whoever looks at the piece before or after; None of no frame."""
        if self._first is None or self._last is None:
            return None
        across, last = self._first.shape[1], self._last[0]
        return View(self._first.tobytes(), last.tobytes(), across, self._scale, self._usual)


def _apart(one: Thumbnail, other: Thumbnail) -> float:
    """Mean difference of two thumbnails of one size, 0 to 255."""
    return float(np.abs(one.astype(np.int16) - other).mean())


def _is_cut(change: float, usual: float) -> bool:
    return change > max(_CHANGE, _SURPRISE * usual)


def _in_pixels(move: Move | None, scale: int) -> Move:
    zoom, right, down = move or STILL
    return round(zoom, 5), round(right * scale, 2), round(down * scale, 2)
