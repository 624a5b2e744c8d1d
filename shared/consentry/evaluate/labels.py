"""Read what a data set says about its pictures; ArgumentError where a file says it wrongly.

Pairs are in the format of Labeled Faces in the Wild: a line with the number of folds and of
pairs per kind, then, fold by fold, pairs of one person (name, number, number) and of two (name,
number, name, number); the picture is NAME/NAME_0001.jpg. Boxes are in the format of WIDER FACE:
a picture's path, how many faces it has, and for each a line of left, top, width, height and,
where they are known, blur, expression, illumination, invalid, occlusion, pose.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from consentry.errors import ArgumentError
from consentry.vision import Box

_BOX_NUMBERS: Final = 4
_INVALID: Final = 7  # which of a box's numbers says that nobody could tell whether it is a face


@dataclass(frozen=True)
class Pair:
    """Two pictures by path below the data set, whether they show one person, and the fold."""

    first: str
    second: str
    same: bool
    fold: int


@dataclass(frozen=True)
class LabelledFace:
    """A face's box in pixels, and whether it counts: a box marked invalid does not."""

    box: Box
    counts: bool


def person_of(picture: str) -> str:
    """Give the person whom a picture of a pair shows."""
    return picture.partition("/")[0]


def read_pairs(path: Path) -> tuple[Pair, ...]:
    """Read a list of pairs."""
    rows = [line.split() for line in _lines(path)]
    try:
        folds, of_a_kind = (int(number) for number in rows[0])
        pairs = [_pair(row, index // (2 * of_a_kind)) for index, row in enumerate(rows[1:])]
    except (ValueError, IndexError, ZeroDivisionError):
        raise ArgumentError("the list of pairs is not in the format of LFW") from None
    if len(pairs) != folds * 2 * of_a_kind:
        raise ArgumentError("the list of pairs is shorter or longer than its first line says")
    return tuple(pairs)


def _pair(row: list[str], fold: int) -> Pair:
    if len(row) == 3:
        name, first, second = row
        return Pair(_picture(name, first), _picture(name, second), same=True, fold=fold)
    name, first, other, second = row
    return Pair(_picture(name, first), _picture(other, second), same=False, fold=fold)


def _picture(name: str, number: str) -> str:
    return f"{name}/{name}_{int(number):04}.jpg"


def read_boxes(path: Path) -> dict[str, tuple[LabelledFace, ...]]:
    """Read the labelled faces of each picture, by its path below the data set."""
    lines = iter(_lines(path))
    try:
        return {picture: tuple(_faces(lines)) for picture in lines}
    except (ValueError, StopIteration, RuntimeError):
        raise ArgumentError("the list of boxes is not in the format of WIDER FACE") from None


def _faces(lines: Iterator[str]) -> Iterator[LabelledFace]:
    count = int(next(lines))
    for _ in range(max(count, 1)):  # where there is no face, there is one line of zeros
        numbers = [float(number) for number in next(lines).split()]
        left, top, width, height = numbers[:_BOX_NUMBERS]
        if count:
            valid = len(numbers) <= _INVALID or not numbers[_INVALID]
            yield LabelledFace(Box(left, top, width, height), valid and width * height > 0)


def read_groups(paths: list[Path]) -> dict[str, str]:
    """Read the group of each picture, by its name; a picture in no file has none.

    A line is ``picture`` or ``picture,group``; without a group, the file's name is the group.
    """
    groups = {}
    for path in paths:
        for row in csv.reader(_lines(path)):
            picture, group = (*row, path.stem)[:2]
            groups[Path(picture).name] = group
    return groups


def read_demographics(path: Path, folder: str) -> dict[tuple[str, int], dict[str, str]]:
    """Read what is perceived of labelled faces, by picture and index in its list of boxes.

    A CSV file with the columns ``file``, ``face`` and one for each thing that was perceived. A
    file's path may begin with the name of the pictures' ``folder``.
    """
    reader = csv.DictReader(_lines(path))
    try:
        return {
            (row.pop("file").removeprefix(f"{folder}/"), int(row.pop("face"))): row
            for row in reader
        }
    except (KeyError, ValueError, TypeError):
        raise ArgumentError("the demographics lack the columns file and face") from None


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise ArgumentError("a file of labels cannot be read") from None
    return [line.strip() for line in text.splitlines() if line.strip()]
