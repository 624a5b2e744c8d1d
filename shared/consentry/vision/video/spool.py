"""Keep encoded parts in a scratch file until all are proven, instead of in memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from consentry.vision.video.encode import Part


@dataclass(frozen=True)
class _Place:
    part: Part  # without its bytes
    offset: int
    size: int


class Spool:
    """Parts by their first frames; a part that is put again takes the place of the old one."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._places: dict[int, _Place] = {}

    def put(self, part: Part) -> None:
        """Keep a part."""
        offset = self._file.seek(0, 2)
        self._file.write(part.data)
        bare = Part(part.first, part.frames, part.ticks, b"")
        self._places[part.first] = _Place(bare, offset, len(part.data))

    def parts(self) -> Iterator[Part]:
        """Give all parts in order."""
        for first in sorted(self._places):
            place = self._places[first]
            self._file.seek(place.offset)
            bare = place.part
            yield Part(bare.first, bare.frames, bare.ticks, self._file.read(place.size))
