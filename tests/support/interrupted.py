"""What an interrupted measurement leaves behind, to go on from."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from consentry.evaluate.resume import Resume

KEY = bytes(range(32))
ABOUT = "this"


class KilledError(Exception):
    """What ends a run in the middle."""


def left_behind(file: Path, made: Mapping[str, object]) -> Resume:
    """Keep what was made of some pictures, break off, and give what goes on from there."""
    with pytest.raises(KilledError):
        _break_off(file, made)
    return Resume(file, KEY, ABOUT)


def _break_off(file: Path, made: Mapping[str, object]) -> None:
    with Resume(file, KEY, ABOUT) as resume:
        for picture, result in made.items():
            resume.keep(picture, result)
        raise KilledError
