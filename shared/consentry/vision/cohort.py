"""The middle of many people's faces, which an embedder's output is taken from.

What all faces have in common says nothing about who somebody is. Without the mean of a cohort,
two people are as alike as two angles from the origin happen to be; measured from the middle, the
similarity of different people scatters about zero, and fewer of them reach any threshold.
The cohort ships as these 128 numbers; no face, and nothing of one person, is in them.
"""

import json
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from consentry.errors import LayerError

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Cohort:
    """The mean (values,) of the first embedder's output of length 1, over so many people."""

    embedder: str
    data: str
    people: int
    mean: Floats

    def document(self) -> str:
        """Write it as TOML."""
        return (
            "# Written by `consentry evaluate cohort`; measure again instead of changing it.\n"
            f"embedder = {json.dumps(self.embedder)}\n"
            f"data = {json.dumps(self.data, ensure_ascii=False)}\n"
            f"people = {self.people}\n"
            f"mean = [\n{_numbers(self.mean)}]\n"
        )


@cache
def shipped_cohort() -> Cohort:
    """Read the cohort of this package; LayerError where the file is damaged."""
    text = (files("consentry.vision.measured") / "cohort.toml").read_text(encoding="utf-8")
    try:
        document = tomllib.loads(text)
        mean = np.array(document["mean"], np.float32)
        return Cohort(document["embedder"], document["data"], document["people"], mean)
    except (tomllib.TOMLDecodeError, KeyError, ValueError, TypeError):
        raise LayerError("the statistics of the cohort are malformed") from None


def _numbers(values: Iterable[np.float32]) -> str:
    return "".join(f"    {value:.6f},\n" for value in values)
