"""The mean of many people's faces, for ``consentry.vision.cohort``; nobody's own is kept."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from consentry.errors import ArgumentError
from consentry.evaluate.labels import person_of
from consentry.evaluate.templates import shown
from consentry.evaluate.track import Track
from consentry.vision import Role, Vision
from consentry.vision.cohort import Cohort

Floats = NDArray[np.float32]

COHORT_PEOPLE: Final = 500  # enough for a steady mean


def measure_cohort(
    vision: Vision, images: Path, pictures: Sequence[str], data: str, track: Track
) -> Cohort:
    """Average the first embedder over the first picture of each person, of at most COHORT_PEOPLE.

    Raises ArgumentError for a missing picture, or where no picture shows a face.
    """
    of_person: dict[str, str] = {}
    for name in pictures:
        of_person.setdefault(person_of(name), name)
    names = list(of_person.values())
    step = max(len(names) // COHORT_PEOPLE, 1)  # from the whole of the list
    embeddings: list[Floats] = []
    for name in track(names[::step][:COHORT_PEOPLE]):
        picture, face = shown(vision, images / name)
        if face is not None:
            embeddings.append(vision.embedding(picture, face))
    if not embeddings:
        raise ArgumentError("no picture of the list shows a face")
    return Cohort(
        embedder=vision.models[Role.EMBEDDER].digest,
        data=data,
        people=len(embeddings),
        mean=np.mean(embeddings, axis=0, dtype=np.float32),
    )
