"""The model layer and the sample photographs that set-up puts into the checkout."""

from functools import cache
from pathlib import Path

from consentry.errors import LayerError
from consentry.vision import Vision
from consentry.vision.layer import verify

_ROOT = Path(__file__).resolve().parents[2]
_LAYER = _ROOT / ".consentry" / "layer"
_SAMPLES = _ROOT / ".consentry" / "samples"


def layer_dir() -> Path:
    """The folder of model layers, checked to hold the pinned one."""
    _checked_layer()
    return _LAYER


def sample(name: str) -> bytes:
    """A sample photograph, such as ``person_a_1.jpg``."""
    try:
        return (_SAMPLES / name).read_bytes()
    except FileNotFoundError:
        raise AssertionError("the sample photographs are missing; run `make setup`") from None


@cache
def vision() -> Vision:
    """The core on the pinned layer, loaded once for all tests of a process."""
    return Vision(layer_dir(), threads=2)


@cache
def _checked_layer() -> None:
    try:
        verify(_LAYER)
    except LayerError as error:
        raise AssertionError(f"{error}; run `make setup`") from None
