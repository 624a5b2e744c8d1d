"""How unequally errors fall on groups: the worst group, and how far the best is from it.

Fairlearn's MetricFrame gives the worst group, the difference between the greatest and the least
error rate, and their ratio, 1 where all fare alike. A difference of a few cases is chance, so each
has a 95 % interval, by bootstrap over people (over pictures, for detection). In a sample, groups
that fare alike always differ a little: an interval says something where it begins well above zero,
and nothing where a group has few cases.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from fairlearn.metrics import MetricFrame, selection_rate
from numpy.typing import NDArray

from consentry.errors import ArgumentError
from consentry.evaluate.crossed import Crossed
from consentry.evaluate.detection import Case
from consentry.evaluate.labels import Pair
from consentry.evaluate.listed import Listed
from consentry.evaluate.rates import PERCENT, Rate, rate
from consentry.vision import TemplateProfile

Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]
Count = Callable[[Integers], tuple[Doubles, Doubles]]
"""Takes how often each person was drawn, and gives the errors and the cases of each group."""

FMR: Final = 1e-4  # of all pairs together, at whose threshold groups are compared
FEW_CASES: Final = 30  # of a group, below which its rate is an anecdote
NO_GROUP: Final = ("", "Not Sure", "Unknown")  # what annotators say of no group
_RESAMPLINGS: Final = 200
_SEED: Final = 0  # the same data give the same interval


@dataclass(frozen=True)
class Extent:
    """A figure and its 95 % interval; NaN where no group has an error."""

    value: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class Disparity:
    """Error rates by group, and how unequal they are; ``few`` names groups of FEW_CASES or less."""

    groups: Mapping[str, Rate]
    worst: str
    difference: Extent
    ratio: Extent

    @property
    def few(self) -> list[str]:
        """Groups of fewer cases than FEW_CASES."""
        return [name for name, each in self.groups.items() if each.cases < FEW_CASES]


@dataclass(frozen=True)
class Fairness:
    """Disparities by what the errors are, or by what the groups are of."""

    errors: str
    disparities: Mapping[str, Disparity]

    def document(self) -> dict[str, Any]:
        """Give it for JSON."""
        return {
            "errors": self.errors,
            "error_by_group": {
                of: {name: each.document() for name, each in one.groups.items()}
                for of, one in self.disparities.items()
            },
            "disparities": [
                {
                    "of": of,
                    "worst": one.worst,
                    "groups_of_few_cases": ", ".join(one.few),
                    **_told("difference", one.difference),
                    **_told("ratio", one.ratio),
                }
                for of, one in self.disparities.items()
            ],
        }


def of_verification(
    listed: Listed, pairs: Sequence[Pair], groups: Mapping[str, str], profile: TemplateProfile
) -> Fairness:
    """Compare groups by false non-matches of the listed pairs, and by false matches of all pairs.

    ``groups`` maps a picture's name to its group; templates are of one profile. Raises
    ArgumentError for fewer than two groups.
    """
    threshold = listed.impostors().threshold(FMR).similarity
    group_of = np.array([groups.get(Path(picture).name, "") for picture in listed.pictures])
    places = listed.places([pair for pair in pairs if pair.same])
    crossed = Crossed(listed, group_of, threshold)
    return Fairness(
        f"of verification, profile {profile.value}, at an FMR of {FMR:g} of all pairs together",
        {
            "false non-matches": of_cases(
                listed.similarities(places) < threshold,
                group_of[places[:, 0]],
                listed.people[places[:, 0]],
            ),
            "false matches": disparity(crossed.rates(), crossed.count, crossed.people),
        },
    )


def of_detection(cases: Sequence[Case]) -> Fairness:
    """Compare groups of labelled faces, by what was perceived of them, by how many stay visible."""
    visible = np.array([not case.covered for case in cases])
    pictures = np.array([case.picture for case in cases])
    kinds = sorted({kind for case in cases for kind in case.groups})
    return Fairness(
        "of redaction: labelled faces that stayed visible",
        {
            kind: of_cases(
                visible, np.array([case.groups.get(kind, "") for case in cases]), pictures
            )
            for kind in kinds
        },
    )


def of_cases(
    errors: NDArray[np.bool_], groups: NDArray[np.str_], people: NDArray[np.str_]
) -> Disparity:
    """Compare groups of cases (n,), each of one group and one person, or picture."""
    kept = ~np.isin(groups, NO_GROUP)
    errors, people = errors[kept], people[kept]
    names, group = np.unique(groups[kept], return_inverse=True)
    persons, person = np.unique(people, return_inverse=True)

    def count(drawn: Integers) -> tuple[Doubles, Doubles]:
        weights = drawn[person].astype(np.float64)
        return (
            np.bincount(group, weights * errors, len(names)),
            np.bincount(group, weights, len(names)),
        )

    rates = {
        str(name): rate(errors[group == place], people[group == place].tolist())
        for place, name in enumerate(names)
    }
    return disparity(rates, count, len(persons))


def disparity(groups: Mapping[str, Rate], count: Count, people: int) -> Disparity:
    """Compare two or more groups; ``count`` is asked again and again, for draws of ``people``.

    Raises ArgumentError for fewer than two groups.
    """
    if len(groups) < 2:
        raise ArgumentError("fewer than two groups have a case, so there is nothing to compare")
    generator = np.random.default_rng(_SEED)
    drawn = generator.multinomial(people, np.full(people, 1 / people), _RESAMPLINGS)
    counted = [count(each) for each in (np.ones(people, np.int64), *drawn)]
    frame = _frame(list(groups), *map(np.array, zip(*counted, strict=True)))
    difference, ratio = frame.difference(), frame.ratio()
    return Disparity(
        groups,
        str(frame.by_group.loc[0].idxmax()),
        Extent(float(difference.loc[0]), _interval(difference.drop(0))),
        Extent(float(ratio.loc[0]), _interval(ratio.drop(0))),
    )


def _frame(names: Sequence[str], errors: Doubles, cases: Doubles) -> MetricFrame:
    """Frame errors and cases (draws, groups) by draw; a group of no cases in a draw has no rate."""
    draw, group = np.nonzero(cases)
    missed, right = errors[draw, group], (cases - errors)[draw, group]
    return MetricFrame(
        metrics=selection_rate,
        y_true=np.zeros(2 * len(draw)),  # which a share of errors does not ask for
        y_pred=np.tile([1, 0], len(draw)),
        sensitive_features=np.repeat(np.array(names)[group], 2),
        control_features=np.repeat(draw, 2),
        sample_params={"sample_weight": np.stack([missed, right], axis=1).ravel()},
    )


def _interval(values: Iterable[float]) -> tuple[float, float]:
    known = [value for value in values if not np.isnan(value)]
    if not known:
        return 0.0, 1.0
    low, high = np.percentile(known, PERCENT)
    return float(low), float(high)


def _told(name: str, extent: Extent) -> dict[str, Any]:
    low, high = extent.interval
    value = None if np.isnan(extent.value) else round(extent.value, 6)
    return {name: value, f"{name}_interval": [round(low, 6), round(high, 6)]}
