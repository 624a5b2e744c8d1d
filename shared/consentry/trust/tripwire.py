"""The tripwire: a search of one against many, made of many verifications, looks unlike claims.

People who claim an identity mostly are who they say; a search mostly misses, or shows the same
face again and again. So there are two kinds of bounds, both in the policy file:

- how often one face, picture or subject may take part in verifications of one window;
- how many non-matches there may be, by a sequential test that has no window (Page's CUSUM, 1954).
  Every verification adds the logarithm of its likelihood under a search over that under honest
  claims to a score, which never falls below zero. The score trips at log(A).

The chance that n honest verifications trip the test is at most n / A: for each of them as a
start, the chance that the score ever climbs from there by log(A) is at most 1 / A (Ville's
inequality), wherever the score is kept and in whatever order instances add to it. With fewer
non-matches than the policy assumes of honest claims it is far smaller: ``false_alarm_calls``.
"""

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
_HALVINGS: Final = 60

Share = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]


class Mark(StrEnum):
    """What of a verification is counted; it is kept under a key that lasts for one window."""

    FACE = "face"
    PICTURE = "picture"
    SUBJECT = "subject"


class Alarm(StrEnum):
    """Why a verification is refused; each stands in its audit record."""

    REPEATED_FACE = "repeated_face"
    REPEATED_PICTURE = "repeated_picture"
    REPEATED_SUBJECT = "repeated_subject"
    NON_MATCHES = "non_matches"
    SEARCH_SUSPECTED = "search_suspected"  # a pause, or until a reviewer has looked


REPEATED: Final = {
    Mark.FACE: Alarm.REPEATED_FACE,
    Mark.PICTURE: Alarm.REPEATED_PICTURE,
    Mark.SUBJECT: Alarm.REPEATED_SUBJECT,
}


class Bounds(BaseModel):
    """The bounds of a policy.

    ``honest_non_matches`` and ``search_non_matches`` are the shares of non-matches between which
    the test decides, and ``false_alarm_calls`` is its A.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    window_hours: Annotated[int, Field(ge=1, le=24)]
    face_max: Count
    picture_max: Count
    subject_max: Count
    honest_non_matches: Share
    search_non_matches: Share
    false_alarm_calls: Annotated[int, Field(ge=1_000)]
    pause_minutes: Count
    trips_max: Count
    trips_days: Count

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.honest_non_matches >= self.search_non_matches:
            raise ValueError("a search has more non-matches than honest claims")
        return self

    def max_of(self, mark: Mark) -> int:
        """In how many verifications of one window the same may take part."""
        return {
            Mark.FACE: self.face_max,
            Mark.PICTURE: self.picture_max,
            Mark.SUBJECT: self.subject_max,
        }[mark]

    @property
    def counts_faces(self) -> bool:
        """Whether counting face ids says more: each is of one picture, which is counted, too."""
        return self.face_max < self.picture_max

    def window(self, now: datetime) -> int:
        """Give the number of the window in which an instant lies, since 1970, UTC."""
        return int(now.timestamp() // (self.window_hours * 3600))

    def step(self, *, matched: bool) -> float:
        """What a verification adds to the score, in nats."""
        honest, search = self.honest_non_matches, self.search_non_matches
        return math.log((1 - search) / (1 - honest)) if matched else math.log(search / honest)

    @property
    def threshold(self) -> float:
        """The score that trips, in nats."""
        return math.log(self.false_alarm_calls)


@dataclass(frozen=True)
class Standing:
    """Where a tenant stands: its score, the last times at which a bound was passed, a pause."""

    score: float = 0.0
    trips: tuple[datetime, ...] = ()
    paused_until: datetime = _NEVER


def note_outcome(
    before: Standing, *, matched: bool | None, bounds: Bounds, since: datetime, now: datetime
) -> tuple[Standing, Alarm | None]:
    """Add a verification; ``matched`` is None for one that says nothing, of a face with itself.

    ``since`` is when the approval was decided on, or put in force again: what tripped before that
    was looked at. The verification that trips is refused as well.
    """
    if is_due(before, bounds, since, now) or now < before.paused_until:
        return before, Alarm.SEARCH_SUSPECTED
    if matched is None:
        return before, None
    score = max(0.0, before.score + bounds.step(matched=matched))
    if score < bounds.threshold:
        return replace(before, score=score), None
    until = now + timedelta(minutes=bounds.pause_minutes)
    return trip(replace(before, score=0.0, paused_until=until), bounds, now), Alarm.NON_MATCHES


def trip(before: Standing, bounds: Bounds, now: datetime) -> Standing:
    """Note that a bound was passed."""
    return replace(before, trips=(*before.trips, now)[-bounds.trips_max :])


def is_due(standing: Standing, bounds: Bounds, since: datetime, now: datetime) -> bool:
    """Tell whether bounds were passed so often that a reviewer has to look."""
    earliest = now - timedelta(days=bounds.trips_days)
    recent = [at for at in standing.trips if at > since and at > earliest]
    return len(recent) >= bounds.trips_max


def false_alarm_calls(non_matches: float, bounds: Bounds) -> float:
    """Give A for honest traffic with this share of non-matches: n calls trip with n / A at most.

    It is exp(t log A), where t is the positive root of p exp(t u) + (1 - p) exp(t d) = 1 for the
    steps u and d of the score: exp(t score) is then a martingale. ValueError for a share at which
    the score rises on average, for which there is no such bound.
    """
    up, down = bounds.step(matched=False), bounds.step(matched=True)
    if not 0 < non_matches < 1 or non_matches * up + (1 - non_matches) * down >= 0:
        raise ValueError("with so many non-matches the test trips sooner or later")

    def excess(root: float) -> float:
        return non_matches * math.exp(root * up) + (1 - non_matches) * math.exp(root * down) - 1

    low, high = 0.0, 1.0
    while excess(high) < 0:
        low, high = high, 2 * high
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) < 0 else (low, middle)
    return math.exp(low * bounds.threshold)
