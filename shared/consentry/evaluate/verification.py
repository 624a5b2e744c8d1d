"""Verification on labelled pairs: accuracy as LFW's protocol has it, and FNMR at stated FMRs.

Thresholds come from all pairs of listed pictures that show different people. FNMR is of the listed
pairs of one person. A picture in which no face is found matches nothing. Where a picture shows
several faces, the one that the service would take is taken.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from consentry.evaluate.crossed import Crossed
from consentry.evaluate.impostors import Impostors, Threshold
from consentry.evaluate.labels import Pair
from consentry.evaluate.listed import Listed
from consentry.evaluate.quality import Curves, curves
from consentry.evaluate.rates import Rate, rate
from consentry.vision import TemplateProfile

Floats = NDArray[np.float32]

FMRS: Final = ("1e-1", "1e-2", "1e-3", "1e-4", "1e-5", "1e-6")
GROUP_FMR: Final = "1e-4"
# The DET curve: steps of 1, 2 and 5 from one in two down.
_CURVE: Final = tuple(step * 10.0**-decade for decade in range(1, 7) for step in (5, 2, 1))


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
    FMR and FNMR of thresholds from loose to strict, the points of ROC and DET curves; ``discard``
    tells what leaving out the worst pictures does to FNMR.
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
    fmr_by_groups: Mapping[str, Rate]
    discard: Curves
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
            "fmr_by_groups": {name: each.document() for name, each in self.fmr_by_groups.items()},
            "discard": self.discard.document(),
        }


def evaluate(
    listed: Listed,
    pairs: Sequence[Pair],
    groups: Mapping[str, str],
    profile: TemplateProfile,
    template_version: str,
) -> Verification:
    """Measure verification on the pictures that ``pairs`` name, by templates of one version.

    ``groups`` maps a picture's name to its group.
    """
    impostors = listed.impostors()
    places = listed.places(pairs)
    similarities = listed.similarities(places)
    same = np.array([pair.same for pair in pairs])
    names = listed.people[places[same, 0]].tolist()
    accuracies = _accuracies(similarities, same, np.array([pair.fold for pair in pairs]))
    group_of = np.array([groups.get(Path(picture).name, "") for picture in listed.pictures])
    grouped = (group_of != "").any()
    operating = {fmr: _operating(impostors, fmr, similarities[same], names) for fmr in FMRS}
    similarity_of = {fmr: each.threshold.similarity for fmr, each in operating.items()}
    seen = listed.seen
    return Verification(
        profile=profile.value,
        template_version=template_version,
        pictures=len(listed.pictures),
        people=len(set(listed.people.tolist())),
        pairs=len(pairs),
        genuine_pairs=len(names),
        impostor_pairs=impostors.pairs,
        failures_to_detect=int((~seen).sum()),
        accuracy=round(float(np.mean(accuracies)), 6),
        accuracy_deviation=round(float(np.std(accuracies)), 6),
        operating=operating,
        det=[_det(impostors.threshold(fmr), similarities[same]) for fmr in _CURVE],
        fnmr_by_group=_fnmr_by_group(
            similarities[same] < similarity_of[GROUP_FMR], names, group_of[places[same, 0]]
        ),
        fmr_by_groups=(
            Crossed(listed, group_of, similarity_of[GROUP_FMR]).rates() if grouped else {}
        ),
        discard=curves(listed, places[same], similarity_of),
        cpu_ms_per_picture=listed.cpu_ms,
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
