"""Work that a gate runs or does not run, and calls that it must refuse."""

import pytest
from tests.support.rooms import GateRoom

from consentry.errors import (
    RefusedError,
)
from consentry.service.invocation import Invocation, Outcome


class Watched:
    """Work that notes whether it ran, and whether its result was released."""

    def __init__(self, error: Exception | None = None, release: Exception | None = None) -> None:
        self.error, self.release_error = error, release
        self.ran = self.released = False

    def __call__(self, invocation: Invocation) -> Outcome[str]:
        del invocation
        self.ran = True
        if self.error is not None:
            raise self.error
        return Outcome("value", self.release)

    def release(self) -> None:
        if self.release_error is not None:
            raise self.release_error
        self.released = True


def refuse(room: GateRoom, *args: object, **kwargs: object) -> dict[str, object]:
    """Make a call that must be refused, and give its record."""
    work = Watched()
    before = len(room.records())
    with pytest.raises(RefusedError) as caught:
        room.gate.run(room.call(*args, **kwargs), work)  # type: ignore[arg-type]
    assert not work.ran
    assert not work.released
    assert len(room.records()) == before + 1
    record = room.last()
    assert record["allowed"] is False
    assert record["reason"] == caught.value.reason
    assert record["outcome"] == caught.value.code
    return record
