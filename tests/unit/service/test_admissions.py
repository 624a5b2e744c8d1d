"""What the gate remembers lets in for a second at most, and never refuses."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.support.rooms import TENANT, GateRoom

from consentry.errors import AuthenticationError, NotApprovedError, RefusedError
from consentry.limits import ADMISSION_SECONDS, ADMISSIONS_MAX
from consentry.service.admissions import Admission, Admissions
from consentry.service.call import ApiKey, Call, InboxEvent, SystemTimer, Trigger
from consentry.service.invocation import Outcome
from consentry.trust.operations import Capability, Operation, Principal, PrincipalKind

ALMOST = ADMISSION_SECONDS - 0.001
REVOCATION_SECONDS_MAX = 5.0  # what is promised


@pytest.fixture
def room() -> GateRoom:
    room = GateRoom()
    room.approve(Capability.DETECT)
    room.gate.run(room.call(), Outcome)
    return room


def revoke_approval(room: GateRoom) -> None:
    room.revoke(Capability.DETECT)


def revoke_key(room: GateRoom) -> None:
    room.callers.revoke(TENANT, room.key.split(".")[1])


def test_the_bound_is_well_below_what_is_promised() -> None:
    assert ADMISSION_SECONDS * 4 <= REVOCATION_SECONDS_MAX


@pytest.mark.parametrize(
    ("revoke", "error"), [(revoke_approval, NotApprovedError), (revoke_key, AuthenticationError)]
)
def test_a_revocation_counts_after_the_bound_whatever_happened_meanwhile(
    room: GateRoom, revoke: Callable[[GateRoom], None], error: type[RefusedError]
) -> None:
    revoke(room)
    for _ in range(3):
        room.clock.advance(seconds=ALMOST / 3)
        room.gate.run(room.call(), Outcome)
    room.clock.advance(seconds=ADMISSION_SECONDS - ALMOST)
    with pytest.raises(error):
        room.gate.run(room.call(), Outcome)


def test_within_the_bound_nothing_is_read_again(room: GateRoom) -> None:
    room.access_table.faults.fail("get")
    room.callers_table.faults.fail("get")
    room.clock.advance(seconds=ALMOST)
    room.gate.run(room.call(), Outcome)
    assert room.last()["reason"] == "approved"


def test_the_end_of_an_approval_counts_to_the_instant(room: GateRoom) -> None:
    room.approve(Capability.DETECT, valid_until=room.clock() + timedelta(seconds=ALMOST))
    room.clock.advance(seconds=ADMISSION_SECONDS)
    room.approve(Capability.DETECT, valid_until=room.clock() + timedelta(seconds=ALMOST))
    room.gate.run(room.call(), Outcome)
    room.clock.advance(seconds=ALMOST)
    with pytest.raises(NotApprovedError):
        room.gate.run(room.call(), Outcome)
    assert room.last()["reason"] == "expired"


def test_a_new_approval_counts_at_once() -> None:
    room = GateRoom()
    with pytest.raises(NotApprovedError):
        room.gate.run(room.call(), Outcome)
    room.approve(Capability.DETECT)
    room.gate.run(room.call(), Outcome)
    assert room.last()["allowed"] is True


def test_what_is_remembered_of_one_operation_or_key_opens_no_other(room: GateRoom) -> None:
    for call in (
        room.call(Operation.VERIFY),
        room.call(credential=ApiKey(room.key[:-1] + ("A" if room.key[-1] != "A" else "B"))),
    ):
        with pytest.raises(RefusedError):
            room.gate.run(call, Outcome)


def test_a_clock_that_goes_back_makes_the_gate_read_again(room: GateRoom) -> None:
    revoke_key(room)
    room.clock.advance(seconds=-1)
    with pytest.raises(AuthenticationError):
        room.gate.run(room.call(), Outcome)


def test_the_memory_is_bounded_and_holds_callers_keys_only() -> None:
    room, admissions = GateRoom(), Admissions()
    admission: Admission = (Principal(PrincipalKind.CALLER, "a", TENANT), [])

    def call(number: int) -> Call:
        return room.call(credential=ApiKey(str(number)))

    for number in range(ADMISSIONS_MAX):
        admissions.keep(call(number), room.clock(), admission)
    assert admissions.find(call(0), room.clock()) == admission
    admissions.keep(call(ADMISSIONS_MAX), room.clock(), admission)
    assert admissions.find(call(0), room.clock()) is None
    for credential in (SystemTimer(), InboxEvent(TENANT)):
        other = Call(Operation.REDACT, credential, Trigger.BLOB, "")
        admissions.keep(other, room.clock(), admission)
        assert admissions.find(other, room.clock()) is None
