"""Thresholds from all against all, and how far to trust their rates."""

import numpy as np
import pytest

from consentry.errors import ArgumentError
from consentry.evaluate.impostors import Impostors


def made_up(people: int, pictures: int = 2) -> tuple[np.ndarray, list[str]]:
    generator = np.random.default_rng(3)
    vectors = generator.normal(size=(people * pictures, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors, [str(index // pictures) for index in range(people * pictures)]


def test_at_most_the_stated_share_of_impostors_reach_a_threshold() -> None:
    vectors, people = made_up(200)
    impostors = Impostors(vectors, people)

    rows, columns = np.triu_indices(400, 1)
    others = np.array(people)[rows] != np.array(people)[columns]
    similarities = (vectors @ vectors.T)[rows, columns][others]
    assert impostors.pairs == len(similarities) == 400 * 399 // 2 - 200
    for fmr in (1e-1, 1e-2, 1e-3, 1e-4, 1e-6):
        found = impostors.threshold(fmr)
        assert found.matches == (similarities >= found.similarity).sum() <= fmr * impostors.pairs
        assert found.fmr == found.matches / impostors.pairs
    loosest = impostors.threshold(1e-2)
    assert (similarities >= loosest.similarity - 2e-4).mean() > 0.01


def test_rate_is_backed_from_thirty_pairs_on() -> None:
    impostors = Impostors(*made_up(50))

    assert impostors.threshold(31 / impostors.pairs).is_backed
    assert not impostors.threshold(29 / impostors.pairs).is_backed


def test_interval_holds_the_rate_and_is_wider_for_fewer_people() -> None:
    widths = []
    for people in (40, 160):
        impostors = Impostors(*made_up(people))
        low, high = impostors.interval(0.05)
        assert 0 < low < impostors.threshold(0.05).fmr < high < 1
        widths.append(high - low)

    assert widths[0] > widths[1]


def test_rate_of_which_nothing_was_seen_is_at_most_three_in_as_many() -> None:
    impostors = Impostors(*made_up(10))

    low, high = impostors.interval(1e-6)

    assert low == 0.0
    assert high == pytest.approx(3 / impostors.pairs)


def test_one_person_alone_has_no_impostors() -> None:
    with pytest.raises(ArgumentError, match="different people"):
        Impostors(*made_up(1))
