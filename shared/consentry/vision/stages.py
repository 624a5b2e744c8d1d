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
        self.in_models = 0.0
        self._running = 0
        self._lock = Lock()

    def enter(self, name: str) -> None:
        """Note the start of a stage."""
        with self._lock:
            if name.startswith(MODEL):
                if not self._running:
                    self.in_models -= perf_counter()
                self._running += 1

    def leave(self, name: str, seconds: float) -> None:
        """Note the end of a stage that took so long."""
        with self._lock:
            self.seconds[name] += seconds
            if name.startswith(MODEL):
                self._running -= 1
                if not self._running:
                    self.in_models += perf_counter()


_meter: ContextVar[_Meter] = ContextVar("stages")


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Count what is done within to a stage; stages do not hold others."""
    meter = _own()
    meter.enter(name)
    started = perf_counter()
    try:
        yield
    finally:
        meter.leave(name, perf_counter() - started)


def spent() -> Mapping[str, float]:
    """Give the caller's seconds by stage, since ever; only differences tell."""
    return dict(_own().seconds)


def model_seconds() -> float:
    """Give the seconds in which any model ran for the caller, since ever; only differences tell.

    Runs side by side count once. To be asked while none runs.
    """
    return _own().in_models


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
