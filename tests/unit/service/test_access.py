"""Approvals at rest: signed, versioned, and not believed unless row, key and evidence agree."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.support.governance import NOW, approval, conditions
from tests.support.memory import Clock, MemoryAppends, MemorySigningKey, MemoryTable

from consentry.errors import ConflictError, IntegrityError, StorageError
from consentry.service.access import EVIDENCE_SECONDS, Access
from consentry.stored import Row
from consentry.trust.approvals import Approval, ApprovalState
from consentry.trust.decisions import sign_decision
from consentry.trust.operations import Capability


class Room:
    """Two processes on the same stores."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.table = MemoryTable()
        self.evidence = MemoryAppends()
        self.key = MemorySigningKey()
        self.access, self.other = self.process(), self.process()

    def process(self) -> Access:
        return Access(self.table, self.key, self.evidence, ticks=self.clock.seconds)

    def approve(
        self, capability: Capability = Capability.VERIFY, tenant: str = "contoso"
    ) -> Approval:
        wanted = approval(
            tenant=tenant, capability=capability, conditions=conditions(target_fmr=1e-4)
        )
        return self.access.approve(wanted, NOW)

    def revoke(self, by: Access | None = None) -> Approval:
        return self.stop(ApprovalState.REVOKED, by)

    def stop(self, state: ApprovalState, by: Access | None = None) -> Approval:
        process = by or self.access
        before = process.decided("contoso", Capability.VERIFY)
        assert before is not None
        return process.stop(before, state, "root", NOW + timedelta(hours=1))

    def newest(self) -> Approval | None:
        return self.access.newest("contoso", Capability.VERIFY)

    def row(self, name: str = "force:verify", tenant: str = "contoso") -> Row:
        found = self.table.get(tenant, name)
        assert found is not None
        return found.values

    def rows(self) -> Mapping[tuple[str, str], Row]:
        return {(row.partition, row.row): row.values for row in self.table.query()}


@pytest.fixture
def room() -> Room:
    return Room()


def test_an_approval_is_read_back_as_it_was_decided(room: Room) -> None:
    decided = room.approve()
    assert room.newest() == decided
    assert decided.conditions == conditions(target_fmr=1e-4)
    assert room.access.newest("contoso", Capability.DETECT) is None
    assert room.access.newest("fabrikam", Capability.VERIFY) is None


def test_a_new_version_takes_the_place_and_the_old_one_is_kept(room: Room) -> None:
    first, second = room.approve(), room.approve()
    revoked = room.revoke()
    assert [first.version, second.version, revoked.version] == [1, 2, 3]
    assert len({first.id, second.id, revoked.id}) == 3
    assert room.newest() == revoked
    assert (revoked.state, revoked.decided_by) == (ApprovalState.REVOKED, ("root",))
    assert list(room.access.history("contoso", Capability.VERIFY)) == [first, second, revoked]


def test_the_list_has_the_newest_of_each_capability(room: Room) -> None:
    room.approve(Capability.DETECT)
    newest = [room.approve(Capability.DETECT), room.approve(Capability.VERIFY)]
    assert list(room.access.list("contoso")) == newest
    assert list(room.access.list("fabrikam")) == []


def test_what_was_never_approved_was_never_decided(room: Room) -> None:
    assert room.access.decided("contoso", Capability.VERIFY) is None
    assert room.newest() is None


def test_two_who_decide_at_once_do_not_overwrite_each_other(room: Room) -> None:
    decided = room.approve()
    room.table.put("contoso", "history:verify:000002", {})
    with pytest.raises(ConflictError):
        room.revoke()
    assert room.row()["version"] == decided.version


def test_a_row_without_a_signature_opens_nothing(room: Room) -> None:
    room.approve()
    columns = {name: value for name, value in room.row().items() if name != "signed"}
    for row in (columns, columns | {"signed": b""}, columns | {"signed": "text"}, {}):
        room.table.put("contoso", "force:verify", row)
        with pytest.raises(IntegrityError):
            room.newest()


def test_a_row_signed_by_another_key_opens_nothing(room: Room) -> None:
    decided = room.approve()
    forger = MemorySigningKey()
    signed = sign_decision(decided, kid=forger.kid, sign=forger.sign)
    named = sign_decision(decided, kid=room.key.kid, sign=forger.sign)
    for forged in (signed, named):
        room.table.put("contoso", "force:verify", {**room.row(), "signed": forged})
        with pytest.raises(IntegrityError):
            room.newest()


@pytest.mark.parametrize("change", [{"version": 7}, {"state": "revoked"}, {"more": 1}])
def test_a_row_whose_columns_were_edited_opens_nothing(
    room: Room, change: dict[str, str | int]
) -> None:
    room.approve()
    room.table.put("contoso", "force:verify", {**room.row(), **change})
    with pytest.raises(IntegrityError):
        room.newest()


def test_a_longer_life_written_by_hand_opens_nothing(room: Room) -> None:
    decided = room.approve()
    later = decided.valid_until + timedelta(days=3650)
    room.table.put("contoso", "force:verify", {**room.row(), "valid_until": later})
    with pytest.raises(IntegrityError):
        room.newest()


def test_a_row_copied_to_another_tenant_or_capability_opens_nothing(room: Room) -> None:
    room.approve()
    room.table.put("fabrikam", "force:verify", room.row())
    room.table.put("contoso", "force:detect", room.row())
    with pytest.raises(IntegrityError):
        room.access.newest("fabrikam", Capability.VERIFY)
    with pytest.raises(IntegrityError):
        room.access.newest("contoso", Capability.DETECT)


def test_an_older_version_put_back_after_a_revocation_opens_nothing(room: Room) -> None:
    room.approve()
    old = room.row()
    room.revoke()
    room.table.put("contoso", "force:verify", old)
    assert room.table.delete("contoso", "history:verify:000002")
    with pytest.raises(IntegrityError):
        room.newest()
    with pytest.raises(IntegrityError):  # a process that has seen nothing before
        room.process().newest("contoso", Capability.VERIFY)


def test_a_process_that_missed_the_revocation_notices_the_old_row_within_the_bound(
    room: Room,
) -> None:
    room.approve()
    old = room.row()
    assert room.newest() is not None
    room.revoke(by=room.other)
    room.table.put("contoso", "force:verify", old)
    room.clock.advance(seconds=EVIDENCE_SECONDS)
    with pytest.raises(IntegrityError):
        room.newest()


def test_a_revocation_counts_in_every_process_at_its_next_read(room: Room) -> None:
    room.approve()
    assert room.newest() is not None
    room.revoke(by=room.other)
    newest = room.newest()
    assert newest is not None
    assert newest.state is ApprovalState.REVOKED


def test_evidence_is_asked_for_once_within_the_bound(room: Room) -> None:
    room.approve()
    assert room.newest() is not None
    room.evidence.faults.fail("size")
    assert room.newest() is not None
    room.clock.advance(seconds=EVIDENCE_SECONDS)
    with pytest.raises(StorageError):
        room.newest()


def test_a_revocation_that_got_no_further_than_its_evidence_holds(room: Room) -> None:
    room.approve()
    room.table.faults.fail("put_together")
    with pytest.raises(StorageError):
        room.revoke()
    with pytest.raises(IntegrityError):
        room.newest()
    assert room.revoke().version == 3
    newest = room.newest()
    assert newest is not None
    assert newest.state is ApprovalState.REVOKED


def test_an_approval_without_evidence_is_not_written(room: Room) -> None:
    room.evidence.faults.fail("put")
    with pytest.raises(StorageError):
        room.approve()
    assert room.rows() == {}


def test_a_row_that_was_tampered_with_can_still_be_revoked(room: Room) -> None:
    decided = room.approve()
    good = room.row()
    room.table.put("contoso", "force:verify", {})
    assert room.revoke().application == decided.application
    room.table.put("contoso", "force:verify", good)
    with pytest.raises(IntegrityError):
        room.newest()


def test_keys_that_were_rotated_still_open_earlier_decisions(room: Room) -> None:
    decided = room.approve()
    room.key.rotate()
    assert room.newest() == decided
    suspended = room.stop(ApprovalState.SUSPENDED)
    assert room.newest() == suspended
    assert replace(decided, **_changed(suspended)) == suspended


def _changed(approval: Approval) -> dict[str, Any]:
    """What a version that stops another one says anew; everything else stays as decided."""
    names = ("id", "version", "state", "decided_by", "decided_at")
    return {name: getattr(approval, name) for name in names}
