"""Weigh what two detectors see at one place: how likely is it a face?

A detector's score is its own; two that were trained apart err apart. So the best score of each
goes, as log odds, into one sum (a logistic regression), in which three more things count: how
much a score is worth at a face's size, the size itself, and how many faces of about that size are
surely there, since one face in a crowd is seldom alone. What comes out is the share of such
places that are faces.

The weights were fitted on half of 197 pictures of WIDER FACE, against the labelled faces of the
pictures and against all that was seen in their parts without a labelled face.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from consentry.vision.geometry import group

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
Counts = NDArray[np.intp]

LEAST_SCORE: Final = 0.1  # of either detector, for a place to be weighed
_LIKELY: Final = 0.5  # likelihood from which a face is company
_SAME_FACE: Final = 0.4  # intersection over union from which two boxes show one face
_SCORES: Final = (0.05, 0.98)  # the first stands for a detector that sees nothing
_MIDDLE_PIXELS: Final = 32  # height from which sizes are counted, in doublings
_SURE: Final = 0.5  # score of a neighbour that counts
_SIMILAR: Final = 1.0  # doublings of height within which a neighbour counts

# Weights of YuNet's and CenterFace's log odds, of the size in doublings, of either's log odds
# times the size, and of the logarithm of one plus the neighbours; then the constant.
_WEIGHTS: Final = np.array([0.802, 0.945, 0.185, -0.426, 0.354, 0.265], np.float32)
_CONSTANT: Final = -0.106


def weigh(yunet: Floats, centerface: Floats) -> tuple[Floats, Bools]:
    """Bring together what the two detectors found: rows (n, 15) with the score last.

    Gives one row for each place, that of the surest look, with the likelihood, 0 to 1, as its
    score; and which places are alone: no other of about their size is more likely a face than not.
    """
    rows = np.concatenate([yunet, centerface])
    groups = [*group(rows[:, :4], rows[:, 14], _SAME_FACE)]
    of_row = np.empty(len(rows), np.intp)
    for number, members in enumerate(groups):
        of_row[members] = number
    scores = np.zeros((len(groups), 2), np.float32)
    of_detector = (np.arange(len(rows)) >= len(yunet)).astype(np.intp)
    np.maximum.at(scores, (of_row, of_detector), rows[:, 14])
    places = rows[np.array([members[0] for members in groups], np.intp)]
    heights = places[:, 3] - places[:, 1]
    places[:, 14] = likelihood(scores, heights)
    sizes, sure = _doublings(heights), places[:, 14] >= _LIKELY
    return places, _alike(sizes, sizes[sure]) == sure


def likelihood(scores: Floats, heights: Floats) -> Floats:
    """Give (n,) likelihoods of scores (n, 2), YuNet's and CenterFace's, and heights in pixels."""
    size = _doublings(heights)
    known = scores.clip(*_SCORES)
    odds = np.log(known / (1 - known))
    sure = scores.max(axis=1) >= _SURE
    neighbours = _alike(size, size[sure]) - sure  # without the place itself
    terms = np.column_stack([odds, size, odds * size[:, None], np.log1p(neighbours)])
    likely = 1 / (1 + np.exp(-(terms @ _WEIGHTS + _CONSTANT)))
    return np.asarray(likely, np.float32)


def _alike(sizes: Floats, others: Floats) -> Counts:
    """Count for each of sizes (n,) those of the others that are about as large, as (n,)."""
    least, most = np.searchsorted(np.sort(others), [sizes - _SIMILAR, sizes + _SIMILAR])
    counts: Counts = most - least
    return counts


def _doublings(heights: Floats) -> Floats:
    return np.log2(np.maximum(heights, 1) / _MIDDLE_PIXELS)
