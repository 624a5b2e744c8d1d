"""Shares of errors, and how far to trust them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]

_RESAMPLINGS: Final = 1000
_SEED: Final = 0  # the same data give the same interval
PERCENT: Final = (2.5, 97.5)  # of what bootstraps give: a 95 % interval
NONE_SEEN: Final = 3.0  # the rule of three: nothing in n trials leaves at most 3/n, at 95 %


@dataclass(frozen=True)
class Rate:
    """A share, how many cases it is of, and its 95 % interval; NaN, 0 and (0, 1) of none."""

    share: float
    cases: int
    interval: tuple[float, float]

    def document(self) -> dict[str, Any]:
        """Give it for JSON."""
        low, high = self.interval
        share = round(self.share, 6) if self.cases else None
        return {"share": share, "cases": self.cases, "interval": [round(low, 6), round(high, 6)]}


def rate(events: Bools, clusters: Sequence[str]) -> Rate:
    """Give the share of events (n,), each of which belongs to a cluster: a person or a picture.

    What one person's pictures show is not independent, so the interval comes from a bootstrap
    over clusters, or, where it would be empty for want of events, from the rule of three.
    """
    cases = len(events)
    if not cases:
        return Rate(float("nan"), 0, (0.0, 1.0))
    share = float(events.mean())
    if share in {0.0, 1.0}:
        margin = min(NONE_SEEN / cases, 1.0)
        return Rate(share, cases, (0.0, margin) if share == 0.0 else (1.0 - margin, 1.0))
    _, cluster = np.unique(np.asarray(clusters), return_inverse=True)
    sizes = np.bincount(cluster)
    sums = np.bincount(cluster, weights=events)
    drawn = np.random.default_rng(_SEED).integers(len(sizes), size=(_RESAMPLINGS, len(sizes)))
    shares = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.percentile(shares, PERCENT)
    return Rate(share, cases, (float(low), float(high)))
