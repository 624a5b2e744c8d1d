"""Templates of a data set's pictures, made by several processes; they stay in memory."""

import base64
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from consentry.errors import ArgumentError
from consentry.vision import Embedded, Face, Picture, Template, TemplateProfile, Vision, subject

_CHUNK = 8  # pictures that a process takes at a time


@dataclass(frozen=True)
class Made:
    """What was made of a face, None where there was none, and the processor's seconds it took."""

    embedded: Embedded | None
    seconds: float

    def packed(self) -> tuple[float, float | None, str | None]:
        """Give it as JSON can keep it, bit by bit."""
        if self.embedded is None:
            return self.seconds, None, None
        return self.seconds, self.embedded.strength, packed_template(self.embedded.template)

    @classmethod
    def unpack(cls, packed: tuple[float, float | None, str | None]) -> "Made":
        """Read what ``packed`` gave."""
        seconds, strength, values = packed
        if strength is None or values is None:
            return cls(None, seconds)
        return cls(Embedded(unpacked_template(values), strength), seconds)


def packed_template(template: Template) -> str:
    """Give a template as JSON can keep it, bit by bit."""
    return base64.b64encode(template.astype("<f4").tobytes()).decode()


def unpacked_template(packed: str) -> Template:
    """Read what ``packed_template`` gave."""
    return np.frombuffer(base64.b64decode(packed), "<f4").astype(np.float32)


@dataclass(frozen=True)
class Makers:
    """As many processes as ``jobs``, each with the models of ``layer`` on so many threads."""

    layer: Path
    threads: int
    jobs: int = 1

    def make(
        self, images: Path, pictures: Sequence[str], profile: TemplateProfile
    ) -> Iterator[Made]:
        """Make the template of the face that each picture is of, in order.

        Raises ArgumentError for a missing picture.
        """
        if self.jobs == 1:
            vision = Vision(self.layer, self.threads)
            yield from (_make(vision, images, profile, each) for each in pictures)
            return
        start = (get_context("spawn"), _Worker.start, (self.layer, self.threads))
        with ProcessPoolExecutor(self.jobs, *start) as pool:
            work = partial(_Worker.make, images, profile)
            yield from pool.map(work, pictures, chunksize=_CHUNK)


class _Worker:
    """The models of one process of the pool."""

    vision: Vision

    @classmethod
    def start(cls, layer: Path, threads: int) -> None:
        cls.vision = Vision(layer, threads)

    @classmethod
    def make(cls, images: Path, profile: TemplateProfile, picture: str) -> Made:
        return _make(cls.vision, images, profile, picture)


def shown(vision: Vision, path: Path) -> tuple[Picture, Face | None]:
    """Read a picture, and find the face that it is of; ArgumentError where it is not there."""
    try:
        picture = vision.read(path.read_bytes())
    except OSError:
        raise ArgumentError("a picture of the list is not in the folder") from None
    faces = vision.detect(picture)
    if not faces:
        return picture, None
    return picture, faces[subject(faces, picture.width, picture.height)]


def _make(vision: Vision, images: Path, profile: TemplateProfile, name: str) -> Made:
    begun = time.process_time()
    picture, face = shown(vision, images / name)
    embedded = None if face is None else vision.embed(picture, face, profile)
    return Made(embedded, time.process_time() - begun)
