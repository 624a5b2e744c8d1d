"""Verification on labelled pairs: accuracy as LFW's protocol has it, and FNMR at stated FMRs.

Thresholds come from all pairs of listed pictures that show different people, all against all:
the few thousand that a list names back no claim below an FMR of 1e-3 (rule of three). FNMR is of
the listed pairs of one person. A picture in which no face is found matches nothing. Where a
picture shows several faces, the label is of the one nearest to its middle.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from consentry.errors import ArgumentError
from consentry.evaluate.labels import Pair, person_of
from consentry.evaluate.rates import Rate, rate
from consentry.vision import TEMPLATE_VALUES, Face, Picture, Template, Vision

Floats = NDArray[np.float32]
Counts = NDArray[np.int64]
Track = Callable[[Sequence[str]], Iterable[str]]
"""Passes pictures on, and may show how far it is."""

FMRS: Final = ("1e-2", "1e-3", "1e-4", "1e-5", "1e-6")
GROUP_FMR: Final = "1e-4"
_STEPS: Final = 10_000  # of the cosines' histogram, per unit
_NO_MATCH: Final = -2.0  # below every cosine


@dataclass(frozen=True)
class Verification:
    """What was measured: the fields of the JSON document, in which rates are shares."""

    pictures: int
    people: int
    pairs: int
    genuine_pairs: int
    impostor_pairs: int
    failures_to_detect: int
    accuracy: float
    accuracy_deviation: float
    thresholds: Mapping[str, float]
    fnmr: Mapping[str, Rate]
    fnmr_by_group: Mapping[str, Rate]
    fmr_by_groups: Mapping[str, Mapping[str, float | int]]
    ms_per_picture: float

    def document(self) -> dict[str, Any]:
        """Give it for JSON; ``fnmr`` maps an FMR to a share, ``fnmr_detail`` to an interval too."""
        return vars(self) | {
            "fnmr": {fmr: round(each.share, 6) for fmr, each in self.fnmr.items()},
            "fnmr_detail": {fmr: each.document() for fmr, each in self.fnmr.items()},
            "fnmr_by_group": {name: each.document() for name, each in self.fnmr_by_group.items()},
        }


def evaluate(
    vision: Vision, images: Path, pairs: Sequence[Pair], groups: Mapping[str, str], track: Track
) -> Verification:
    """Measure verification on the pictures below ``images`` that ``pairs`` name.

    ``groups`` maps a picture's name to its group. Raises ArgumentError for a missing picture.
    """
    pictures = sorted({picture for pair in pairs for picture in (pair.first, pair.second)})
    begun = time.perf_counter()
    templates = [_template(vision, images / picture) for picture in track(pictures)]
    seconds = time.perf_counter() - begun
    seen = np.array([template is not None for template in templates])
    empty = np.zeros(TEMPLATE_VALUES, np.float32)
    vectors = np.array([empty if each is None else each for each in templates], np.float32)
    people = [person_of(picture) for picture in pictures]
    thresholds, impostors = _thresholds(vectors[seen], np.array(people)[seen])
    index = {picture: place for place, picture in enumerate(pictures)}
    cosines = np.array([_cosine(vectors, seen, index, pair) for pair in pairs])
    same = np.array([pair.same for pair in pairs])
    genuine = [pair for pair in pairs if pair.same]
    names = [person_of(pair.first) for pair in genuine]
    accuracies = _accuracies(cosines, same, np.array([pair.fold for pair in pairs]))
    group_of = np.array([groups.get(Path(picture).name, "") for picture in pictures])
    return Verification(
        pictures=len(pictures),
        people=len(set(people)),
        pairs=len(pairs),
        genuine_pairs=len(genuine),
        impostor_pairs=impostors,
        failures_to_detect=int((~seen).sum()),
        accuracy=round(float(np.mean(accuracies)), 6),
        accuracy_deviation=round(float(np.std(accuracies)), 6),
        thresholds=thresholds,
        fnmr={fmr: rate(cosines[same] < thresholds[fmr], names) for fmr in FMRS},
        fnmr_by_group=_fnmr_by_group(
            cosines[same] < thresholds[GROUP_FMR],
            names,
            group_of[[index[pair.first] for pair in genuine]],
        ),
        fmr_by_groups=_fmr_by_groups(
            vectors[seen], np.array(people)[seen], group_of[seen], thresholds[GROUP_FMR]
        ),
        ms_per_picture=round(seconds * 1000 / len(pictures), 1),
    )


def _template(vision: Vision, path: Path) -> Template | None:
    try:
        picture = vision.read(path.read_bytes())
    except OSError:
        raise ArgumentError("a picture of the list is not in the folder") from None
    faces = vision.detect(picture)
    return vision.template(picture, central(faces, picture)) if faces else None


def central(faces: Sequence[Face], picture: Picture) -> Face:
    """Give the face whose centre is nearest to the picture's."""

    def distance(face: Face) -> float:
        across = face.box.left + face.box.width / 2 - picture.width / 2
        down = face.box.top + face.box.height / 2 - picture.height / 2
        return across**2 + down**2

    return min(faces, key=distance)


def _cosine(
    vectors: Floats, seen: NDArray[np.bool_], index: Mapping[str, int], pair: Pair
) -> float:
    first, second = index[pair.first], index[pair.second]
    if not (seen[first] and seen[second]):
        return _NO_MATCH
    return float(vectors[first] @ vectors[second])


def _thresholds(vectors: Floats, people: NDArray[np.str_]) -> tuple[dict[str, float], int]:
    """Give the lowest cosine, rounded up, that at most the stated share of impostors reach."""
    counts: Counts = np.zeros(2 * _STEPS + 2, np.int64)
    for row in range(1, len(vectors)):
        others = vectors[:row][people[:row] != people[row]] @ vectors[row]
        places = np.floor((others + 1) * _STEPS).astype(np.int64).clip(0, 2 * _STEPS)
        counts += np.bincount(places, minlength=len(counts))
    total = int(counts.sum())
    if not total:
        raise ArgumentError("the list names no pictures of different people")
    reaching = counts[::-1].cumsum()[::-1]
    return {
        fmr: round(int(np.argmax(reaching <= float(fmr) * total)) / _STEPS - 1, 4) for fmr in FMRS
    }, total


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
