"""From a cosine of two templates to a rate of error, and to Azure AI Face's confidence.

The table says which share of pairs of different people reach a cosine (FMR, false match rate).
``consentry evaluate verification`` measured it, on 3,811 pictures of 2,086 people, folds 1 to 5 of
View 2 of the deep-funneled Labeled Faces in the Wild: 7.26 million pairs of different people, all
against all, cosines rounded up. Of the 1,500 listed pairs of one person, 1.4 %, 2.8 % and 4.7 %
fall below the three cosines. Those are portraits from the news: other cameras, ages and peoples
have other rates, and at 1e-5 only 72 pairs decide, so the set is far too small for a claim beyond
1e-5. Between the measured points, and beyond them, log10(FMR) is taken as linear in the cosine;
what lies beyond them is extrapolated, and ``is_extrapolated`` says so.
"""

from typing import Final

import numpy as np

# (cosine, FMR), by falling FMR.
MEASURED: Final = ((0.368, 1e-3), (0.424, 1e-4), (0.473, 1e-5))
# Azure AI Face publishes that confidence t stands for a false match rate of 10 ** (-10 t).
_DECADES: Final = 10.0

_COSINES: Final = np.array([cosine for cosine, _ in MEASURED])
_DECIMALS: Final = np.array([-np.log10(rate) for _, rate in MEASURED])


def false_match_rate(similarity: float) -> float:
    """Give the FMR, at most 1, of a threshold at this cosine (-1 to 1)."""
    return float(min(10.0 ** -_interpolate(similarity, _COSINES, _DECIMALS), 1.0))


def similarity_at(fmr: float) -> float:
    """Give the cosine at which the FMR is ``fmr``; ValueError unless 0 < fmr <= 1."""
    if not 0.0 < fmr <= 1.0:
        raise ValueError("a false match rate lies above 0 and is at most 1")
    return _interpolate(-float(np.log10(fmr)), _DECIMALS, _COSINES)


def is_extrapolated(similarity: float) -> bool:
    """Tell whether a cosine lies outside what was measured."""
    return not float(_COSINES[0]) <= similarity <= float(_COSINES[-1])


def confidence(similarity: float) -> float:
    """Give Azure AI Face's confidence of a cosine: -log10(FMR) / 10, within 0 to 1."""
    return float(np.clip(_interpolate(similarity, _COSINES, _DECIMALS) / _DECADES, 0.0, 1.0))


def confidence_at(fmr: float) -> float:
    """Give the confidence that stands for a false match rate; ValueError unless 0 < fmr <= 1."""
    return confidence(similarity_at(fmr))


def _interpolate(x: float, xs: np.ndarray, ys: np.ndarray) -> float:
    """Linear between the points, and beyond them along the nearest two."""
    index = int(np.clip(np.searchsorted(xs, x) - 1, 0, len(xs) - 2))
    slope = (ys[index + 1] - ys[index]) / (xs[index + 1] - xs[index])
    return float(ys[index] + (x - xs[index]) * slope)
