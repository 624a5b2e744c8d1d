"""Calibration on a tenant's own people: what may be told of it, so that it is no search.

A calibration compares every two of a tenant's people, and counts. Exact counts would be a search:
with a hundred people first and one more afterwards, the difference tells whether that one looks
like any of them. No rounding and no least number of people closes that, since whoever makes up the
set decides how close it lies to the next step. So what is told keeps to a rule that holds whatever
the set is, and whatever somebody knows of all the others in it:

- **No person weighs much.** Of the pairs that reach a threshold, so many are counted of each person
  as ``cap`` says, those that come first. Another picture in a person's place then changes the count
  by ``cap`` at most: pairs that enter or leave it lie on chains that begin at this person, each of
  which changes it by one at most, and there are ``cap`` of them.
- **Every count is told with noise**, drawn anew from the two-sided geometric distribution (Ghosh,
  Roughgarden and Sundararajan, 2009), which makes it differentially private. All that a calibration
  tells together is EPSILON-private: whatever it tells is at most e times as likely with one person
  as with another in their place. Whoever knows everybody else guesses which of the two it was, and
  is right in at most e / (1 + e), 73 %, of cases, where a coin is right in half.
- **Once in CALIBRATION_DAYS.** Answers add up, so a tenant gets one, however it came out.

A rate counts as backed if its interval lies above zero, which holds sampling and noise apart and
adds them. That takes more than the 30 errors of the rule of 30, and so more than the rule of three.
"""

import math
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from consentry.errors import IntegrityError
from consentry.limits import CALIBRATION_DAYS
from consentry.stored import PublicKey
from consentry.trust.jws import open_document, sign_document

CALIBRATION: Final = "consentry-calibration+jws"
RATES: Final = (1e-2, 1e-3, 1e-4)
"""False match rates of the shipped calibration, at whose thresholds people are compared."""
EPSILON: Final = 1.0  # of a calibration as a whole
_PART: Final = EPSILON / (len(RATES) + 1)  # of each count, the false non-matches being one more
_CAP_MIN: Final = 2  # pairs of one person that count
_CAP_OF_MEAN: Final = 4  # times as many as a person has on average at that rate
_HALF_DOUBT: Final = 0.025  # of an interval, each for the noise and for the sample: 95 % together
_SAMPLE_DEVIATIONS: Final = 2.2414  # standard normal quantile of 1 - _HALF_DOUBT / 2

Draw = Callable[[], float]
"""Gives a number in [0, 1), as unpredictable as a key: ``secrets.SystemRandom().random``."""
Share = Annotated[float, Field(ge=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Told(_Part):
    """A share with its 95 % interval, both with noise."""

    share: Share
    interval: tuple[Share, Share]

    @property
    def is_backed(self) -> bool:
        """Whether the data show that there are such errors at all."""
        return self.interval[0] > 0


class Point(_Part):
    """The false match rate of a tenant's people where the shipped calibration has ``rate``."""

    rate: Share
    fmr: Told

    @property
    def excess(self) -> float:
        """How many times the shipped rate it is, 1 unless it surely lies above."""
        return self.fmr.share / self.rate if self.fmr.interval[0] > self.rate else 1.0


class TenantCalibration(_Part):
    """What one calibration told; ``points`` by falling rate.

    ``fnmr`` is of ``genuine_people``, with two pictures each, at the similarity that the approval
    asked for; None where they were too few.
    """

    id: str
    tenant: str
    made_at: AwareDatetime
    template_version: str
    people: int
    impostor_pairs: int
    genuine_people: int
    points: tuple[Point, ...]
    fnmr: Told | None
    schema_version: Literal[1] = 1

    @property
    def next_from(self) -> datetime:
        """When the tenant may calibrate again."""
        return self.made_at + timedelta(days=CALIBRATION_DAYS)

    def backing(self, target: float) -> Point | None:
        """Give the strictest backed point that is no stricter than a rate, or None."""
        backed = [each for each in self.points if each.rate >= target and each.fmr.is_backed]
        return min(backed, key=lambda point: point.rate, default=None)


def cap(people: int, rate: float) -> int:
    """How many pairs of one person count among those that reach the threshold of a rate."""
    return max(_CAP_MIN, math.ceil(_CAP_OF_MEAN * people * rate))


def count_capped(pairs: Iterable[tuple[int, int]], most: int) -> int:
    """Count pairs of people, in their order, leaving out those of anybody with ``most`` already."""
    taken: dict[int, int] = {}
    count = 0
    for pair in pairs:
        if all(taken.get(person, 0) < most for person in pair):
            count += 1
            for person in pair:
                taken[person] = taken.get(person, 0) + 1
    return count


def tell_false_matches(
    pairs: Iterable[tuple[int, int]], people: int, rate: float, draw: Draw
) -> Point:
    """Tell the share of pairs of ``people`` that reach the threshold of a rate.

    ``pairs`` are those that do, each person by a number below ``people``, in an order that no
    similarity decides.
    """
    most = cap(people, rate)
    # The variance of a count of pairs is at most the sum over people of the squares of what each
    # counts; nobody counts more than ``most`` times, and all of them count twice as often as pairs.
    told = _tell(count_capped(pairs, most), people * (people - 1) // 2, most, 2 * most, draw)
    return Point(rate=rate, fmr=told)


def tell_false_non_matches(missed: int, people: int, draw: Draw) -> Told:
    """Tell the share of ``people`` who were not recognised; each of them counts once."""
    return _tell(missed, people, 1, 1, draw)


def noise(weight: int, draw: Draw) -> int:
    """Draw the noise of a count in which one person weighs so much."""
    decay = -_PART / weight

    def geometric() -> int:
        return math.floor(math.log(1.0 - draw()) / decay)

    return geometric() - geometric()


def noise_bound(weight: int) -> int:
    """What the size of the noise stays within, but for _HALF_DOUBT of all cases."""
    return math.ceil(-math.log(_HALF_DOUBT) * weight / _PART)


def _tell(count: int, cases: int, weight: int, cluster: int, draw: Draw) -> Told:
    seen = max(count + noise(weight, draw), 0)
    width = noise_bound(weight) + _SAMPLE_DEVIATIONS * math.sqrt(cluster * max(seen, 1))
    low, share, high = (
        float(f"{min(max(each / cases, 0.0), 1.0):.3g}")
        for each in (seen - width, seen, seen + width)
    )
    return Told(share=share, interval=(low, high))


def sign_calibration(
    calibration: TenantCalibration, *, kid: str, sign: Callable[[bytes], bytes]
) -> bytes:
    """Sign a calibration, so that nobody who writes to a table decides on thresholds."""
    document = calibration.model_dump(mode="json")
    return sign_document(document, kind=CALIBRATION, kid=kid, sign=sign)


def open_calibration(signed: bytes, *, public_keys: Iterable[PublicKey]) -> TenantCalibration:
    """Verify and read a calibration; IntegrityError unless it is one, signed by one of the keys."""
    document = open_document(signed, kind=CALIBRATION, public_keys=public_keys)
    try:
        return TenantCalibration.model_validate(document)
    except ValidationError:
        raise IntegrityError("a calibration is not of its form") from None
