"""The sequential test and the bounds: what trips them, and how seldom honest traffic does."""

import random
from collections.abc import Iterator
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.governance import NOW, POLICY

from consentry.trust.approvals import Reason
from consentry.trust.tripwire import (
    Alarm,
    Bounds,
    Standing,
    false_alarm_calls,
    is_due,
    note_outcome,
    trip,
)

SEED = 20260314
assert POLICY.tripwire is not None
BOUNDS = POLICY.tripwire
PAUSE = timedelta(minutes=BOUNDS.pause_minutes)


def outcomes(non_matches: float, seed: int = SEED) -> Iterator[bool]:
    """Verifications that match but for a share of them."""
    drawn = random.Random(seed)  # noqa: S311 (a simulation that comes out the same every time)
    return (drawn.random() >= non_matches for _ in count())


def calls_until_alarm(matches: Iterator[bool], most: int) -> int | None:
    """Number of the verification that trips, or None if none of so many does."""
    standing = Standing()
    for number in range(1, most + 1):
        standing, alarm = note_outcome(
            standing, matched=next(matches), bounds=BOUNDS, since=NOW, now=NOW
        )
        if alarm is not None:
            return number
    return None


def test_every_alarm_is_a_reason_that_stands_in_a_record() -> None:
    assert {alarm.value for alarm in Alarm} <= {reason.value for reason in Reason}


def test_nine_non_matches_in_a_row_trip() -> None:
    assert calls_until_alarm(outcomes(non_matches=1.0), 100) == 9


@pytest.mark.parametrize(("non_matches", "within"), [(0.99, 10), (0.9, 18), (0.7, 30), (0.5, 70)])
def test_a_search_is_caught_within_a_stated_number_of_calls(
    non_matches: float, within: int
) -> None:
    caught = [
        calls_until_alarm(outcomes(non_matches, seed), within) for seed in range(SEED, SEED + 1_000)
    ]
    assert sum(number is None for number in caught) <= 10  # 99 of 100 searches


@pytest.mark.parametrize("non_matches", [0.01, 0.05, 0.1])
def test_honest_traffic_does_not_trip_once_in_a_hundred_thousand_calls(non_matches: float) -> None:
    assert calls_until_alarm(outcomes(non_matches), 100_000) is None


@pytest.mark.slow
def test_honest_traffic_does_not_trip_once_in_a_million_calls() -> None:
    assert calls_until_alarm(outcomes(0.05), 1_000_000) is None


def test_the_chance_of_a_false_alarm_is_what_the_policy_states() -> None:
    at_bound = false_alarm_calls(BOUNDS.honest_non_matches, BOUNDS)
    assert at_bound == pytest.approx(BOUNDS.false_alarm_calls, rel=1e-6)
    assert false_alarm_calls(0.05, BOUNDS) > 1e9
    assert false_alarm_calls(0.15, BOUNDS) == pytest.approx(5_900, rel=0.01)
    for share in (0.0, 0.3, 1.0):
        with pytest.raises(ValueError, match="trips sooner or later"):
            false_alarm_calls(share, BOUNDS)


def test_simulated_false_alarms_are_rarer_than_the_stated_chance() -> None:
    """At 16 % non-matches, where a few can be seen."""
    stated, runs, calls = false_alarm_calls(0.16, BOUNDS), 300, 300
    tripped = sum(
        calls_until_alarm(outcomes(0.16, seed), calls) is not None for seed in range(runs)
    )
    assert 0 < tripped <= runs * calls / stated


@given(st.lists(st.booleans(), max_size=200))
def test_matches_are_never_saved_up(before: list[bool]) -> None:
    standing = Standing()
    for matched in before:
        standing, _ = note_outcome(standing, matched=matched, bounds=BOUNDS, since=NOW, now=NOW)
    later = NOW + PAUSE
    alarms = []
    for _ in range(9):
        standing, alarm = note_outcome(standing, matched=False, bounds=BOUNDS, since=NOW, now=later)
        alarms.append(alarm)
    assert any(alarms)


def test_a_face_compared_with_itself_says_nothing() -> None:
    before = Standing(score=5.0)
    assert note_outcome(before, matched=None, bounds=BOUNDS, since=NOW, now=NOW) == (before, None)


def test_after_an_alarm_nothing_is_compared_until_the_pause_is_over() -> None:
    standing = Standing(score=BOUNDS.threshold)
    standing, alarm = note_outcome(standing, matched=False, bounds=BOUNDS, since=NOW, now=NOW)
    assert alarm is Alarm.NON_MATCHES
    last = NOW + PAUSE - timedelta(microseconds=1)
    for matched in (True, False, None):
        paused = note_outcome(standing, matched=matched, bounds=BOUNDS, since=NOW, now=last)
        assert paused == (standing, Alarm.SEARCH_SUSPECTED)
    after, alarm = note_outcome(standing, matched=False, bounds=BOUNDS, since=NOW, now=NOW + PAUSE)
    assert (alarm, after.score) == (None, BOUNDS.step(matched=False))


def test_repeated_trips_are_due_for_review_until_the_approval_is_decided_on_again() -> None:
    standing = Standing()
    before = NOW - timedelta(hours=1)
    for number in range(BOUNDS.trips_max):
        assert not is_due(standing, BOUNDS, before, NOW)
        standing = trip(standing, BOUNDS, NOW + timedelta(minutes=number))
    later = NOW + timedelta(hours=1)
    assert is_due(standing, BOUNDS, before, later)
    refused = note_outcome(standing, matched=True, bounds=BOUNDS, since=before, now=later)
    assert refused == (standing, Alarm.SEARCH_SUSPECTED)
    assert not is_due(standing, BOUNDS, since=later, now=later)
    assert not is_due(standing, BOUNDS, before, NOW + timedelta(days=BOUNDS.trips_days))


@pytest.mark.parametrize(
    "changes",
    [
        {"honest_non_matches": 0.5},
        {"honest_non_matches": 0},
        {"search_non_matches": 1},
        {"face_max": 0},
        {"window_hours": 25},
        {"faces_max": 1},
    ],
)
def test_bounds_that_could_not_hold_are_refused(changes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Bounds.model_validate({**BOUNDS.model_dump(), **changes})


def test_a_window_ends_at_midnight() -> None:
    midnight = NOW.replace(hour=0, minute=0, second=0)
    assert BOUNDS.window(midnight) == BOUNDS.window(midnight + timedelta(hours=23, minutes=59))
    assert BOUNDS.window(midnight) == BOUNDS.window(midnight - timedelta(microseconds=1)) + 1
