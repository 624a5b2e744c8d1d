"""Waiting for another process, within a bound: the one place where tests look at a clock."""

import time
from collections.abc import Callable
from threading import Event

DEADLINE_SECONDS = 30.0
POLL_SECONDS = 0.02


def until[T](condition: Callable[[], T], seconds: float = DEADLINE_SECONDS) -> T:
    """Give the first truthy value of ``condition``; AssertionError after ``seconds``."""
    deadline = time.monotonic() + seconds
    never = Event()
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError("what was waited for did not happen in time")
        never.wait(POLL_SECONDS)
    return found
