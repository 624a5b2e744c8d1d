"""Timer schedules in NCRONTAB's six fields: second minute hour day month day-of-week.

Five fields mean second 0. A field is ``*`` or a list of numbers, names (jan, mon) and ranges,
each with an optional ``/step``. Day and day-of-week must both hold, as in the NCrontab library
and unlike Unix cron.
"""

from datetime import UTC, datetime, time, timedelta
from itertools import product

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MIDNIGHT = time()
_SEARCH_DAYS = 366 * 9  # 29 February comes again after eight years at most


class ScheduleError(ValueError):
    """A schedule is not an NCRONTAB expression, or no moment ever fits it."""


class Schedule:
    """The moments at which a timer fires, in UTC."""

    def __init__(self, expression: str) -> None:
        fields = expression.split()
        if len(fields) == 5:
            fields.insert(0, "0")
        if len(fields) != 6:
            raise ScheduleError("a schedule has five or six fields")
        self._seconds = _field(fields[0], 0, 59)
        self._minutes = _field(fields[1], 0, 59)
        self._hours = _field(fields[2], 0, 23)
        self._days = frozenset(_field(fields[3], 1, 31))
        self._months = frozenset(_field(fields[4], 1, 12, _MONTHS))
        self._weekdays = frozenset(_field(fields[5], 0, 6, _WEEKDAYS))

    def next(self, after: datetime) -> datetime:
        """First moment later than ``after``; ScheduleError when there is none."""
        earliest = after.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
        for days in range(_SEARCH_DAYS):
            day = earliest.date() + timedelta(days=days)
            if not self._falls_on(day.day, day.month, day.isoweekday() % 7):
                continue
            first = self._first_time(earliest.time() if days == 0 else _MIDNIGHT)
            if first is not None:
                return datetime.combine(day, first, UTC)
        raise ScheduleError("no moment fits the schedule")

    def _falls_on(self, day: int, month: int, weekday: int) -> bool:
        return day in self._days and month in self._months and weekday in self._weekdays

    def _first_time(self, earliest: time) -> time | None:
        """First fitting time of a day that is not before ``earliest``."""
        hours = (hour for hour in self._hours if hour >= earliest.hour)
        times = (time(*parts) for parts in product(hours, self._minutes, self._seconds))
        return next((found for found in times if found >= earliest), None)


def _field(text: str, low: int, high: int, names: tuple[str, ...] = ()) -> tuple[int, ...]:
    """Numbers that a field allows, in order."""
    allowed: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        if step and not (step.isdecimal() and int(step)):
            raise ScheduleError("a step in a schedule is not a positive number")
        first, _, last = span.partition("-")
        if first == "*":
            start, end = low, high
        else:
            start = _number(first, low, names)
            end = _number(last, low, names) if last else (high if step else start)
        if not low <= start <= end <= high:
            raise ScheduleError("a number in a schedule is out of range")
        allowed.update(range(start, end + 1, int(step or 1)))
    return tuple(sorted(allowed))


def _number(text: str, low: int, names: tuple[str, ...]) -> int:
    if names and text[:3].lower() in names:
        return names.index(text[:3].lower()) + low
    if not text.isdecimal():
        raise ScheduleError("a field of a schedule is neither a number nor a name")
    return int(text)
