"""Rates and their intervals."""

import math

import numpy as np
import pytest

from consentry.evaluate.rates import rate


def test_interval_holds_the_share() -> None:
    events = np.array([True] * 20 + [False] * 80)

    found = rate(events, [str(index) for index in range(100)])

    low, high = found.interval
    assert found.share == pytest.approx(0.2)
    assert found.cases == 100
    assert 0.10 < low < 0.2 < high < 0.30


def test_cases_of_one_person_say_less_than_as_many_people() -> None:
    events = np.array([True] * 20 + [False] * 80)
    alone = rate(events, [str(index) for index in range(100)])
    together = rate(events, [str(index // 20) for index in range(100)])

    assert together.interval[1] - together.interval[0] > alone.interval[1] - alone.interval[0]


@pytest.mark.parametrize(("seen", "interval"), [(False, (0.0, 0.01)), (True, (0.99, 1.0))])
def test_nothing_seen_leaves_three_in_as_many(seen: bool, interval: tuple[float, float]) -> None:
    found = rate(np.full(300, seen), ["somebody"] * 300)

    assert found.interval == pytest.approx(interval)


def test_no_case_at_all_says_nothing() -> None:
    found = rate(np.zeros(0, np.bool_), [])

    assert math.isnan(found.share)
    assert found.interval == (0.0, 1.0)
    assert found.document() == {"share": None, "cases": 0, "interval": [0.0, 1.0]}
