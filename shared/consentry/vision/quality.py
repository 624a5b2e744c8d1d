"""How well a picture of a face serves for recognition, by the embedder that is to recognise it.

The length of the embedder's raw output is longer for faces that it knows how to tell apart, and
shorter for blurred, turned, dark or hidden ones. The face's size and pose, the detector's score,
how steady its landmarks are, and how alike a face and its mirror image, foretold failed comparisons
less well, each for itself, and added nothing when fitted together with it on other people. So
nothing else is asked.

A length means nothing by itself. The score is the share of a measured set of pictures whose length
is less: 0.25 is better than one picture in four. ``consentry evaluate quality`` measures the scale.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np
from numpy.typing import NDArray

from consentry.errors import LayerError

Doubles = NDArray[np.float64]

SCALE_STEPS: Final = 20  # of the scale: strengths at every twentieth of the pictures
# The worst tenth of portraits is in most of the comparisons that fail; in the better half few fail.
MEDIUM_FROM: Final = 0.1
HIGH_FROM: Final = 0.5


class QualityLevel(StrEnum):
    """Azure AI Face's levels of quality, worst first."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True)
class Quality:
    """``score`` is the share of measured portraits that are worse, 0 to 1."""

    score: float
    level: QualityLevel


@dataclass(frozen=True)
class QualityScale:
    """Rising strengths (SCALE_STEPS + 1,) of an embedder on measured pictures.

    ``embedder`` is the SHA-256 of its weights as published: in whatever graph they are put, what
    they answer stays the same.
    """

    embedder: str
    strengths: Doubles

    def judge(self, strength: float) -> Quality:
        """Judge a face by the strength of its embedding."""
        score = float(np.interp(strength, self.strengths, np.linspace(0, 1, SCALE_STEPS + 1)))
        return Quality(score, level_of(score))


def level_of(score: float) -> QualityLevel:
    """Name the level of a score."""
    if score < MEDIUM_FROM:
        return QualityLevel.LOW
    return QualityLevel.MEDIUM if score < HIGH_FROM else QualityLevel.HIGH


def scale_of(embedder: str, strengths: Doubles) -> QualityScale:
    """Make a scale of the strengths (n,) of measured pictures."""
    return QualityScale(embedder, np.quantile(strengths, np.linspace(0, 1, SCALE_STEPS + 1)))


def parse_scale(text: str) -> QualityScale:
    """Parse a file that ``consentry evaluate quality`` wrote; LayerError if it is malformed."""
    try:
        document: Mapping[str, object] = tomllib.loads(text)
        strengths = np.array(document["strengths"], np.float64)
        embedder = str(document["embedder"])
    except (tomllib.TOMLDecodeError, KeyError, ValueError, TypeError):
        raise LayerError("the scale of quality is malformed") from None
    if strengths.shape != (SCALE_STEPS + 1,) or not (np.diff(strengths) > 0).all():
        raise LayerError("the strengths of the scale of quality do not rise")
    return QualityScale(embedder, strengths)


@cache
def shipped_scale() -> QualityScale:
    """Read the scale of this package's first embedder."""
    file = files("consentry.vision.measured") / "quality.toml"
    return parse_scale(file.read_text(encoding="utf-8"))
