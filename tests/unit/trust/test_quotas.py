"""Leases of calls: what instances get of a minute, whoever asks in which order."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from consentry.trust.quotas import (
    LEASES_PER_WINDOW,
    WINDOW_SECONDS,
    Ledger,
    is_used_up,
    lease,
    seconds_to_next,
    window_of,
)

MINUTE = datetime(2026, 3, 14, 15, 9, tzinfo=UTC)
WINDOW = window_of(MINUTE)


@given(
    limit=st.integers(1, 700),
    seconds=st.lists(st.floats(-90, 150, allow_nan=False), max_size=120),
)
def test_no_minute_ever_leases_more_than_its_limit(limit: int, seconds: list[float]) -> None:
    ledger: Ledger | None = None
    given_out: dict[int, int] = {}
    for offset in seconds:
        ledger, granted = lease(ledger, limit, MINUTE + timedelta(seconds=offset))
        given_out[ledger.window] = given_out.get(ledger.window, 0) + granted
    assert all(calls <= limit for calls in given_out.values())


@given(limit=st.integers(1, 700))
def test_a_minute_is_leased_to_the_last_call_in_few_writes(limit: int) -> None:
    ledger, calls, writes = None, 0, 0
    while ledger is None or not is_used_up(ledger, limit, MINUTE):
        ledger, granted = lease(ledger, limit, MINUTE)
        calls, writes = calls + granted, writes + 1
    assert calls == limit
    assert writes <= 2 * LEASES_PER_WINDOW
    assert lease(ledger, limit, MINUTE) == (ledger, 0)


def test_the_next_minute_has_all_its_calls_whatever_was_used_before() -> None:
    used = Ledger(WINDOW, 60)
    last = MINUTE + timedelta(seconds=WINDOW_SECONDS, microseconds=-1)
    assert lease(used, 60, last) == (used, 0)
    after = MINUTE + timedelta(seconds=WINDOW_SECONDS)
    assert lease(used, 60, after) == (Ledger(WINDOW + 1, 3), 3)


def test_a_clock_that_is_behind_takes_from_the_minute_of_the_one_ahead() -> None:
    ahead = Ledger(WINDOW + 1, 57)
    assert lease(ahead, 60, MINUTE) == (Ledger(WINDOW + 1, 60), 3)
    assert is_used_up(Ledger(WINDOW + 1, 60), 60, MINUTE)


def test_a_limit_that_was_lowered_or_raised_counts_within_the_minute() -> None:
    assert lease(Ledger(WINDOW, 40), 30, MINUTE) == (Ledger(WINDOW, 40), 0)
    assert lease(Ledger(WINDOW, 30), 40, MINUTE) == (Ledger(WINDOW, 32), 2)


def test_the_wait_ends_with_the_minute() -> None:
    for second in (0, 0.25, 30, 59, 59.999):
        now = MINUTE + timedelta(seconds=second)
        wait = seconds_to_next(Ledger(WINDOW, 60), now)
        assert 1 <= wait <= WINDOW_SECONDS
        assert window_of(now + timedelta(seconds=wait)) == WINDOW + 1
