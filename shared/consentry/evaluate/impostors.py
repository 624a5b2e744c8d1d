"""All pairs of pictures of different people, against each other: thresholds and their FMR.

The few thousand pairs that a list names back no claim below an FMR of 1e-3; all pairs of its
pictures are millions. They are not independent, for a face that is like many counts many times:
intervals therefore come from a bootstrap over people.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from consentry.errors import ArgumentError
from consentry.evaluate.rates import NONE_SEEN, PERCENT

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

# With 30 errors, a rate is within 30 % of the truth at 90 %. (Doddington et al., The NIST speaker
# recognition evaluation, Speech Communication 31, 2000: the rule of 30)
BACKED_MATCHES_MIN: Final = 30
FMR_MAX: Final = 0.1  # of a threshold with an interval: what reaches it is kept
_STEPS: Final = 10_000  # of the similarities' histogram, per unit
_RESAMPLINGS: Final = 200
_SEED: Final = 0  # the same data give the same interval


@dataclass(frozen=True)
class Threshold:
    """A similarity, how many pairs of different people reach it, and their share of all pairs."""

    similarity: float
    matches: int
    fmr: float

    @property
    def is_backed(self) -> bool:
        """Whether the data suffice for a claim of this rate."""
        return self.matches >= BACKED_MATCHES_MIN


class Impostors:
    """Compares templates (n, values), whose similarity is their product, of ``people`` (n,).

    Raises ArgumentError where there is but one person.
    """

    def __init__(self, templates: Floats, people: Sequence[str]) -> None:
        _, self._people = np.unique(np.asarray(people), return_inverse=True)
        self._templates = templates
        counts = np.zeros(2 * _STEPS + 2, np.int64)
        for places, _, _ in self._compared():
            counts += np.bincount(places, minlength=len(counts))
        self._reaching = counts[::-1].cumsum()[::-1]
        self.pairs = int(self._reaching[0])
        if not self.pairs:
            raise ArgumentError("the list names no pictures of different people")
        self._alike = self._most_alike(self._place(FMR_MAX))

    def threshold(self, fmr: float) -> Threshold:
        """Give the lowest similarity, rounded up, that at most this share of all pairs reach."""
        place = self._place(fmr)
        matches = int(self._reaching[place])
        return Threshold(round(place / _STEPS - 1, 4), matches, matches / self.pairs)

    def interval(self, fmr: float) -> tuple[float, float]:
        """Give the 95 % interval of the FMR at ``threshold(fmr)``; ``fmr`` is at most FMR_MAX.

        People are drawn again and again, and a pair counts as often as its two people were drawn
        together; somebody drawn twice is not his own impostor.
        """
        places, one, other = self._alike
        reaching = places >= self._place(fmr)
        if not reaching.any():
            return 0.0, min(NONE_SEEN / self.pairs, 1.0)
        one, other = one[reaching], other[reaching]
        pictures = np.bincount(self._people)
        generator = np.random.default_rng(_SEED)
        rates = []
        for _ in range(_RESAMPLINGS):
            drawn = generator.multinomial(len(pictures), np.full(len(pictures), 1 / len(pictures)))
            seen = drawn * pictures
            pairs = (seen.sum() ** 2 - (seen**2).sum()) / 2
            rates.append(float((drawn[one] * drawn[other]).sum() / max(pairs, 1)))
        low, high = np.percentile(rates, PERCENT)
        return float(low), min(float(high), 1.0)

    def _place(self, fmr: float) -> int:
        return int(np.argmax(self._reaching <= fmr * self.pairs))

    def _compared(self) -> Iterator[tuple[Integers, Integers, int]]:
        """Compare each with those before it: steps of similarity, their people, its own person."""
        for row in range(1, len(self._templates)):
            others = self._people[:row] != self._people[row]
            similarities = (self._templates[:row] @ self._templates[row])[others]
            places = np.floor((similarities + 1) * _STEPS).astype(np.int64)
            yield places.clip(0, 2 * _STEPS), self._people[:row][others], int(self._people[row])

    def _most_alike(self, least: int) -> tuple[Integers, Integers, Integers]:
        """Give the pairs from a step of similarity on: their steps, and their two people."""
        kept = []
        for places, people, person in self._compared():
            alike = places >= least
            kept.append((places[alike], people[alike], np.full(int(alike.sum()), person)))
        places, one, other = (np.concatenate(part) for part in zip(*kept, strict=True))
        return places, one, other
