"""What shall go wrong in a twin of a port, or be held up."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from consentry.errors import StorageError

WAIT_SECONDS = 30  # longest that a held operation waits for its test


@dataclass
class Faults:
    """What shall go wrong, by the name of the operation."""

    _before: dict[str, list[Exception]] = field(default_factory=lambda: defaultdict(list))
    _after: dict[str, list[Exception]] = field(default_factory=lambda: defaultdict(list))
    _countdown: dict[str, tuple[int, bool]] = field(default_factory=dict)
    _held: dict[str, threading.Event] = field(default_factory=dict)
    _arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def fail(
        self,
        operation: str,
        *,
        after: bool = False,
        times: int = 1,
        error: Exception | None = None,
    ) -> None:
        """Make the next calls fail, without effect or (``after``) with it."""
        error = error or StorageError("the store did not answer")
        (self._after if after else self._before)[operation].extend([error] * times)

    def fail_at(self, operation: str, number: int, *, after: bool = False) -> None:
        """Make one call fail: that which comes after so many others."""
        self._countdown[operation] = number, after

    def stop_waiting(self, operation: str) -> bool:
        """Let no later call fail; tell whether fewer came than ``fail_at`` was told."""
        return self._countdown.pop(operation, None) is not None

    def hold(self, operation: str) -> Callable[[], None]:
        """Hold up every call until the function given is called."""
        event = self._held[operation] = threading.Event()
        return event.set

    def wait_for_held(self) -> None:
        """Return when a call has come that is held up."""
        if not self._arrived.acquire(timeout=WAIT_SECONDS):
            raise TimeoutError("no operation came to be held up")

    @contextmanager
    def around(self, operation: str) -> Iterator[None]:
        """Let an operation happen as planned."""
        held = self._held.get(operation)
        if held is not None and not held.is_set():
            self._arrived.release()
            if not held.wait(WAIT_SECONDS):
                raise TimeoutError("nobody let the operation go on")
        self._count_down(operation)
        if self._before[operation]:
            raise self._before[operation].pop(0)
        yield
        if self._after[operation]:
            raise self._after[operation].pop(0)

    def _count_down(self, operation: str) -> None:
        number, after = self._countdown.pop(operation, (-1, False))
        if number == 0:
            self.fail(operation, after=after)
        elif number > 0:
            self._countdown[operation] = number - 1, after
