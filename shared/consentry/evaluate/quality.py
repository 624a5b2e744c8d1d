"""Whether the quality score foretells failed comparisons: the error-versus-discard characteristic.

Pairs of one person are compared at a threshold from all pairs of different people. Then the worst
are left out, and one looks how many of the false non-matches go with them. What is left out is
either a share of the pictures, with every comparison that one of them is in, as whoever refuses
bad pictures would; or a share of the comparisons, each as good as the worse of its two pictures.
(P. Grother, E. Tabassi: Performance of biometric quality measures, IEEE Transactions on Pattern
Analysis and Machine Intelligence 29, 2007; ISO/IEC 29794-1)

Chance would remove as many false non-matches as comparisons. The score is a rank among pictures,
so ranks decide here and the shipped scale does not matter. A picture without a face is the worst.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from consentry.evaluate.listed import Listed
from consentry.evaluate.rates import Rate, rate
from consentry.vision import QualityLevel
from consentry.vision.quality import QualityScale, level_of, scale_of

Doubles = NDArray[np.float64]
Bools = NDArray[np.bool_]
Places = NDArray[np.int64]

FMRS: Final = ("1e-3", "1e-4", "1e-5")
LEVEL_FMR: Final = "1e-4"
DISCARDED: Final = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)


@dataclass(frozen=True)
class Discard:
    """What leaving out the worst does at one FMR.

    ``discarded`` is the share of what is left out, ``comparisons`` the share of comparisons that
    go with it; ``removed`` is of the false non-matches, ``fnmr`` of the comparisons that stay.
    """

    fmr: str
    discarded: float
    comparisons: float
    removed: Rate
    fnmr: Rate

    def document(self) -> dict[str, Any]:
        """Give it for JSON."""
        return {
            "fmr": self.fmr,
            "discarded": self.discarded,
            "comparisons": round(self.comparisons, 6),
            "removed": self.removed.document(),
            "fnmr": self.fnmr.document(),
        }


@dataclass(frozen=True)
class Curves:
    """Of so many ``pairs`` of one person: by what is left out, and FNMR by the worse's level."""

    pairs: int
    by_picture: Sequence[Discard]
    by_comparison: Sequence[Discard]
    levels: Mapping[str, Rate]

    def document(self) -> dict[str, Any]:
        """Give it for JSON."""
        return {
            "pairs": self.pairs,
            "by_picture": [each.document() for each in self.by_picture],
            "by_comparison": [each.document() for each in self.by_comparison],
            "fnmr_by_level": {level: each.document() for level, each in self.levels.items()},
        }


@dataclass(frozen=True)
class QualityFigures:
    """What was measured: of the pairs that are listed, and of every two pictures of one person."""

    pictures: int
    people: int
    failures_to_detect: int
    scale: QualityScale
    listed: Curves
    every: Curves

    def document(self) -> dict[str, Any]:
        """Give it for JSON."""
        return {
            "pictures": self.pictures,
            "people": self.people,
            "failures_to_detect": self.failures_to_detect,
            "strengths": [round(float(each), 4) for each in self.scale.strengths],
            "listed": self.listed.document(),
            "every": self.every.document(),
        }


def evaluate(listed: Listed, genuine: Places, embedder: str) -> QualityFigures:
    """Measure the quality score on ``genuine`` (n, 2) and on every two pictures of one person.

    ``embedder`` is the SHA-256 of the published weights whose strengths they are.
    """
    thresholds = _thresholds(listed)
    return QualityFigures(
        pictures=len(listed.pictures),
        people=len(set(listed.people.tolist())),
        failures_to_detect=int((~listed.seen).sum()),
        scale=scale_of(embedder, listed.strengths[listed.seen]),
        listed=curves(listed, genuine, thresholds),
        every=curves(listed, listed.of_one_person(), thresholds),
    )


def _thresholds(listed: Listed) -> dict[str, float]:
    impostors = listed.impostors()
    return {fmr: impostors.threshold(float(fmr)).similarity for fmr in FMRS}


def curves(listed: Listed, genuine: Places, thresholds: Mapping[str, float]) -> Curves:
    """Leave out the worst of the pairs of one person (n, 2), at the similarities of FMRS."""
    ranks = _ranks(listed.strengths)
    worse = ranks[genuine].min(axis=1)
    places = _ranks(worse)
    similarities = listed.similarities(genuine)
    people = listed.people[genuine[:, 0]]
    missed = {fmr: similarities < thresholds[fmr] for fmr in FMRS}
    left_out = {share: (worse < share, places < share) for share in DISCARDED}
    by_picture, by_comparison = (
        [
            _discard(fmr, share, gone[kind], missed[fmr], people)
            for fmr in FMRS
            for share, gone in left_out.items()
        ]
        for kind in (0, 1)
    )
    levels = np.array([level_of(rank).value for rank in worse])
    return Curves(
        pairs=len(genuine),
        by_picture=by_picture,
        by_comparison=by_comparison,
        levels={
            level.value: rate(missed[LEVEL_FMR][levels == level], people[levels == level].tolist())
            for level in QualityLevel
        },
    )


def _ranks(values: Doubles) -> Doubles:
    """Give the share of the values (n,) that are less than each; ties in their order."""
    ranks = np.empty(len(values))
    ranks[np.argsort(values, kind="stable")] = np.arange(len(values)) / max(len(values), 1)
    return ranks


def _discard(
    fmr: str, share: float, gone: Bools, missed: Bools, people: NDArray[np.str_]
) -> Discard:
    return Discard(
        fmr=fmr,
        discarded=share,
        comparisons=float(gone.mean()) if len(gone) else 0.0,
        removed=rate(gone[missed], people[missed].tolist()),
        fnmr=rate(missed[~gone], people[~gone].tolist()),
    )
