"""Searches in disguise, suspended by a timer until a reviewer has looked."""

import pytest
from tests.support.governance import POLICY
from tests.support.office import Office
from tests.support.service import TENANT, make_world

from consentry.azure.names import SEARCH_SUSPECTED, TableName
from consentry.trust.approvals import ApprovalState
from consentry.trust.operations import Capability, Role
from consentry.trust.tripwire import Alarm, Mark
from entry import InvocationFailedError


@pytest.fixture
def office() -> Office:
    return Office(make_world())


def search(office: Office, times: int) -> None:
    """Let the tripwire trip so many times, each after the pause of the one before."""
    assert POLICY.tripwire is not None
    decided = office.world.services.access.newest(TENANT, Capability.VERIFY)
    assert decided is not None
    for number in range(times):
        office.world.clock.advance(minutes=POLICY.tripwire.pause_minutes)
        now, alarm = office.world.clock(), None
        for reference in range(20):
            shown = [(Mark.FACE, f"{number}-{reference}")]
            alarm = alarm or office.world.services.tripwire.note(
                TENANT, shown, matched=False, since=decided.decided_at, now=now
            )
        assert alarm is Alarm.NON_MATCHES


def test_repeated_searches_suspend_verification_until_a_reviewer_has_looked(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    assert POLICY.tripwire is not None
    case = office.approved()
    search(office, POLICY.tripwire.trips_max - 1)
    office.run("suspend_searches")
    assert office.in_force() == set(Capability)
    assert caplog.messages == []
    search(office, 1)
    office.run("suspend_searches")
    assert office.in_force() == {Capability.DETECT, Capability.REDACT}
    assert caplog.messages == [f"{SEARCH_SUSPECTED}: 1"]
    record = office.world.records()[-1]
    assert (record["principal"], record["counts"]) == ("system:service", {"suspended": 1})
    assert record["application"] == case["id"]
    signed = office.world.services.access.newest(TENANT, Capability.VERIFY)
    assert signed is not None
    assert (signed.state, signed.decided_by) == (ApprovalState.SUSPENDED, ("tripwire",))
    seen = office.step("application", "alan", Role.APPLICANT, case["id"])
    assert (seen["state"], seen["history"][-1]["by"]) == ("suspended", "tripwire")
    office.run("suspend_searches")
    assert office.world.records()[-1]["counts"] == {"suspended": 0}
    office.world.clock.advance(seconds=1)
    office.step("resume_application", "ada", case=case["id"])
    assert office.in_force() == set(Capability)
    office.run("suspend_searches")
    assert office.in_force() == set(Capability)


def test_while_it_cannot_be_read_where_a_tenant_stands_nothing_is_suspended_or_forgotten(
    office: Office,
) -> None:
    assert POLICY.tripwire is not None
    office.approved()
    search(office, POLICY.tripwire.trips_max)
    office.world.tables[TableName.QUOTAS].faults.fail("get")
    with pytest.raises(InvocationFailedError):
        office.run("suspend_searches")
    assert office.in_force() == set(Capability)
    office.run("suspend_searches")
    assert office.in_force() == {Capability.DETECT, Capability.REDACT}


def test_a_timer_deletes_what_was_counted_in_windows_that_ended(office: Office) -> None:
    assert POLICY.tripwire is not None
    office.approved()
    search(office, 1)
    office.world.clock.advance(hours=POLICY.tripwire.window_hours)
    office.run("forget_sightings")
    assert office.world.records()[-1]["counts"]["sightings"] == 10
    rows = office.world.tables[TableName.QUOTAS].query(TENANT)
    assert [row.row for row in rows if row.row.startswith("seen:")] == []
