"""False matches by the groups of both people: which groups are taken for each other, and how often.

Of all pictures of different people, against each other, as in ``impostors``. Who is in a group is
what the data set says of a picture; pictures of no group are left out.
"""

from collections.abc import Iterator
from itertools import combinations_with_replacement
from typing import Final

import numpy as np
from numpy.typing import NDArray

from consentry.evaluate.listed import Listed
from consentry.evaluate.rates import NONE_SEEN, PERCENT, Rate

Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]

_ROWS: Final = 512  # pictures that are compared with all others at a time
_RESAMPLINGS: Final = 200
_SEED: Final = 0  # the same data give the same interval


class Crossed:
    """Pairs of groups by name, and their false matches at one similarity.

    ``groups`` (n,) are those of the listed pictures, "" where there is none. ``people`` is how many
    have a picture in a group.
    """

    def __init__(self, listed: Listed, groups: NDArray[np.str_], threshold: float) -> None:
        kept = listed.seen & (groups != "")
        names, group = np.unique(groups[kept], return_inverse=True)
        persons, person = np.unique(listed.people[kept], return_inverse=True)
        self.people = len(persons)
        self._pictures = np.zeros((len(persons), len(names)))
        np.add.at(self._pictures, (person, group), 1)
        together = self._together(np.ones(self.people, np.int64))
        every = combinations_with_replacement(range(len(names)), 2)
        self._pairs = [pair for pair in every if together[pair]]
        self.names = tuple(f"{names[one]} - {names[other]}" for one, other in self._pairs)
        matches = list(_matches(listed.templates[kept], person, threshold))
        first, second = (np.concatenate(part) for part in zip(*matches, strict=True))
        self._one, self._other = person[first], person[second]
        kinds = np.zeros((len(names), len(names)), np.int64)
        for kind, (one, other) in enumerate(self._pairs):
            kinds[one, other] = kinds[other, one] = kind
        self._kind = kinds[group[first], group[second]]

    def count(self, drawn: Integers) -> tuple[Doubles, Doubles]:
        """Give false matches and pairs of each pair of groups, for people so often drawn.

        A pair counts as often as its two people were drawn together; somebody drawn twice is not
        his own impostor.
        """
        weights = (drawn[self._one] * drawn[self._other]).astype(np.float64)
        errors = np.bincount(self._kind, weights, len(self.names))
        together = self._together(drawn)
        return errors, np.array([together[pair] for pair in self._pairs])

    def _together(self, drawn: Integers) -> Doubles:
        """Give how many pairs of pictures of different people two groups have."""
        seen = self._pictures * drawn[:, None]
        pairs = np.outer(seen.sum(axis=0), seen.sum(axis=0)) - seen.T @ seen
        halved: Doubles = pairs / (1 + np.eye(len(pairs)))  # of one group, each is there twice
        return halved

    def rates(self) -> dict[str, Rate]:
        """Give the false match rate of each pair of groups that has pairs."""
        errors, pairs = self.count(np.ones(self.people, np.int64))
        generator = np.random.default_rng(_SEED)
        chance = np.full(self.people, 1 / self.people)
        draws = [
            self.count(generator.multinomial(self.people, chance)) for _ in range(_RESAMPLINGS)
        ]
        shares = np.array([matched / np.maximum(compared, 1) for matched, compared in draws])
        found = {}
        for place, name in enumerate(self.names):
            low, high = np.percentile(shares[:, place], PERCENT)
            if not errors[place]:
                high = min(NONE_SEEN / pairs[place], 1.0)
            share = float(errors[place] / pairs[place])
            found[name] = Rate(share, int(pairs[place]), (float(low), float(high)))
        return found


def _matches(
    templates: NDArray[np.float32], person: Integers, threshold: float
) -> Iterator[tuple[Integers, Integers]]:
    """Give the places of two pictures of different people that reach the threshold, each once."""
    for begin in range(0, len(templates), _ROWS):
        rows = np.arange(begin, min(begin + _ROWS, len(templates)))
        reached = templates[rows] @ templates.T >= threshold
        reached &= person[rows][:, None] != person[None]
        reached &= rows[:, None] < np.arange(len(templates))
        first, second = np.nonzero(reached)
        yield first + begin, second
