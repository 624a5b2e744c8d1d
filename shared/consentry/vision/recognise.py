"""From photographs to templates of whom they are of, the photographs side by side.

That keeps more cores busy than one after the other, each on all of them: decoding, resizing and
warping are done by one thread, and so is much of what a small network does. The embedders of one
photograph run side by side as well, so that no core waits while the larger photograph is finished.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from consentry.vision.detect import Face
from consentry.vision.embed import Embedded
from consentry.vision.geometry import Box
from consentry.vision.picture import Picture
from consentry.vision.subject import claimed
from consentry.vision.workers import in_order


@dataclass(frozen=True)
class Photograph:
    """A picture file, and the box of the face that it is sent for; without one, its subject's.

    ``face`` is in pixels of the upright picture.
    """

    data: bytes
    face: Box | None = None


@dataclass(frozen=True)
class Recognised:
    """The face that a photograph is sent for, with its template, among so many ``faces``."""

    face: Face
    embedded: Embedded
    faces: int


@dataclass(frozen=True)
class Recognition:
    """What it takes to recognise a face: file to picture, to faces, to template."""

    read: Callable[[bytes], Picture]
    find: Callable[[Picture], tuple[Face, ...]]
    embed: Callable[[Picture, Face], Embedded]

    def all(self, photographs: Sequence[Photograph], threads: int) -> tuple[Recognised, ...]:
        """Recognise one face in each photograph, in their order.

        Raises PictureError for what is no picture, FaceNotFoundError where no face is, or none in
        the box.
        """
        return tuple(in_order(self._one, photographs, min(threads, len(photographs))))

    def _one(self, photograph: Photograph) -> Recognised:
        picture = self.read(photograph.data)
        faces = self.find(picture)
        face = faces[claimed(faces, picture.width, picture.height, photograph.face)]
        return Recognised(face, self.embed(picture, face), len(faces))
