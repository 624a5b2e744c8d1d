"""A blob as a file: read from anywhere, a range at a time, whatever its size."""

import io
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from consentry.limits import MEBIBYTE

RANGE_BYTES: Final = 4 * MEBIBYTE  # of one request
_RANGES_KEPT: Final = 3  # pictures and sound of a video are read side by side


class BlobFile(io.RawIOBase):
    """A file over ``fetch``, which gives the bytes from an offset on, at most so many."""

    def __init__(self, size: int, fetch: Callable[[int, int], bytes]) -> None:
        super().__init__()
        self._size = size
        self._fetch = fetch
        self._position = 0
        self._ranges: OrderedDict[int, bytes] = OrderedDict()

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def seekable(self) -> bool:
        """Tell that it can be read from anywhere."""
        return True

    def tell(self) -> int:
        """Where the next byte is read."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go somewhere else; beyond the end nothing is read."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(start + offset, 0)
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # typeshed names the buffer protocol, which has no length
        """Read what one range holds, at most; 0 at the end."""
        if self._position >= self._size:
            return 0
        number, inside = divmod(self._position, RANGE_BYTES)
        part = self._range(number)[inside : inside + len(buffer)]
        buffer[: len(part)] = part
        self._position += len(part)
        return len(part)

    def _range(self, number: int) -> bytes:
        if number not in self._ranges:
            start = number * RANGE_BYTES
            self._ranges[number] = self._fetch(start, min(RANGE_BYTES, self._size - start))
            if len(self._ranges) > _RANGES_KEPT:
                self._ranges.popitem(last=False)
        self._ranges.move_to_end(number)
        return self._ranges[number]
