"""Make times that grow of those that a file tells.

Times are kept as they are where they can be. A frame without one, or whose time does not follow
that of the frame before, gets the next one by the file's frame rate, and what follows is moved
along, so that frames neither vanish nor pile up.
"""

from fractions import Fraction

from consentry.limits import VIDEO_GAP_SECONDS_MAX


class Clock:
    """Makes times that grow, in ticks since the first frame."""

    def __init__(self, tick: Fraction, rate: Fraction) -> None:
        self._step = max(int(1 / (rate * tick)), 1)
        self._longest = int(VIDEO_GAP_SECONDS_MAX / tick)
        self._last: int | None = None
        self._shift = 0
        self.repaired = 0

    def next(self, told: int | None) -> int:
        """Give the time of the next frame, whose file tells ``told``."""
        if self._last is None:
            self._shift = -(told or 0)
            self._last = 0
            return 0
        expected = self._last + self._step
        if told is None or not 0 < told + self._shift - self._last <= self._longest:
            self.repaired += 1
            if told is not None:
                self._shift = expected - told
            self._last = expected
        else:
            self._last = told + self._shift
        return self._last
