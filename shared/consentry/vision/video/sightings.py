"""What was seen of faces, frame by frame, kept as plain numbers.

A crowd has tens of thousands of sightings a minute. As objects they take ten times as much memory
as in rows of numbers, so that is how they are kept and sent; objects are made one frame at a time,
while somebody goes through them.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Final, Self

from pydantic import PlainSerializer, PlainValidator

from consentry.vision.geometry import Box

_TENTHS: Final = 10
_THOUSANDTHS: Final = 1000
_ROW: Final = 7  # numbers of a sighting: frame, four sides, score, and whether it is sure


@dataclass(frozen=True, slots=True)
class Sighting:
    """A face found in a frame: ``box`` in pixels, score 0 to 1, and whether it is surely one."""

    frame: int
    box: Box
    score: float
    sure: bool


def tenths(box: Box) -> Box:
    """Give a box in tenths of a pixel: no detector is finer, and it makes short documents."""
    return Box(*(round(side, 1) for side in (box.left, box.top, box.width, box.height)))


def _integers(value: Iterable[int]) -> array[int]:
    try:
        return array("i", value)
    except (TypeError, OverflowError) as error:
        raise ValueError("these are no whole numbers") from error


Integers = Annotated[
    array[int],
    PlainValidator(_integers),
    PlainSerializer(lambda numbers: numbers.tolist(), when_used="json"),
]


@dataclass
class Sightings:
    """By examined frame, in order, the faces that were found, if any.

    ``frames`` are those that were examined. ``faces`` holds, one after the other, the rows of all
    sightings in the order of their frames: frame, left, top, width and height in tenths of a pixel,
    score in thousandths, and 1 where it is surely a face.
    """

    frames: Integers = field(default_factory=lambda: array("i"))
    faces: Integers = field(default_factory=lambda: array("i"))

    @classmethod
    def of(cls, seen: Iterable[tuple[int, Sequence[Sighting]]]) -> Self:
        """Keep what was seen, in order of the frames."""
        kept = cls()
        for frame, faces in seen:
            kept.add(frame, faces)
        return kept

    def add(self, frame: int, faces: Sequence[Sighting]) -> None:
        """Take what was seen of the next frame."""
        self.frames.append(frame)
        for face in faces:
            box = face.box
            sides = (box.left, box.top, box.width, box.height)
            self.faces.extend(
                (
                    frame,
                    *(round(side * _TENTHS) for side in sides),
                    round(face.score * _THOUSANDTHS),
                    face.sure,
                )
            )

    def extend(self, others: "Sightings", start: int) -> None:
        """Take what was seen of the frames of a piece that begins with the frame ``start``."""
        self.frames.extend(frame + start for frame in others.frames)
        first = len(self.faces)
        self.faces.extend(others.faces)
        for place in range(first, len(self.faces), _ROW):
            self.faces[place] += start

    def __len__(self) -> int:
        """How many frames were examined."""
        return len(self.frames)

    def __iter__(self) -> Iterator[tuple[int, tuple[Sighting, ...]]]:
        """Give the examined frames, each with its faces."""
        return self._from(0, len(self.frames), 0)

    def between(self, first: int, end: int) -> Iterator[tuple[int, tuple[Sighting, ...]]]:
        """Give the examined frames from one on until before another, each with its faces."""
        rows = range(0, len(self.faces), _ROW)
        row = bisect_left(rows, first, key=self.faces.__getitem__)
        begin, stop = bisect_left(self.frames, first), bisect_left(self.frames, end)
        return self._from(begin, stop, row * _ROW)

    def _from(
        self, begin: int, stop: int, place: int
    ) -> Iterator[tuple[int, tuple[Sighting, ...]]]:
        """Give examined frames by their places; ``place`` is where the first one's faces begin."""
        for frame in self.frames[begin:stop]:
            faces = []
            while place < len(self.faces) and self.faces[place] == frame:
                faces.append(_sighting(self.faces[place : place + _ROW]))
                place += _ROW
            yield frame, tuple(faces)


def _sighting(row: Sequence[int]) -> Sighting:
    frame, left, top, width, height, score, sure = row
    box = Box(left / _TENTHS, top / _TENTHS, width / _TENTHS, height / _TENTHS)
    return Sighting(frame, box, score / _THOUSANDTHS, sure == 1)
