"""NCRONTAB schedules, and which missed runs are made up for."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from consentry.localhost.ncrontab import Schedule, ScheduleError
from consentry.localhost.timers import is_past_due

NOW = datetime(2026, 3, 4, 5, 6, 7, 800_000, tzinfo=UTC)  # a Wednesday


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("* * * * * *", datetime(2026, 3, 4, 5, 6, 8, tzinfo=UTC)),
        ("*/15 * * * * *", datetime(2026, 3, 4, 5, 6, 15, tzinfo=UTC)),
        ("0 */5 * * * *", datetime(2026, 3, 4, 5, 10, tzinfo=UTC)),
        ("*/5 * * * *", datetime(2026, 3, 4, 5, 10, tzinfo=UTC)),
        ("0 30 9 * * MON-FRI", datetime(2026, 3, 4, 9, 30, tzinfo=UTC)),
        ("0 0 3 * * sun", datetime(2026, 3, 8, 3, tzinfo=UTC)),
        ("0 0 5 * * *", datetime(2026, 3, 5, 5, tzinfo=UTC)),
        ("5,7 6 5 * * *", datetime(2026, 3, 5, 5, 6, 5, tzinfo=UTC)),
        ("0 0 0 1 jan *", datetime(2027, 1, 1, tzinfo=UTC)),
        ("0 0 0 29 2 *", datetime(2028, 2, 29, tzinfo=UTC)),
        ("0 0 0 31 * *", datetime(2026, 3, 31, tzinfo=UTC)),
        ("0 0 20/2 * * *", datetime(2026, 3, 4, 20, tzinfo=UTC)),
        ("59 59 23 31 12 *", datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_next_moment_is_the_first_that_fits(expression: str, expected: datetime) -> None:
    assert Schedule(expression).next(NOW) == expected


def test_moment_of_another_time_zone_is_taken_as_the_same_moment() -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=9)))
    assert Schedule("0 0 6 * * *").next(elsewhere) == datetime(2026, 3, 4, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    "expression",
    ["", "* * * *", "* * * * * * *", "60 * * * * *", "* * 24 * * *", "* * * 0 * *", "a * * * * *",
     "*/0 * * * * *", "5-3 * * * * *", "* * * * 13 *", "* * * * * 7", "-1 * * * * *"],
)  # fmt: skip
def test_malformed_schedule_is_refused(expression: str) -> None:
    with pytest.raises(ScheduleError):
        Schedule(expression)


def test_schedule_without_any_moment_says_so() -> None:
    with pytest.raises(ScheduleError, match="no moment"):
        Schedule("0 0 0 31 2 *").next(NOW)


def test_run_that_was_missed_is_past_due() -> None:
    assert is_past_due({"Next": (NOW - timedelta(seconds=1)).isoformat()}, NOW)


@pytest.mark.parametrize(
    "status",
    [None, {}, {"Next": "soon"}, {"Next": (NOW + timedelta(seconds=1)).isoformat()}],
)
def test_run_to_come_or_unknown_is_not_past_due(status: dict[str, str] | None) -> None:
    assert not is_past_due(status, NOW)
