"""What each kind of mask leaves of a face: does the embedder still know whose it is?

Every picture goes through the whole of redaction, once for each kind. Whoever attacks is taken to
know where the face was, and to own the original: the masked face is compared with its own
original, and with the originals of all other people. The first share is of faces that are
recognised again at the threshold which one pair in a thousand of different people reaches; the
second is chance. A network trained on masked faces may do better than this one, which was not.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from consentry.errors import ArgumentError, RedactionError
from consentry.evaluate.labels import person_of
from consentry.evaluate.rates import Rate, rate
from consentry.evaluate.resume import Resume, results
from consentry.evaluate.templates import packed_template, unpacked_template
from consentry.evaluate.track import Track
from consentry.vision import MaskKind, MaskOptions, Template, Vision, subject

Floats = NDArray[np.float32]

FMR: Final = 1e-3
_NO_MASK: Final = "none"


@dataclass(frozen=True)
class Kind:
    """What one kind of mask leaves: shares of faces recognised again, and by chance."""

    reidentified: Rate
    chance: float

    @property
    def above_chance(self) -> bool:
        """Tell whether more are recognised than by chance, beyond the interval."""
        return self.reidentified.interval[0] > self.chance

    def document(self) -> dict[str, Any]:
        """Give it for JSON."""
        return {
            "reidentified": self.reidentified.document(),
            "chance": round(self.chance, 6),
            "above_chance": self.above_chance,
        }


@dataclass(frozen=True)
class Reidentification:
    """What was measured, by kind of mask."""

    pictures: int
    people: int
    withheld: int
    threshold: float
    kinds: Mapping[str, Kind]

    def document(self) -> dict[str, Any]:
        """Give it for JSON."""
        kinds = {name: kind.document() for name, kind in self.kinds.items()}
        return vars(self) | {"fmr": FMR, "kinds": kinds}


@dataclass(frozen=True)
class Masked:
    """Templates of one face, unmasked and under each kind of mask; none where there is no face.

    What redaction withheld has none either, and is counted.
    """

    templates: Mapping[str, Template]
    withheld: bool = False

    def packed(self) -> dict[str, Any]:
        """Give it for JSON."""
        kept = {name: packed_template(each) for name, each in self.templates.items()}
        return {"templates": kept, "withheld": self.withheld}

    @classmethod
    def unpack(cls, packed: Mapping[str, Any]) -> "Masked":
        """Read what ``packed`` gave."""
        kept = {name: unpacked_template(each) for name, each in packed["templates"].items()}
        return cls(kept, packed["withheld"])


def evaluate(
    vision: Vision,
    images: Path,
    pictures: Sequence[str],
    track: Track,
    resume: Resume | None = None,
) -> Reidentification:
    """Measure masks on pictures below ``images``, each of the person that its folder names.

    Pictures without a face are left out. Raises ArgumentError for a missing picture, or where
    fewer than two people are left.
    """

    def make(listed: Sequence[str]) -> Iterator[Masked]:
        return (_mask(vision, images / name) for name in listed)

    made = results(pictures, make, track, resume, Masked.packed, Masked.unpack)
    found = [
        (person_of(name), each.templates)
        for name, each in zip(pictures, made, strict=True)
        if each.templates
    ]
    names = [person for person, _ in found]
    if len(set(names)) < 2:
        raise ArgumentError("the list names no faces of different people")
    threshold = vision.calibration().similarity_at(FMR)
    known = np.array([templates[_NO_MASK] for _, templates in found])
    return Reidentification(
        pictures=len(names),
        people=len(set(names)),
        withheld=sum(each.withheld for each in made),
        threshold=round(threshold, 4),
        kinds={
            kind.value: _compared(
                np.array([templates[kind.value] for _, templates in found]), known, names, threshold
            )
            for kind in MaskKind
        },
    )


def _mask(vision: Vision, path: Path) -> Masked:
    """Make the templates of whom a picture is of: unmasked, and under each kind of mask."""
    try:
        data = path.read_bytes()
    except OSError:
        raise ArgumentError("a picture of the list is not in the folder") from None
    picture = vision.read(data)
    faces = vision.detect(picture)
    if not faces:
        return Masked({})
    face = faces[subject(faces, picture.width, picture.height)]
    made = {_NO_MASK: vision.template(picture, face)}
    for kind in MaskKind:
        try:
            redacted = vision.redact(data, MaskOptions(kind))
        except RedactionError:
            return Masked({}, withheld=True)
        made[kind.value] = vision.template(vision.read(redacted.data), face)
    return Masked(made)


def _compared(masked: Floats, known: Floats, names: Sequence[str], threshold: float) -> Kind:
    """Compare masked faces (n, values) with their own originals and with other people's."""
    reached = masked @ known.T >= threshold
    people = np.array(names)
    others = people[:, None] != people
    return Kind(rate(reached.diagonal(), names), float(reached[others].mean()))
