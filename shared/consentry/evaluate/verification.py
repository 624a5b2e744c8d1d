"""Verification on labelled pairs: accuracy as LFW's protocol has it, and FNMR at stated FMRs.

Thresholds come from all pairs of listed pictures that show different people. FNMR is of the listed
pairs of one person. A picture in which no face is found matches nothing. Where a picture shows
several faces, the one that the service would take is taken.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from consentry.evaluate.impostors import Impostors, Threshold
from consentry.evaluate.labels import Pair, person_of
from consentry.evaluate.rates import Rate, rate
from consentry.evaluate.templates import Makers
from consentry.vision import TEMPLATE_VALUES, TemplateProfile, Vision

Floats = NDArray[np.float32]
Track = Callable[[Sequence[str]], Iterable[str]]
"""Passes pictures on, and may show how far it is."""

FMRS: Final = ("1e-1", "1e-2", "1e-3", "1e-4", "1e-5", "1e-6")
GROUP_FMR: Final = "1e-4"
# The DET curve: steps of 1, 2 and 5 from one in two down.
_CURVE: Final = tuple(step * 10.0**-decade for decade in range(1, 7) for step in (5, 2, 1))
_NO_MATCH: Final = -2.0  # below every similarity


@dataclass(frozen=True)
class Operating:
    """A threshold: its FMR with a 95 % interval, and how many of the same people it refuses."""

    threshold: Threshold
    interval: tuple[float, float]
    fnmr: Rate

    def document(self) -> dict[str, Any]:
        """Give it for JSON."""
        return {
            "similarity": self.threshold.similarity,
            "fmr": self.threshold.fmr,
            "fmr_interval": list(self.interval),
            "impostors_reaching": self.threshold.matches,
            "is_backed": self.threshold.is_backed,
            "fnmr": self.fnmr.document(),
        }


@dataclass(frozen=True)
class Verification:
    """What was measured: the fields of the JSON document, in which rates are shares.

    ``operating`` and ``fnmr_by_group`` are keyed by FMR and by group; ``det`` holds similarity,
    FMR and FNMR of thresholds from loose to strict, the points of ROC and DET curves.
    """

    profile: str
    template_version: str
    pictures: int
    people: int
    pairs: int
    genuine_pairs: int
    impostor_pairs: int
    failures_to_detect: int
    accuracy: float
    accuracy_deviation: float
    operating: Mapping[str, Operating]
    det: Sequence[tuple[float, float, float]]
    fnmr_by_group: Mapping[str, Rate]
    fmr_by_groups: Mapping[str, Mapping[str, float | int]]
    cpu_ms_per_picture: float

    def document(self) -> dict[str, Any]:
        """Give it for JSON; ``fnmr`` maps an FMR to a share, ``operating`` to all about it."""
        return vars(self) | {
            "fnmr": {fmr: round(each.fnmr.share, 6) for fmr, each in self.operating.items()},
            "thresholds": {fmr: each.threshold.similarity for fmr, each in self.operating.items()},
            "operating": {fmr: each.document() for fmr, each in self.operating.items()},
            "det": [
                {"similarity": similarity, "fmr": fmr, "fnmr": round(fnmr, 6)}
                for similarity, fmr, fnmr in self.det
            ],
            "fnmr_by_group": {name: each.document() for name, each in self.fnmr_by_group.items()},
        }


def evaluate(
    makers: Makers,
    images: Path,
    pairs: Sequence[Pair],
    groups: Mapping[str, str],
    track: Track,
    *,
    profile: TemplateProfile = TemplateProfile.ACCURATE,
) -> Verification:
    """Measure verification on the pictures below ``images`` that ``pairs`` name.

    ``groups`` maps a picture's name to its group. Raises ArgumentError for a missing picture.
    """
    pictures = sorted({picture for pair in pairs for picture in (pair.first, pair.second)})
    made = [
        each
        for _, each in zip(track(pictures), makers.make(images, pictures, profile), strict=True)
    ]
    templates = [each.template for each in made]
    seen = np.array([template is not None for template in templates])
    empty = np.zeros(TEMPLATE_VALUES, np.float32)
    vectors = np.array([empty if each is None else each for each in templates], np.float32)
    people = np.array([person_of(picture) for picture in pictures])
    impostors = Impostors(vectors[seen], people[seen].tolist())
    index = {picture: place for place, picture in enumerate(pictures)}
    similarities = np.array([_similarity(vectors, seen, index, pair) for pair in pairs])
    same = np.array([pair.same for pair in pairs])
    genuine = [pair for pair in pairs if pair.same]
    names = [person_of(pair.first) for pair in genuine]
    accuracies = _accuracies(similarities, same, np.array([pair.fold for pair in pairs]))
    group_of = np.array([groups.get(Path(picture).name, "") for picture in pictures])
    operating = {fmr: _operating(impostors, fmr, similarities[same], names) for fmr in FMRS}
    group_threshold = operating[GROUP_FMR].threshold.similarity
    return Verification(
        profile=profile.value,
        template_version=Vision(makers.layer, makers.threads).template_version(profile),
        pictures=len(pictures),
        people=len(set(people.tolist())),
        pairs=len(pairs),
        genuine_pairs=len(genuine),
        impostor_pairs=impostors.pairs,
        failures_to_detect=int((~seen).sum()),
        accuracy=round(float(np.mean(accuracies)), 6),
        accuracy_deviation=round(float(np.std(accuracies)), 6),
        operating=operating,
        det=[_det(impostors.threshold(fmr), similarities[same]) for fmr in _CURVE],
        fnmr_by_group=_fnmr_by_group(
            similarities[same] < group_threshold,
            names,
            group_of[[index[pair.first] for pair in genuine]],
        ),
        fmr_by_groups=_fmr_by_groups(vectors[seen], people[seen], group_of[seen], group_threshold),
        cpu_ms_per_picture=round(float(np.median([each.seconds for each in made])) * 1000, 1),
    )


def _operating(
    impostors: Impostors, fmr: str, genuine: NDArray[np.floating], names: Sequence[str]
) -> Operating:
    threshold = impostors.threshold(float(fmr))
    missed = rate(genuine < threshold.similarity, names)
    return Operating(threshold, impostors.interval(float(fmr)), missed)


def _det(threshold: Threshold, genuine: NDArray[np.floating]) -> tuple[float, float, float]:
    missed = float((genuine < threshold.similarity).mean())
    return threshold.similarity, threshold.fmr, missed


def _similarity(
    vectors: Floats, seen: NDArray[np.bool_], index: Mapping[str, int], pair: Pair
) -> float:
    first, second = index[pair.first], index[pair.second]
    if not (seen[first] and seen[second]):
        return _NO_MATCH
    return float(vectors[first] @ vectors[second])


def _accuracies(
    cosines: NDArray[np.floating], same: NDArray[np.bool_], folds: NDArray[np.integer]
) -> list[float]:
    """Give each fold's accuracy at the threshold that is best on the other folds."""
    accuracies = []
    for fold in sorted(set(folds.tolist())):
        tested = folds == fold
        learned = ~tested if (~tested).any() else tested
        candidates = np.unique(cosines[learned])
        right = [((cosines[learned] >= least) == same[learned]).mean() for least in candidates]
        best = candidates[int(np.argmax(right))]
        accuracies.append(float(((cosines[tested] >= best) == same[tested]).mean()))
    return accuracies


def _fnmr_by_group(
    missed: NDArray[np.bool_], names: Sequence[str], groups: NDArray[np.str_]
) -> dict[str, Rate]:
    people = np.array(names)
    return {
        str(group): rate(missed[groups == group], people[groups == group].tolist())
        for group in sorted(set(groups.tolist()) - {""})
    }


def _fmr_by_groups(
    vectors: Floats, people: NDArray[np.str_], groups: NDArray[np.str_], threshold: float
) -> dict[str, dict[str, float | int]]:
    """Give the FMR of each pair of groups at one threshold."""
    found: dict[str, dict[str, float | int]] = {}
    names = sorted(set(groups.tolist()) - {""})
    for place, one in enumerate(names):
        for other in names[place:]:
            rows, columns = groups == one, groups == other
            different = people[rows][:, None] != people[columns][None]
            reached = vectors[rows] @ vectors[columns].T >= threshold
            pairs = int(different.sum())
            share = float((reached & different).sum()) / pairs if pairs else 0.0
            found[f"{one} - {other}"] = {"fmr": share, "pairs": pairs // (1 + (one == other))}
    return found
