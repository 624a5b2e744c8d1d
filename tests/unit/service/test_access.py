from datetime import timedelta

import pytest
from tests.support.memory import Clock, MemoryTable

from consentry.errors import ConflictError, IntegrityError, NotFoundError
from consentry.service.access import Access
from consentry.trust.approvals import Approval, ApprovalState
from consentry.trust.operations import Capability

NOW = Clock().now


@pytest.fixture
def table() -> MemoryTable:
    return MemoryTable()


@pytest.fixture
def access(table: MemoryTable) -> Access:
    return Access(table)


def approve(access: Access, capability: Capability = Capability.VERIFY) -> Approval:
    return access.approve(
        "contoso",
        capability,
        use_case="door",
        valid_from=NOW,
        valid_until=NOW + timedelta(days=30),
        decided_by="reviewer",
        now=NOW,
        target_fmr=1e-4,
    )


def test_an_approval_is_read_back_as_it_was_decided(access: Access) -> None:
    approval = approve(access)
    assert access.newest("contoso", Capability.VERIFY) == approval
    assert access.newest("contoso", Capability.DETECT) is None
    assert access.newest("fabrikam", Capability.VERIFY) is None


def test_a_new_version_takes_the_place_and_the_old_one_is_kept(access: Access) -> None:
    first, second = approve(access), approve(access)
    revoked = access.revoke(
        "contoso", Capability.VERIFY, decided_by="auditor", now=NOW + timedelta(hours=1)
    )
    assert [first.version, second.version, revoked.version] == [1, 2, 3]
    assert access.newest("contoso", Capability.VERIFY) == revoked
    assert revoked.state is ApprovalState.REVOKED
    assert revoked.decided_by == "auditor"
    assert list(access.history("contoso", Capability.VERIFY)) == [first, second, revoked]


def test_the_list_has_the_newest_of_each_capability(access: Access) -> None:
    approve(access, Capability.DETECT)
    newest = [approve(access, Capability.DETECT), approve(access, Capability.VERIFY)]
    assert list(access.list("contoso")) == newest
    assert list(access.list("fabrikam")) == []


def test_what_was_never_approved_cannot_be_revoked(access: Access, table: MemoryTable) -> None:
    with pytest.raises(NotFoundError):
        access.revoke("contoso", Capability.VERIFY, decided_by="x", now=NOW)
    assert list(table.query()) == []


def test_two_who_decide_at_once_do_not_overwrite_each_other(
    access: Access, table: MemoryTable
) -> None:
    approval = approve(access)
    row = table.get("contoso", "force:verify")
    assert row is not None
    table.put("contoso", "history:verify:000002", row.values)
    with pytest.raises(ConflictError):
        access.revoke("contoso", Capability.VERIFY, decided_by="x", now=NOW)
    assert access.newest("contoso", Capability.VERIFY) == approval


def test_a_row_that_is_not_complete_allows_nothing(access: Access, table: MemoryTable) -> None:
    approve(access)
    row = table.get("contoso", "force:verify")
    assert row is not None
    for name in row.values:
        if name == "target_fmr":
            continue
        spoilt = {key: value for key, value in row.values.items() if key != name}
        table.put("contoso", "force:verify", spoilt)
        with pytest.raises(IntegrityError):
            access.newest("contoso", Capability.VERIFY)
