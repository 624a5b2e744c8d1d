"""Rate limits: how many calls of a clock minute an instance may take at a time.

A minute has as many calls as the approval's conditions say. Instances take them in leases from
one ledger, so that a call seldom costs a write. A lease ends with its minute, used or not, and
the ledger only grows within one: so in every minute of the clock all instances together let in
at most the limit, and in any 60 seconds at most twice that. What one instance leases and does
not use is lost to the others: less than one lease for each.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

WINDOW_SECONDS: Final = 60
LEASES_PER_WINDOW: Final = 20
"""A full minute is leased in about so many parts, whatever the rate: that many writes."""


@dataclass(frozen=True)
class Ledger:
    """What was leased of one minute; ``window`` counts minutes since 1970, UTC."""

    window: int
    leased: int


def window_of(now: datetime) -> int:
    """Give the number of the minute in which an instant lies."""
    return int(now.timestamp() // WINDOW_SECONDS)


def lease(before: Ledger | None, limit: int, now: datetime) -> tuple[Ledger, int]:
    """Take the next lease: the ledger afterwards, and the calls that it gives, 0 for none.

    A ledger of a later minute, written by a clock that is ahead, is kept to: whoever is behind
    takes from that minute, so that no minute is counted twice.
    """
    window = window_of(now)
    if before is None or before.window < window:
        before = Ledger(window, 0)
    part = max(1, limit // LEASES_PER_WINDOW)
    granted = max(0, min(part, limit - before.leased))
    return Ledger(before.window, before.leased + granted), granted


def is_used_up(ledger: Ledger, limit: int, now: datetime) -> bool:
    """Tell whether this minute has no more calls to lease."""
    return ledger.window >= window_of(now) and ledger.leased >= limit


def seconds_to_next(ledger: Ledger, now: datetime) -> int:
    """Whole seconds after which the minute of this ledger is over, at least 1."""
    end = (ledger.window + 1) * WINDOW_SECONDS
    return max(1, end - int(now.timestamp()))
