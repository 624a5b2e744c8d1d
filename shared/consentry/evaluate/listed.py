"""The pictures that a list of pairs names: their templates, in memory, and how alike they are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from consentry.evaluate.impostors import Impostors
from consentry.evaluate.labels import Pair, person_of
from consentry.evaluate.resume import Resume, results
from consentry.evaluate.templates import Made, Makers
from consentry.evaluate.track import Track
from consentry.vision import TEMPLATE_VALUES, TemplateProfile

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

_NO_MATCH: Final = -2.0  # below every similarity


@dataclass(frozen=True)
class Listed:
    """Pictures (n,), whom they show, and what was made of them; in the order of their names.

    ``templates`` (n, values) and ``strengths`` (n,) are zero where no face was found, which
    ``seen`` (n,) tells; ``cpu_ms`` is the median of what one picture took of one processor.
    """

    pictures: tuple[str, ...]
    people: NDArray[np.str_]
    templates: Floats
    strengths: Doubles
    seen: NDArray[np.bool_]
    cpu_ms: float

    @cached_property
    def _place(self) -> dict[str, int]:
        return {picture: place for place, picture in enumerate(self.pictures)}

    def places(self, pairs: Sequence[Pair]) -> NDArray[np.int64]:
        """Give where the two pictures of each pair stand, (pairs, 2)."""
        found = [(self._place[pair.first], self._place[pair.second]) for pair in pairs]
        return np.array(found, np.int64).reshape(-1, 2)

    def similarities(self, places: NDArray[np.int64]) -> Doubles:
        """Compare pictures (pairs, 2); one in which no face was found is like nothing."""
        first, second = places.T
        alike = np.einsum("ij,ij->i", self.templates[first], self.templates[second])
        both = self.seen[first] & self.seen[second]
        return np.where(both, alike.astype(np.float64), _NO_MATCH)

    def impostors(self) -> Impostors:
        """Compare all pictures of different people; ArgumentError where there is one person."""
        return Impostors(self.templates[self.seen], self.people[self.seen].tolist())

    def of_one_person(self) -> NDArray[np.int64]:
        """Give where every two pictures of one person stand, (pairs, 2)."""
        pictures: dict[str, list[int]] = {}
        for place, person in enumerate(self.people.tolist()):
            pictures.setdefault(person, []).append(place)
        pairs = [pair for places in pictures.values() for pair in combinations(places, 2)]
        return np.array(pairs, np.int64).reshape(-1, 2)


def make_listed(
    makers: Makers,
    images: Path,
    pairs: Sequence[Pair],
    track: Track,
    profile: TemplateProfile = TemplateProfile.ACCURATE,
    resume: Resume | None = None,
) -> Listed:
    """Make the templates of the pictures below ``images`` that ``pairs`` name.

    Raises ArgumentError for a missing picture.
    """
    pictures = sorted({picture for pair in pairs for picture in (pair.first, pair.second)})

    def make(names: Sequence[str]) -> Iterator[Made]:
        return makers.make(images, names, profile)

    made = results(pictures, make, track, resume, Made.packed, Made.unpack)
    none = np.zeros(TEMPLATE_VALUES, np.float32)
    embedded = [each.embedded for each in made]
    return Listed(
        pictures=tuple(pictures),
        people=np.array([person_of(picture) for picture in pictures]),
        templates=np.array([none if one is None else one.template for one in embedded]),
        strengths=np.array([0.0 if one is None else one.strength for one in embedded]),
        seen=np.array([one is not None for one in embedded]),
        cpu_ms=round(float(np.median([each.seconds for each in made])) * 1000, 1),
    )
