"""Whom the gate lets in: by key, approval, operation and place."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.support.gating import Watched, refuse
from tests.support.governance import APPLICATION, book_with, stricter
from tests.support.rooms import OTHER, STRANGER, TENANT, GateRoom

from consentry.errors import (
    AuthenticationError,
    IntegrityError,
    UnsupportedFeatureError,
)
from consentry.limits import ADMISSION_SECONDS
from consentry.service.call import ApiKey, InboxEvent, SystemTimer
from consentry.service.callers import make_key
from consentry.service.invocation import Invocation, Outcome
from consentry.trust.operations import RULES, Capability, Operation, PrincipalKind


@pytest.fixture
def room() -> GateRoom:
    return GateRoom()


@pytest.mark.parametrize(
    "operation",
    [op for op, rule in RULES.items() if rule.capabilities and PrincipalKind.CALLER in rule.kinds],
)
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


def test_a_face_id_needs_the_capability_verify(room: GateRoom) -> None:
    room.approve(Capability.DETECT)
    refuse(room, Operation.DETECT_WITH_FACE_ID)
    room.approve(Capability.VERIFY)
    assert room.gate.run(room.call(Operation.DETECT_WITH_FACE_ID), Watched()) == "value"


@pytest.mark.parametrize("lost", [Capability.REDACT, Capability.VERIFY])
def test_claiming_faces_takes_both_redact_and_verify(room: GateRoom, lost: Capability) -> None:
    for capability in (Capability.REDACT, Capability.VERIFY):
        room.approve(capability)
    assert room.gate.run(room.call(Operation.REDACT_WITH_CLAIMS), Watched()) == "value"
    room.revoke(lost)
    room.clock.advance(seconds=ADMISSION_SECONDS)
    assert refuse(room, Operation.REDACT_WITH_CLAIMS)["reason"] == "revoked"


def test_grace_of_either_approval_marks_the_call(room: GateRoom) -> None:
    room.approve(Capability.REDACT, valid_until=room.clock() + timedelta(days=90))
    room.book = book_with(stricter(room.clock(), (TENANT, APPLICATION), days=30))
    room.restart()
    policy = room.book.policies[-1]
    room.approve(Capability.VERIFY, policy_version=policy.version, policy_digest=policy.digest)
    assert room.gate.run(room.call(Operation.REDACT_WITH_CLAIMS), Watched()) == "value"
    assert room.last()["reason"] == "grandfathered"


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
