"""The gate's order of steps: each promise, and what happens when a step fails."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.support.gating import Watched
from tests.support.governance import conditions
from tests.support.rooms import OTHER, TENANT, GateRoom

from consentry.errors import (
    AuditUnavailableError,
    AuthenticationError,
    ConsentryError,
    NotApprovedError,
    PictureError,
    RefusedError,
    StorageError,
)
from consentry.service.call import ApiKey, Call, InboxEvent, Trigger
from consentry.service.invocation import Invocation, Outcome
from consentry.trust.operations import Capability, Operation, PrincipalKind


@pytest.fixture
def room() -> GateRoom:
    return GateRoom()


def test_an_approved_call_gives_its_value_and_leaves_a_record(room: GateRoom) -> None:
    approval = room.approve(Capability.DETECT)
    work = Watched()
    assert room.gate.run(room.call(), work) == "value"
    assert work.released
    (record,) = room.records()
    assert record["allowed"] is True
    assert record["approval"] == {"id": approval.id, "version": 1}
    assert record["tenant"] == TENANT
    assert record["principal"] == f"caller:{room.key.split('.')[1]}"
    assert (record["operation"], record["trigger"]) == ("detect", "http")
    assert (record["outcome"], record["reason"]) == ("ok", "approved")


def test_release_happens_after_the_record_and_before_the_value(room: GateRoom) -> None:
    room.approve(Capability.DETECT)
    seen: list[int] = []

    def work(invocation: Invocation) -> Outcome[str]:
        del invocation
        seen.append(len(room.records()))
        return Outcome("value", lambda: seen.append(len(room.records())))

    assert room.gate.run(room.call(), work) == "value"
    assert seen == [0, 1]


def test_failing_work_leaves_a_record_and_its_error(room: GateRoom) -> None:
    room.approve(Capability.DETECT)
    error = PictureError("not a picture")
    work = Watched(error)
    with pytest.raises(PictureError) as caught:
        room.gate.run(room.call(), work)
    assert caught.value is error
    assert not work.released
    (record,) = room.records()
    assert (record["allowed"], record["outcome"]) == (True, "InvalidImage")


def test_a_bug_is_recorded_without_its_text(room: GateRoom) -> None:
    room.approve(Capability.DETECT)
    with pytest.raises(ZeroDivisionError):
        room.gate.run(room.call(), Watched(ZeroDivisionError("alice.jpg")))
    (record,) = room.records()
    assert record["outcome"] == ConsentryError.code
    assert "alice" not in str(record)


@pytest.mark.parametrize("operation", ["create", "append"])
def test_without_a_record_there_is_no_value_and_no_release(room: GateRoom, operation: str) -> None:
    room.approve(Capability.DETECT)
    room.log.faults.fail(operation)
    work = Watched()
    with pytest.raises(AuditUnavailableError):
        room.gate.run(room.call(), work)
    assert work.ran
    assert not work.released
    assert room.records() == []


def test_without_a_record_even_a_denial_says_that_the_log_is_down(room: GateRoom) -> None:
    room.log.faults.fail("create")
    work = Watched()
    with pytest.raises(AuditUnavailableError):
        room.gate.run(room.call(), work)
    assert not work.ran


def test_a_record_whose_answer_was_lost_counts_once(room: GateRoom) -> None:
    room.approve(Capability.DETECT)
    room.log.faults.fail("append", after=True)
    work = Watched()
    assert room.gate.run(room.call(), work) == "value"
    assert work.released
    assert len(room.records()) == 1


def test_a_failing_release_leaves_a_second_record(room: GateRoom) -> None:
    room.approve(Capability.DETECT)
    with pytest.raises(StorageError):
        room.gate.run(room.call(), Watched(release=StorageError("full")))
    first, second = room.records()
    assert first["id"] == second["id"]
    assert (first["outcome"], second["outcome"]) == ("ok", "release_failed")


@pytest.mark.parametrize(
    ("table", "operation"),
    [("access_table", "get"), ("callers_table", "get"), ("keys_table", "query")],
)
def test_a_store_that_is_down_refuses_and_is_recorded(
    room: GateRoom, table: str, operation: str
) -> None:
    room.approve(Capability.DETECT)
    room.restart()
    getattr(room, table).faults.fail(operation)
    work = Watched()
    with pytest.raises(StorageError):
        room.gate.run(room.call(), work)
    assert not work.ran
    record = room.last()
    assert (record["allowed"], record["reason"]) == (False, "undecided")
    assert record["outcome"] == "ServiceUnavailable"


def test_what_the_work_reports_stands_in_the_record(room: GateRoom) -> None:
    room.approve(Capability.DETECT)

    class Model:
        digest = "ab" * 32

    def work(invocation: Invocation) -> Outcome[str]:
        invocation.saw(b"picture")
        invocation.saw(b"picture")
        invocation.count(faces=2)
        invocation.count(faces=1, frames=1)
        invocation.used({"detector": Model()})
        room.clock.advance(milliseconds=250)
        return Outcome("value")

    room.gate.run(room.call(), work)
    record = room.last()
    assert record["counts"] == {"faces": 3, "frames": 1}
    assert record["models"] == {"detector": "ab" * 32}
    assert record["latency_ms"] == 250
    first, second = record["inputs"]
    assert first == second


def test_one_picture_has_another_digest_for_another_tenant(room: GateRoom) -> None:
    for tenant in (TENANT, OTHER):
        room.approve(Capability.REDACT, tenant=tenant)

    def work(invocation: Invocation) -> Outcome[str]:
        invocation.saw(b"picture")
        return Outcome("value")

    digests = set()
    for tenant in (TENANT, OTHER):
        room.gate.run(room.call(Operation.REDACT, InboxEvent(tenant)), work)
        digests |= set(room.last()["inputs"])
    assert len(digests) == 2


def test_work_is_told_who_asks_and_under_which_approval(room: GateRoom) -> None:
    room.approve(Capability.VERIFY, conditions=conditions(target_fmr=1e-4))

    def work(invocation: Invocation) -> Outcome[tuple[object, ...]]:
        approval = invocation.approval
        return Outcome(
            (invocation.principal.kind, invocation.tenant, approval.conditions.target_fmr)
        )

    result = room.gate.run(room.call(Operation.VERIFY), work)
    assert result == (PrincipalKind.CALLER, TENANT, 1e-4)


def test_a_refusal_is_one_of_two_documented_errors(room: GateRoom) -> None:
    with pytest.raises(NotApprovedError):
        room.gate.run(room.call(), Watched())
    with pytest.raises(AuthenticationError):
        room.gate.run(room.call(credential=ApiKey("")), Watched())


def test_nothing_that_a_caller_sends_gets_into_the_log(room: GateRoom) -> None:
    room.approve(Capability.VERIFY)
    leaks = ["alice.jpg", "Alice Example", room.key, room.key.split(".")[2], "\n{}", "x" * 9000]
    picture = b"\xff\xd8\xff" + bytes(range(256)) * 4

    def work(invocation: Invocation) -> Outcome[str]:
        invocation.saw(picture)
        raise PictureError(f"{leaks}")

    for leak in leaks:
        call = Call(Operation.VERIFY, ApiKey(room.key), Trigger.HTTP, leak, leak, leak)
        with pytest.raises(PictureError):
            room.gate.run(call, work)
        with pytest.raises(AuthenticationError):
            room.gate.run(replace(call, credential=ApiKey(leak[:-1])), work)
        for upload in (InboxEvent(leak), InboxEvent(TENANT, leak)):
            with pytest.raises(RefusedError):
                room.gate.run(replace(call, credential=upload, operation=Operation.REDACT), work)
    log = b"".join(room.log.read(part.name) for part in room.log.list())
    assert len(room.records()) == 4 * len(leaks)
    for leak in leaks:
        assert leak.encode() not in log.replace(b'\n{"', b"")
    assert base64.b64encode(picture)[:24] not in log
    assert picture.hex()[:48].encode() not in log
    assert hashlib.sha256(picture).hexdigest().encode() not in log


@pytest.mark.parametrize(
    "report",
    [
        lambda invocation: invocation.count(similarity=0.71),
        lambda invocation: invocation.count(**{"Alice Example": 1}),
        lambda invocation: invocation.used({"detector": type("M", (), {"digest": "alice"})}),
    ],
)
def test_work_that_would_report_more_than_it_may_fails(
    room: GateRoom, report: Callable[[Invocation], None]
) -> None:
    room.approve(Capability.DETECT)

    def work(invocation: Invocation) -> Outcome[str]:
        report(invocation)
        return Outcome("value")

    with pytest.raises(ValueError, match="of an audit record"):
        room.gate.run(room.call(), work)
    (record,) = room.records()
    assert record["outcome"] == ConsentryError.code
    assert record.keys().isdisjoint({"counts", "models"})
