"""Retention: what is due goes, what is not stays, and the record counts it."""

from datetime import timedelta
from uuid import uuid4

import pytest
from tests.support.governance import approval, conditions
from tests.support.service import STRANGER, TENANT, World, make_world

from consentry.azure.names import Container
from consentry.errors import ConflictError, SettingsError
from consentry.service.call import Call, SystemTimer, Trigger
from consentry.service.inspection import HOURLY, Finding
from consentry.service.settings import RETAINED
from consentry.trust.operations import Capability, Operation
from consentry.trust.retention import kept_for

DAY = timedelta(days=1)


def put(world: World, container: Container, name: str) -> None:
    world.blobs.write(container, name, b"data", content_type="")


def enforce(world: World) -> dict[str, int]:
    """Run the timer, and give what its record counts."""
    call = Call(Operation.UPKEEP, SystemTimer(), Trigger.TIMER, str(uuid4()))
    world.services.gate.run(call, world.services.keeping.retention.enforce)
    record = world.records()[-1]
    assert (record["operation"], record["principal"]) == ("upkeep", "system:service")
    counts: dict[str, int] = record.get("counts", {})
    return counts


def test_things_go_after_the_days_of_their_container_and_are_counted() -> None:
    world = make_world(
        CONSENTRY_INBOX_DAYS="1",
        CONSENTRY_REDACTED_DAYS="2",
        CONSENTRY_QUARANTINE_DAYS="3",
        CONSENTRY_MANIFESTS_DAYS="4",
    )
    for container in RETAINED:
        put(world, container, f"{TENANT}/photo.jpg")
    for number, container in enumerate(RETAINED, 1):
        world.clock.advance(days=1, seconds=-1)
        assert enforce(world) == {}
        world.clock.advance(seconds=1)
        assert enforce(world) == {container: 1}
        assert sum(len(world.names(each)) for each in RETAINED) == len(RETAINED) - number


def test_a_tenants_own_days_count_for_it_alone() -> None:
    world = make_world(CONSENTRY_TENANT_RETENTION=f"{TENANT}.redacted=2, {STRANGER}.inbox=40")
    for tenant in (TENANT, STRANGER):
        put(world, Container.REDACTED, f"{tenant}/photo.jpg")
    world.clock.advance(days=2)
    assert enforce(world) == {"redacted": 1}
    assert world.names(Container.REDACTED) == [f"{STRANGER}/photo.jpg"]


def decide(world: World, days: int, capability: Capability = Capability.REDACT) -> None:
    now = world.clock()
    wanted = approval(
        capability=capability,
        valid_from=now,
        valid_until=now + DAY,
        conditions=conditions(retention_days=days),
    )
    world.services.access.approve(wanted, now)


def test_a_decision_that_names_fewer_days_wins_for_all_that_shows_people() -> None:
    world = make_world()
    decide(world, 20)
    decide(world, 7, Capability.VERIFY)
    for container in RETAINED:
        for tenant in (TENANT, STRANGER):
            put(world, container, f"{tenant}/photo.jpg")
    world.clock.advance(days=7)
    assert enforce(world) == {"inbox": 1, "redacted": 1, "quarantine": 1}
    assert world.names(Container.MANIFESTS) == [f"{each}/photo.jpg" for each in (TENANT, STRANGER)]


def test_a_decision_that_names_more_days_changes_nothing() -> None:
    world = make_world(CONSENTRY_REDACTED_DAYS="2")
    decide(world, 30)
    put(world, Container.REDACTED, f"{TENANT}/photo.jpg")
    world.clock.advance(days=2)
    assert enforce(world) == {"redacted": 1}


def test_a_decision_counts_after_it_was_revoked_too() -> None:
    world = make_world()
    decide(world, 1)
    put(world, Container.REDACTED, f"{TENANT}/photo.jpg")
    world.revoke(Capability.REDACT)
    world.clock.advance(days=1)
    assert enforce(world) == {"redacted": 1}


def test_of_no_days_an_hour_is_left_to_fetch_a_result() -> None:
    none = approval(conditions=conditions(retention_days=0))
    assert kept_for(30, [none]) == kept_for(0, []) == timedelta(hours=1)
    assert kept_for(30, []) == 30 * DAY


def test_a_result_never_lies_there_without_its_manifest() -> None:
    world = make_world(CONSENTRY_REDACTED_DAYS="1")
    result, manifest = f"{TENANT}/a.jpg", f"{TENANT}/a.jpg.manifest.json"
    put(world, Container.REDACTED, manifest)
    world.clock.advance(seconds=2)
    put(world, Container.REDACTED, result)
    world.clock.advance(days=1, seconds=-1)
    assert enforce(world) == {}
    world.clock.advance(seconds=1)
    assert enforce(world) == {"redacted": 1}
    assert world.names(Container.REDACTED) == [manifest]
    world.clock.advance(hours=1)
    assert enforce(world) == {"redacted": 1}


def test_what_was_replaced_meanwhile_stays() -> None:
    world = make_world(CONSENTRY_INBOX_DAYS="1")
    put(world, Container.INBOX, f"{TENANT}/a.jpg")
    world.clock.advance(days=1)
    world.blobs.faults.fail("delete", error=ConflictError("it was changed meanwhile"))
    assert enforce(world) == {"inbox": 0}
    assert world.names(Container.INBOX) == [f"{TENANT}/a.jpg"]


def test_what_lies_in_no_tenants_folder_goes_after_the_usual_days() -> None:
    world = make_world()
    put(world, Container.QUARANTINE, "_unknown/_unusable/00")
    world.clock.advance(days=30)
    assert enforce(world) == {"quarantine": 1}


def test_more_than_a_run_can_do_is_left_to_the_next() -> None:
    world = make_world(CONSENTRY_INBOX_DAYS="1")
    for number in range(3):
        put(world, Container.INBOX, f"{TENANT}/{number}.jpg")
    world.clock.advance(days=1)
    retention = world.services.keeping.retention
    hurried = type(retention)(retention.blobs, retention.access, retention.days, most=2)
    call = Call(Operation.UPKEEP, SystemTimer(), Trigger.TIMER, str(uuid4()))
    world.services.gate.run(call, hurried.enforce)
    assert len(world.names(Container.INBOX)) == 1
    world.services.gate.run(call, hurried.enforce)
    assert world.names(Container.INBOX) == []


def test_what_is_overdue_is_told_with_its_tenant_and_since_when() -> None:
    world = make_world(CONSENTRY_INBOX_DAYS="1")
    put(world, Container.INBOX, f"{TENANT}/a.jpg")
    put(world, Container.INBOX, f"{STRANGER}/a.jpg")
    due = world.clock() + DAY
    inspection = world.services.keeping.inspection
    fine = [Finding("inbox", tenant, 1) for tenant in (TENANT, STRANGER)]
    assert list(inspection.findings(due + HOURLY - timedelta(seconds=1))) == fine
    world.blobs.delete(Container.INBOX, f"{STRANGER}/a.jpg")
    [late] = inspection.findings(due + HOURLY)
    assert (late.overdue, late.since) == (1, due)
    assert world.names(Container.INBOX) == [f"{TENANT}/a.jpg"]


@pytest.mark.parametrize(
    "text",
    [
        "contoso.redacted=x",
        "contoso.redacted",
        "contoso.audit=3",
        "contoso.deletions=3",
        "stranger.redacted=3",
        "contoso.redacted=99999",
        "contoso.redacted=3,contoso.redacted=4",
    ],
)
def test_days_that_make_no_sense_are_refused_at_the_start(text: str) -> None:
    with pytest.raises(SettingsError, match="CONSENTRY_TENANT_RETENTION"):
        make_world(CONSENTRY_TENANT_RETENTION=text)


def test_days_are_numbers_in_range() -> None:
    for days in ("-1", "36501", "soon"):
        with pytest.raises(SettingsError, match="CONSENTRY_INBOX_DAYS"):
            make_world(CONSENTRY_INBOX_DAYS=days)
