"""Where the time goes: seconds by stage of the work, in whichever thread it was done.

A stage is counted for the caller, and for whoever the caller lends a hand by ``carried``. Work that
is done side by side counts in full on each side, so that stages may add up to more than passed.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from threading import Lock
from time import perf_counter
from typing import Final

MODEL: Final = "model "
"""What the stage of a model's runs begins with; its name follows."""


class _Meter:
    """What one caller has spent."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.lock = Lock()


_meter: ContextVar[_Meter] = ContextVar("stages")


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Count what is done within to a stage; stages do not hold others."""
    meter = _own()
    started = perf_counter()
    try:
        yield
    finally:
        seconds = perf_counter() - started
        with meter.lock:
            meter.seconds[name] += seconds


def spent() -> Mapping[str, float]:
    """Give the caller's seconds by stage, since ever; only differences tell."""
    meter = _own()
    with meter.lock:
        return dict(meter.seconds)


def model_seconds() -> float:
    """Give the caller's seconds inside of model runs, since ever; only differences tell."""
    return sum(seconds for name, seconds in spent().items() if name.startswith(MODEL))


def carried[Item, Result](work: Callable[[Item], Result]) -> Callable[[Item], Result]:
    """Let work count for the caller of this, wherever it is done."""
    _own()
    context = copy_context()
    return lambda item: context.copy().run(work, item)


def _own() -> _Meter:
    meter = _meter.get(None)
    if meter is None:
        meter = _Meter()
        _meter.set(meter)
    return meter
