"""The gate's order of steps: each promise, and what happens when a step fails."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.support.governance import APPLICATION, book_with, conditions, stricter
from tests.support.rooms import OTHER, STRANGER, TENANT, GateRoom

from consentry.errors import (
    AuditUnavailableError,
    AuthenticationError,
    ConsentryError,
    IntegrityError,
    NotApprovedError,
    PictureError,
    RateLimitedError,
    RefusedError,
    StorageError,
    UnsupportedFeatureError,
)
from consentry.limits import ADMISSION_SECONDS, READS_PER_CALL
from consentry.service.call import ApiKey, Call, InboxEvent, SystemTimer, Trigger
from consentry.service.callers import make_key
from consentry.service.gate import Invocation, Outcome
from consentry.trust.operations import RULES, Capability, Operation, PrincipalKind

Work = Callable[[Invocation], Outcome[str]]


@pytest.fixture
def room() -> GateRoom:
    return GateRoom()


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


@pytest.mark.parametrize("operation", [rule for rule in RULES if RULES[rule].capabilities])
def test_nothing_runs_without_an_approval(room: GateRoom, operation: Operation) -> None:
    assert refuse(room, operation)["reason"] == "no_approval"


@pytest.mark.parametrize("spoilt", [{"signed": b""}, {"version": 2}, {"state": "x"}])
def test_an_approval_row_written_by_hand_opens_nothing(
    room: GateRoom, spoilt: dict[str, str | int | bytes]
) -> None:
    room.approve(Capability.DETECT)
    row = room.access_table.get(TENANT, "force:detect")
    assert row is not None
    room.access_table.put(TENANT, "force:detect", {**row.values, **spoilt})
    with pytest.raises(IntegrityError):
        room.gate.run(room.call(), lambda invocation: pytest.fail(f"ran {invocation.id}"))
    assert (room.last()["allowed"], room.last()["outcome"]) == (False, "IntegrityFailure")


def test_an_approval_put_back_after_a_revocation_opens_nothing(room: GateRoom) -> None:
    room.approve(Capability.DETECT)
    row = room.access_table.get(TENANT, "force:detect")
    assert row is not None
    room.revoke(Capability.DETECT)
    room.access_table.put(TENANT, "force:detect", row.values)
    room.restart()
    with pytest.raises(IntegrityError):
        room.gate.run(room.call(), lambda invocation: pytest.fail(f"ran {invocation.id}"))


def test_a_stricter_policy_refuses_the_next_call(room: GateRoom) -> None:
    room.approve(Capability.DETECT)
    room.book = book_with(stricter(room.clock()))
    room.restart()
    assert refuse(room)["reason"] == "superseded"


def test_a_grandfathered_call_is_marked_in_its_record_and_ends_with_grace(room: GateRoom) -> None:
    room.approve(Capability.DETECT, valid_until=room.clock() + timedelta(days=90))
    room.book = book_with(stricter(room.clock(), (TENANT, APPLICATION), days=30))
    room.restart()
    assert room.gate.run(room.call(), lambda _: Outcome("value")) == "value"
    assert (room.last()["allowed"], room.last()["reason"]) == (True, "grandfathered")
    room.clock.advance(days=30)
    assert refuse(room)["reason"] == "superseded"


def test_a_revoked_approval_refuses(room: GateRoom) -> None:
    room.approve(Capability.DETECT)
    assert room.gate.run(room.call(), Watched()) == "value"
    room.revoke(Capability.DETECT)
    room.clock.advance(seconds=ADMISSION_SECONDS)
    assert refuse(room)["reason"] == "revoked"


def test_an_expired_approval_refuses(room: GateRoom) -> None:
    room.approve(Capability.DETECT)
    room.clock.advance(days=1)
    assert refuse(room)["reason"] == "expired"


def test_an_approval_refuses_until_it_is_valid(room: GateRoom) -> None:
    room.approve(Capability.DETECT, valid_from=room.clock() + timedelta(seconds=1))
    assert refuse(room)["reason"] == "not_yet_valid"
    room.clock.advance(seconds=1)
    assert room.gate.run(room.call(), Watched()) == "value"


def test_another_tenants_approval_does_not_count(room: GateRoom) -> None:
    room.approve(Capability.DETECT, tenant=OTHER)
    assert refuse(room)["reason"] == "no_approval"


def test_another_capability_does_not_count(room: GateRoom) -> None:
    room.approve(Capability.REDACT)
    room.approve(Capability.DETECT)
    assert refuse(room, Operation.VERIFY)["reason"] == "no_approval"


def test_a_deployment_used_elsewhere_than_its_approval_holds_refuses(room: GateRoom) -> None:
    room.approve(Capability.DETECT)
    room.place = "FR"
    room.restart()
    assert refuse(room)["reason"] == "jurisdiction"


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


def test_reading_takes_nothing_from_the_rate_and_has_a_bound_of_its_own(room: GateRoom) -> None:
    room.approve(Capability.REDACT, conditions=conditions(rate_per_minute=2))
    assert call_until_limited(room, Operation.READ_MANIFEST) == 2 * READS_PER_CALL
    assert call_until_limited(room, Operation.REDACT) == 2


@pytest.mark.parametrize("operation", [op for op in RULES if RULES[op].capabilities])
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


def test_a_face_id_needs_the_capability_verify(room: GateRoom) -> None:
    room.approve(Capability.DETECT)
    refuse(room, Operation.DETECT_WITH_FACE_ID)
    room.approve(Capability.VERIFY)
    assert room.gate.run(room.call(Operation.DETECT_WITH_FACE_ID), Watched()) == "value"


@pytest.mark.parametrize("capability", [Capability.REDACT, Capability.VERIFY])
def test_either_capability_lets_uploads_in(room: GateRoom, capability: Capability) -> None:
    room.approve(capability)
    assert room.gate.run(room.call(Operation.CREATE_UPLOAD), Watched()) == "value"


def test_search_is_refused_for_everybody(room: GateRoom) -> None:
    for capability in Capability:
        room.approve(capability)
    for credential in (None, InboxEvent(TENANT), SystemTimer()):
        record = refuse(room, Operation.SEARCH, credential)
        assert record["reason"] == "one_to_many"
    with pytest.raises(UnsupportedFeatureError):
        room.gate.run(room.call(Operation.SEARCH), Watched())


@pytest.mark.parametrize("operation", [op for op in Operation if op is not Operation.SEARCH])
def test_storage_may_only_redact_and_verify(room: GateRoom, operation: Operation) -> None:
    for capability in Capability:
        room.approve(capability)
    call = room.call(operation, InboxEvent(TENANT))
    if operation in (Operation.REDACT, Operation.REDACT_WITH_CLAIMS, Operation.VERIFY_UPLOAD):
        assert room.gate.run(call, Watched()) == "value"
        assert room.last()["principal"] == "storage:inbox"
    else:
        assert refuse(room, operation, InboxEvent(TENANT))["reason"] == "principal"


def test_who_asked_for_the_address_is_recorded(room: GateRoom) -> None:
    room.approve(Capability.REDACT)
    call = room.call(Operation.REDACT, InboxEvent(TENANT, "a1b2c3d4e5f6"))
    room.gate.run(call, Watched())
    assert room.last()["principal"] == "storage:a1b2c3d4e5f6"


def test_an_upload_for_a_tenant_that_is_not_served_is_refused(room: GateRoom) -> None:
    room.approve(Capability.REDACT, tenant=STRANGER)
    record = refuse(room, Operation.REDACT, InboxEvent(STRANGER))
    assert record["reason"] == "unauthenticated"
    assert "tenant" not in record


@pytest.mark.parametrize("operation", [Operation.UPKEEP, Operation.POISON])
def test_upkeep_is_the_services_own(room: GateRoom, operation: Operation) -> None:
    for capability in Capability:
        room.approve(capability)
    refuse(room, operation)
    assert room.gate.run(room.call(operation, SystemTimer()), Watched()) == "value"
    assert room.last()["principal"] == "system:service"


def test_upkeep_has_no_approval_to_ask_for(room: GateRoom) -> None:
    def work(invocation: Invocation) -> Outcome[str]:
        return Outcome(invocation.approval.id)

    with pytest.raises(LookupError):
        room.gate.run(room.call(Operation.UPKEEP, SystemTimer()), work)


def test_the_service_itself_may_touch_no_face(room: GateRoom) -> None:
    room.approve(Capability.VERIFY)
    assert refuse(room, Operation.VERIFY, SystemTimer())["reason"] == "principal"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda key: key[:0],
        lambda key: key[:-1],
        lambda key: key + "A",
        lambda key: key.replace("contoso", "fabrikam"),
        lambda key: key.replace("contoso", "northwind"),
        lambda key: ".".join([*key.split(".")[:2], "A" * 43]),
        lambda key: ".".join([key.split(".")[0], "0" * 12, key.split(".")[2]]),
        lambda key: key.upper(),
        lambda key: key * 1000,
        lambda key: f"{key}\n",
    ],
)
def test_a_wrong_key_is_refused_and_learns_nothing(
    room: GateRoom, spoil: Callable[[str], str]
) -> None:
    room.approve(Capability.DETECT)
    record = refuse(room, Operation.DETECT, ApiKey(spoil(room.key)))
    assert (record["reason"], record["outcome"]) == ("unauthenticated", "401")
    assert record["principal"] == "unknown:"
    assert "tenant" not in record


def test_every_wrong_key_gets_the_same_answer(room: GateRoom) -> None:
    tenant, key_id, secret = room.key.split(".")
    answers = set()
    for key in (
        f"{STRANGER}.{key_id}.{secret}",
        f"{tenant}.{'0' * 12}.{secret}",
        f"{tenant}.{key_id}.{'A' * 43}",
    ):
        with pytest.raises(AuthenticationError) as caught:
            room.gate.run(room.call(credential=ApiKey(key)), Watched())
        answers.add((str(caught.value), caught.value.code, caught.value.reason))
    assert len(answers) == 1


def test_a_revoked_key_is_refused_at_once_and_the_tenants_other_key_is_not(
    room: GateRoom,
) -> None:
    room.approve(Capability.DETECT)
    second = room.callers.admit(make_key(TENANT), room.clock()).text
    room.callers.revoke(TENANT, room.key.split(".")[1])
    assert refuse(room)["reason"] == "unauthenticated"
    assert room.gate.run(room.call(credential=ApiKey(second)), Watched()) == "value"


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
