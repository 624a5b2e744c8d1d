"""What calibrations tell: an attack by differencing, and what the data have to back."""

import math
from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.governance import NOW
from tests.support.memory import MemorySigningKey

from consentry.errors import IntegrityError
from consentry.trust.calibrations import (
    CALIBRATION,
    EPSILON,
    RATES,
    Draw,
    Point,
    TenantCalibration,
    Told,
    cap,
    count_capped,
    noise,
    noise_bound,
    open_calibration,
    sign_calibration,
    tell_false_matches,
    tell_false_non_matches,
)
from consentry.trust.jws import sign_document

SEED = 20260314
PEOPLE = 12
EVERY = list(combinations(range(PEOPLE), 2))
PART = EPSILON / (len(RATES) + 1)

Pairs = set[tuple[int, int]]


def silent() -> float:
    """Draw no noise."""
    return 0.0


def chance(value: int, weight: int) -> float:
    """Give the probability of a value of noise: the two-sided geometric distribution."""
    decay = math.exp(-PART / weight)
    return (1 - decay) / (1 + decay) * decay ** abs(value)


@given(
    st.sets(st.sampled_from(EVERY)),
    st.integers(0, PEOPLE - 1),
    st.sets(st.integers(0, PEOPLE - 1)),
    st.integers(1, 5),
)
def test_another_face_in_a_persons_place_changes_no_count_by_more_than_the_cap(
    pairs: Pairs, person: int, alike: set[int], most: int
) -> None:
    others = {pair for pair in pairs if person not in pair}
    replaced = others | {
        (min(person, other), max(person, other)) for other in alike if other != person
    }
    before, after, without = (
        count_capped(sorted(each), most) for each in (pairs, replaced, others)
    )
    assert 0 <= before - without <= most
    assert abs(before - after) <= most


def test_nobody_counts_more_often_than_the_cap() -> None:
    everybody_like_the_first = [(0, other) for other in range(1, 1_000)]
    assert count_capped(everybody_like_the_first, cap(1_000, 1e-3)) == cap(1_000, 1e-3) == 4
    assert count_capped([(2 * each, 2 * each + 1) for each in range(500)], 2) == 500


def test_noise_is_as_it_is_said_to_be() -> None:
    draw, weight, draws = np.random.default_rng(SEED).random, 4, 100_000
    seen = Counter(noise(weight, draw) for _ in range(draws))
    for value in range(-30, 31):
        expected = draws * chance(value, weight)
        assert seen[value] == pytest.approx(expected, abs=5 * math.sqrt(expected))
    beyond = sum(times for value, times in seen.items() if abs(value) > noise_bound(weight))
    assert beyond / draws <= 0.025


def test_no_answer_is_much_likelier_with_one_person_than_with_another() -> None:
    """Every count moves by its whole cap: the ratio of all of them together stays within e."""
    most = 1.0
    for weight in (*(cap(1_000, rate) for rate in RATES), 1):
        most *= max(
            chance(told, weight) / chance(told - weight, weight) for told in range(-300, 300)
        )
    assert most <= math.exp(EPSILON) * (1 + 1e-9)


def test_differencing_two_calibrations_does_not_tell_whether_the_added_person_is_known() -> None:
    """Whoever knows all others, and has made the set so that one face moves every count by its cap.

    The attacker calibrates twice, without and with the person, and says that they are there if the
    counts rose by more than half of what they would.
    """
    draw, people, tries = np.random.default_rng(SEED).random, 400, 2_000
    known = [(2 * each, 2 * each + 1) for each in range(50)]
    right = 0
    for attempt in range(tries):
        is_there = attempt % 2 == 0
        score = 0.0
        for rate in RATES:
            alike = [(other, people - 1) for other in range(110, 110 + cap(people, rate))]
            with_person = known + (alike if is_there else [])
            first = tell_false_matches(known, people, rate, draw)
            second = tell_false_matches(with_person, people, rate, draw)
            pairs = people * (people - 1) // 2
            score += (second.fmr.share - first.fmr.share) * pairs / cap(people, rate) - 0.5
        right += (score > 0) is is_there
    assert right / tries <= math.e / (1 + math.e) + 0.03
    assert right / tries < 0.75


def test_without_noise_the_same_attack_would_always_tell() -> None:
    known = [(0, 1)]
    without = tell_false_matches(known, 400, 1e-3, silent)
    with_person = tell_false_matches([*known, (2, 399)], 400, 1e-3, silent)
    assert with_person.fmr.share > without.fmr.share


@pytest.mark.parametrize(
    ("people", "rate", "least", "most"),
    [
        (400, 1e-3, 0.7, 0.95),
        (500, 1e-3, 0.98, 1.0),
        (1_000, 1e-4, 0.0, 0.4),
        (1_500, 1e-4, 0.98, 1.0),
    ],
)
def test_rate_is_backed_by_so_many_people(
    people: int, rate: float, least: float, most: float
) -> None:
    """People like those of the data set: as many of them are alike as the rate says, by chance."""
    generator = np.random.default_rng(SEED)
    points = [_alike(people, rate, generator) for _ in range(400)]
    backed = sum(point.fmr.is_backed for point in points) / len(points)
    assert least <= backed <= most
    held = sum(point.fmr.interval[0] <= rate <= point.fmr.interval[1] for point in points)
    assert held / len(points) >= 0.95
    mean = np.mean([point.fmr.share for point in points])
    assert 0.9 < mean / rate < 1.05  # the cap leaves out a few pairs of those who have many


def _alike(people: int, rate: float, generator: np.random.Generator) -> Point:
    """Tell of people of whom every two are alike with the probability of the rate."""
    count = generator.poisson(people * (people - 1) / 2 * rate)
    drawn = np.sort(generator.integers(people, size=(count, 2)), axis=1)
    pairs = sorted({(int(one), int(other)) for one, other in drawn if one != other})
    return tell_false_matches(pairs, people, rate, generator.random)


def test_where_nothing_was_seen_nothing_is_backed() -> None:
    point = tell_false_matches([], 4_000, 1e-4, silent)
    assert not point.fmr.is_backed
    assert point.fmr.interval[0] == 0.0
    pairs = 4_000 * 3_999 / 2
    assert point.fmr.interval[1] > 3 / pairs  # the rule of three


def test_shares_stay_shares_whatever_the_noise() -> None:
    def least() -> Draw:
        drawn = iter((0.0, 1 - 2**-53))
        return lambda: next(drawn)

    assert tell_false_non_matches(0, 400, least()).share == 0.0
    assert tell_false_non_matches(400, 400, silent).interval[1] == 1.0


def test_strictest_point_that_covers_a_rate_stands_for_it() -> None:
    found = _calibration((1e-2, 0.02, 0.015), (1e-3, 0.004, 0.002), (1e-4, 1e-4, 0.0))
    assert found.backing(1e-5) == found.points[1]
    assert found.backing(5e-3) == found.points[0]
    assert found.backing(0.1) is None
    assert found.points[1].excess == pytest.approx(4.0)
    assert _calibration((1e-3, 0.004, 0.0009)).points[0].excess == 1.0


def test_calibration_by_another_key_or_of_another_form_is_not_believed() -> None:
    key, other = MemorySigningKey(), MemorySigningKey()
    signed = sign_calibration(_calibration(), kid=key.kid, sign=key.sign)
    assert open_calibration(signed, public_keys=key.public_keys()) == _calibration()
    for keys in (other.public_keys(), ()):
        with pytest.raises(IntegrityError):
            open_calibration(signed, public_keys=keys)
    odd = sign_document({"tenant": "contoso"}, kind=CALIBRATION, kid=key.kid, sign=key.sign)
    with pytest.raises(IntegrityError, match="not of its form"):
        open_calibration(odd, public_keys=key.public_keys())


def _calibration(*points: tuple[float, float, float]) -> TenantCalibration:
    """Make one of points: a rate, the share told, and the lower end of its interval."""
    return TenantCalibration(
        id="0199a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b",
        tenant="contoso",
        made_at=NOW,
        template_version="ab",
        people=400,
        impostor_pairs=79_800,
        genuine_people=0,
        points=tuple(
            Point(rate=rate, fmr=Told(share=share, interval=(low, 2 * share)))
            for rate, share, low in points
        ),
        fnmr=None,
    )
