"""How many calls the gate lets in."""

import pytest
from tests.support.gating import Watched, refuse
from tests.support.governance import conditions
from tests.support.rooms import GateRoom

from consentry.errors import (
    RateLimitedError,
    StorageError,
)
from consentry.limits import READS_PER_CALL
from consentry.service.invocation import Outcome
from consentry.trust.operations import RULES, Capability, Operation


@pytest.fixture
def room() -> GateRoom:
    return GateRoom()


def call_until_limited(room: GateRoom, operation: Operation = Operation.DETECT) -> int:
    """Call until the rate is used up; give the number of calls that were let in."""
    for number in range(1_000):
        try:
            room.gate.run(room.call(operation), Outcome)
        except RateLimitedError:
            return number
    raise AssertionError("the rate is without an end")


def test_beyond_the_rate_of_the_decision_calls_are_refused_and_recorded(room: GateRoom) -> None:
    approval = room.approve(Capability.DETECT, conditions=conditions(rate_per_minute=7))
    assert call_until_limited(room) == 7
    record = refuse(room)
    assert (record["reason"], record["outcome"]) == ("rate_limited", "RateLimitExceeded")
    assert record["approval"] == {"id": approval.id, "version": 1}
    room.clock.advance(seconds=60)
    assert room.gate.run(room.call(), Watched()) == "value"


def test_each_capability_has_a_rate_of_its_own(room: GateRoom) -> None:
    for capability in Capability:
        room.approve(capability, conditions=conditions(rate_per_minute=3))
    assert call_until_limited(room, Operation.DETECT) == 3
    assert call_until_limited(room, Operation.REDACT) == 3
    assert call_until_limited(room, Operation.VERIFY) == 3
    assert call_until_limited(room, Operation.DETECT_WITH_FACE_ID) == 0


def test_claiming_faces_takes_from_both_rates(room: GateRoom) -> None:
    room.approve(Capability.REDACT, conditions=conditions(rate_per_minute=2))
    room.approve(Capability.VERIFY, conditions=conditions(rate_per_minute=5))
    assert call_until_limited(room, Operation.REDACT_WITH_CLAIMS) == 2
    assert call_until_limited(room, Operation.REDACT) == 0
    assert call_until_limited(room, Operation.VERIFY) == 2


def test_reading_takes_nothing_from_the_rate_and_has_a_bound_of_its_own(room: GateRoom) -> None:
    room.approve(Capability.REDACT, conditions=conditions(rate_per_minute=2))
    assert call_until_limited(room, Operation.READ_MANIFEST) == 2 * READS_PER_CALL
    assert call_until_limited(room, Operation.REDACT) == 2


@pytest.mark.parametrize(
    "operation", [op for op in RULES if RULES[op].capabilities and RULES[op].counted]
)
def test_every_operation_under_an_approval_is_limited(room: GateRoom, operation: Operation) -> None:
    for capability in Capability:
        room.approve(capability, conditions=conditions(rate_per_minute=1))
    assert call_until_limited(room, operation) in (1, READS_PER_CALL)


def test_a_ledger_of_calls_that_is_down_lets_nobody_in(room: GateRoom) -> None:
    room.approve(Capability.DETECT)
    room.quotas_table.faults.fail("insert")
    work = Watched()
    with pytest.raises(StorageError):
        room.gate.run(room.call(), work)
    assert not work.ran
    assert (room.last()["allowed"], room.last()["reason"]) == (False, "undecided")
