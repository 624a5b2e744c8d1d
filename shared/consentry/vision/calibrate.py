"""From the similarity of two templates to a rate of error, and to Azure AI Face's confidence.

A calibration says which share of pairs of different people reach a similarity (FMR, false match
rate), and holds for the templates of one version only. ``consentry evaluate verification`` measures
it and writes it to a file; those of this package lie in ``consentry.vision.measured``. Between the
measured points, and beyond them, log10(FMR) is taken as linear in the similarity. What lies beyond
the outermost points is extrapolated and marked so, and nothing is decided at a rate beyond them.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from consentry.errors import LayerError

CALIBRATION_VERSION: Final = 1
# Azure AI Face publishes that confidence t stands for a false match rate of 10 ** (-10 t).
_DECADES: Final = 10.0


@dataclass(frozen=True)
class Point:
    """A threshold: its similarity, the FMR measured there, and that rate's 95 % interval."""

    similarity: float
    fmr: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class Estimate:
    """A false match rate, its 95 % interval, and whether it lies beyond what was measured."""

    fmr: float
    interval: tuple[float, float]
    is_extrapolated: bool


@dataclass(frozen=True)
class Calibration:
    """What was measured, on what: ``points`` by rising similarity and falling FMR, two or more.

    ``template_version`` says whose similarities they are; ``impostor_pairs`` is how many pairs of
    different people there were, among so many pictures and people.
    """

    data: str
    pictures: int
    people: int
    impostor_pairs: int
    template_version: str
    points: tuple[Point, ...]

    @property
    def least_fmr(self) -> float:
        """The smallest FMR that the data back."""
        return self.points[-1].fmr

    def estimate(self, similarity: float) -> Estimate:
        """Give the FMR of a threshold at this similarity, each rate at most 1.

        Beyond the points the interval stays as wide, in decades, as at the outermost one.
        """
        fmr = self._fmr(similarity)
        low, high = (
            fmr * 10.0 ** np.interp(similarity, self._similarities(), widths)
            for widths in np.log10([np.divide(each.interval, each.fmr) for each in self.points]).T
        )
        return Estimate(
            fmr,
            (float(low), float(min(high, 1.0))),
            is_extrapolated=not self.points[0].similarity
            <= similarity
            <= self.points[-1].similarity,
        )

    def similarity_at(self, fmr: float) -> float:
        """Give the similarity at which the FMR is ``fmr``; ValueError unless 0 < fmr <= 1."""
        if not 0.0 < fmr <= 1.0:
            raise ValueError("a false match rate lies above 0 and is at most 1")
        return _interpolate(-float(np.log10(fmr)), self._decimals(), self._similarities())

    def confidence(self, similarity: float) -> float:
        """Give Azure AI Face's confidence: -log10(FMR) / 10, within 0 to 1."""
        return float(np.clip(-np.log10(self._fmr(similarity)) / _DECADES, 0.0, 1.0))

    def confidence_at(self, fmr: float) -> float:
        """Give the confidence that stands for an FMR; ValueError unless 0 < fmr <= 1."""
        return self.confidence(self.similarity_at(fmr))

    def _fmr(self, similarity: float) -> float:
        decimals = _interpolate(similarity, self._similarities(), self._decimals())
        return float(min(10.0**-decimals, 1.0))

    def _similarities(self) -> list[float]:
        return [point.similarity for point in self.points]

    def _decimals(self) -> list[float]:
        return [-float(np.log10(point.fmr)) for point in self.points]


def pairs_reaching(templates: NDArray[np.float32], similarity: float) -> list[tuple[int, int]]:
    """Give the pairs of templates (n, values) that reach a similarity, first (0, 1), (0, 2) …."""
    first, second = np.nonzero(np.triu(templates @ templates.T >= similarity, 1))
    return list(zip(first.tolist(), second.tolist(), strict=True))


def parse_calibration(text: str) -> Calibration:
    """Parse a calibration file; LayerError where it does not say what one says."""
    try:
        document = tomllib.loads(text)
        if document["version"] != CALIBRATION_VERSION:
            raise LayerError("the calibration has an unknown version")
        calibration = Calibration(
            data=document["data"],
            pictures=document["pictures"],
            people=document["people"],
            impostor_pairs=document["impostor_pairs"],
            template_version=document["template_version"],
            points=tuple(_point(each) for each in document["threshold"] if each["is_backed"]),
        )
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise LayerError(f"the calibration is malformed: {type(error).__name__}") from None
    if len(calibration.points) < 2 or not all(
        one.similarity < other.similarity and one.fmr > other.fmr
        for one, other in pairwise(calibration.points)
    ):
        raise LayerError("the points of the calibration are not in order")
    return calibration


@cache
def shipped() -> Calibration:
    """Read the calibration of this package's own templates, of the profile ``accurate``."""
    file = files("consentry.vision.measured") / "verification.toml"
    return parse_calibration(file.read_text(encoding="utf-8"))


def _point(entry: Mapping[str, Any]) -> Point:
    low, high = map(float, entry["fmr_interval"])
    point = Point(float(entry["similarity"]), float(entry["fmr"]), (low, high))
    if not 0.0 < low <= point.fmr <= high <= 1.0:
        raise LayerError("a rate of the calibration lies outside of its interval")
    return point


def _interpolate(x: float, xs: Sequence[float], ys: Sequence[float]) -> float:
    """Linear between the points, and beyond them along the nearest two."""
    index = int(np.clip(np.searchsorted(xs, x) - 1, 0, len(xs) - 2))
    slope = (ys[index + 1] - ys[index]) / (xs[index + 1] - xs[index])
    return float(ys[index] + (x - xs[index]) * slope)
