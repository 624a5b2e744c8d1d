"""Is a release worse than the last one, overall or for any group, by more than noise?

Both are documents that this package wrote. Every rate that the older one gives with an interval
is looked up in the newer one: a group that is no longer measured cannot be told from one that
fares worse, so it fails as well. Differences within the noise of both measurements pass.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import hypot
from typing import Any, Final

from consentry.errors import ArgumentError
from consentry.evaluate.rates import Rate

# The first word on a rate's path says whether more of it is better.
_MORE_IS_BETTER: Final = {
    "coverage_detail": True,
    "coverage_by_group": True,
    "recall": True,
    "operating": False,
    "fnmr_by_group": False,
    "fmr_by_groups": False,
    "error_by_group": False,
    "kinds": False,
}


@dataclass(frozen=True)
class Step:
    """How one rate moved: before, now (None where it is no longer measured), and the verdict."""

    name: str
    before: Rate
    now: Rate | None
    worse: bool


def compare(baseline: Mapping[str, Any], measured: Mapping[str, Any]) -> list[Step]:
    """Compare two documents rate by rate; ArgumentError where the older one gives none."""
    new = dict(_rates(measured))
    steps = []
    for path, before in _rates(baseline):
        now = new.get(path)
        worse = now is None or _is_worse(before, now, more_is_better=_MORE_IS_BETTER[path[0]])
        steps.append(Step(" ".join(path), before, now, worse))
    if not steps:
        raise ArgumentError("the baseline holds no rate with an interval")
    return steps


def _is_worse(before: Rate, now: Rate, *, more_is_better: bool) -> bool:
    """Tell whether a rate fell, or rose, by more than both intervals' halves together explain.

    Of two independent measurements the variance of the difference is the sum of the variances.
    """
    loss = before.share - now.share if more_is_better else now.share - before.share
    if more_is_better:
        noise = hypot(before.share - before.interval[0], now.interval[1] - now.share)
    else:
        noise = hypot(before.interval[1] - before.share, now.share - now.interval[0])
    return loss > noise


def _rates(document: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Rate]]:
    for key in _MORE_IS_BETTER:
        yield from _below((key,), document.get(key))


def _below(path: tuple[str, ...], node: object) -> Iterator[tuple[tuple[str, ...], Rate]]:
    """Find the rates below a part of a document, as ``Rate.document`` gives them."""
    if not isinstance(node, Mapping):
        return
    if node.keys() == {"share", "cases", "interval"}:
        if node["cases"]:
            low, high = node["interval"]
            yield path, Rate(node["share"], node["cases"], (low, high))
        return
    for key, value in node.items():
        yield from _below((*path, key), value)
