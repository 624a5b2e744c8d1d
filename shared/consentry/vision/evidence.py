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

LEAST_SCORE: Final = 0.1  # of either detector, for a place to be weighed
_SAME_FACE: Final = 0.4  # intersection over union from which two boxes show one face
_SCORES: Final = (0.05, 0.98)  # the first stands for a detector that sees nothing
_MIDDLE_PIXELS: Final = 32  # height from which sizes are counted, in doublings
_SURE: Final = 0.5  # score of a neighbour that counts
_SIMILAR: Final = 1.0  # doublings of height within which a neighbour counts

# Weights of YuNet's and CenterFace's log odds, of the size in doublings, of either's log odds
# times the size, and of the logarithm of one plus the neighbours; then the constant.
_WEIGHTS: Final = np.array([0.802, 0.945, 0.185, -0.426, 0.354, 0.265], np.float32)
_CONSTANT: Final = -0.106


def weigh(yunet: Floats, centerface: Floats) -> Floats:
    """Bring together what the two detectors found: rows (n, 15) with the score last.

    Gives one row for each place, that of the surest look, with the likelihood, 0 to 1, as its
    score.
    """
    rows = np.concatenate([yunet, centerface])
    by_yunet = np.arange(len(rows)) < len(yunet)
    best, scores = [], []
    for members in group(rows[:, :4], rows[:, 14], _SAME_FACE):
        seen, which = rows[members, 14], by_yunet[members]
        best.append(members[0])
        scores.append((seen[which].max(initial=0), seen[~which].max(initial=0)))
    places = rows[np.array(best, np.intp)]
    heights = places[:, 3] - places[:, 1]
    places[:, 14] = likelihood(np.array(scores, np.float32).reshape(-1, 2), heights)
    return places


def likelihood(scores: Floats, heights: Floats) -> Floats:
    """Give (n,) likelihoods of scores (n, 2), YuNet's and CenterFace's, and heights in pixels."""
    size = np.log2(np.maximum(heights, 1) / _MIDDLE_PIXELS)
    sure = scores.max(axis=1) >= _SURE
    alike = (np.abs(size[:, None] - size) < _SIMILAR) & sure
    neighbours = alike.sum(axis=1) - sure  # without the place itself
    known = scores.clip(*_SCORES)
    odds = np.log(known / (1 - known))
    terms = np.column_stack([odds, size, odds * size[:, None], np.log1p(neighbours)])
    likely = 1 / (1 + np.exp(-(terms @ _WEIGHTS + _CONSTANT)))
    return np.asarray(likely, np.float32)
