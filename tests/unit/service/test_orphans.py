"""Orphans: what lacks its other half is found; only what nobody can miss is deleted."""

from datetime import timedelta
from uuid import uuid4

import numpy as np
import pytest
from tests.support.service import TENANT, World, make_world

from consentry.azure.names import Container, TableName
from consentry.limits import ORPHAN_SECONDS_MIN
from consentry.service.call import Call, SystemTimer, Trigger
from consentry.service.datakeys import Purpose
from consentry.service.inbox_names import UploadName
from consentry.service.templates import Binding
from consentry.trust.operations import Operation

UPLOAD = UploadName.parse(f"{TENANT}/a.jpg")


@pytest.fixture
def world() -> World:
    return make_world()


def put(world: World, container: Container, *names: str) -> None:
    for name in names:
        world.blobs.write(container, f"{TENANT}/{name}", b"data", content_type="")


def cure(world: World, *, wait: bool = True) -> dict[str, int]:
    """Run the timer when all is old enough, and give what its record counts."""
    if wait:
        world.clock.advance(seconds=ORPHAN_SECONDS_MIN)
    call = Call(Operation.UPKEEP, SystemTimer(), Trigger.TIMER, str(uuid4()))
    world.services.gate.run(call, world.services.keeping.orphans.cure)
    counts: dict[str, int] = world.records()[-1].get("counts", {})
    return counts


def test_what_is_whole_is_no_orphan(world: World) -> None:
    put(world, Container.REDACTED, "a.jpg", "a.jpg.manifest.json", "verify/d.verify.result.json")
    put(world, Container.QUARANTINE, "b.jpg", "b.jpg.reason.json")
    put(world, Container.INBOX, "c.jpg")
    assert cure(world) == {}


def test_what_is_young_may_still_be_on_its_way(world: World) -> None:
    put(world, Container.REDACTED, "a.jpg.manifest.json")
    put(world, Container.QUARANTINE, "b.jpg.reason.json")
    world.services.inbox.ledger.expect(UPLOAD, asked_by="key", now=world.clock())
    assert cure(world, wait=False) == {}
    assert len(world.names(Container.REDACTED)) == 1


def test_a_manifest_or_reason_alone_is_deleted(world: World) -> None:
    put(world, Container.REDACTED, "a.jpg.manifest.json")
    put(world, Container.QUARANTINE, "b.jpg.reason.json")
    assert cure(world) == {"manifest_without_result": 1, "reason_without_upload": 1, "deleted": 2}
    assert world.names(Container.REDACTED) == world.names(Container.QUARANTINE) == []


def test_a_result_or_an_upload_alone_is_told_and_stays(world: World) -> None:
    put(world, Container.REDACTED, "a.jpg")
    put(world, Container.QUARANTINE, "b.jpg")
    counted = {"result_without_manifest": 1, "quarantined_without_reason": 1}
    assert cure(world) == cure(world) == counted
    assert world.names(Container.REDACTED) == [f"{TENANT}/a.jpg"]
    found = list(world.services.keeping.inspection.findings(world.clock()))
    assert sum(finding.alone for finding in found) == 2


def test_a_template_whose_key_was_destroyed_is_deleted_and_others_stay(world: World) -> None:
    templates = world.services.faces.templates
    template = np.full(128, 128**-0.5, dtype=np.float32)
    life, now = timedelta(days=1), world.clock()
    for _ in range(2):
        templates.keep(
            TENANT,
            uuid4(),
            template,
            binding=Binding("5" * 64),
            model="a" * 64,
            now=now,
            lifetime=life,
        )
        templates.keys.rotate(TENANT, Purpose.TEMPLATES)
    assert cure(world) == {}
    templates.keys.destroy(TENANT, Purpose.TEMPLATES, 1)
    assert cure(world) == {"template_without_key": 1, "deleted": 1}
    rows = world.tables[TableName.TEMPLATES].query(TENANT)
    [left] = rows
    assert left.values["key"] == 2


@pytest.mark.parametrize("state", ["waiting", "held", "done", "quarantined"])
def test_the_status_of_an_upload_goes_with_the_last_of_it(world: World, state: str) -> None:
    ledger, now = world.services.inbox.ledger, world.clock()
    match state:
        case "waiting":
            place = Container.INBOX
            ledger.expect(UPLOAD, asked_by="key", now=now)
        case "held":
            place = Container.INBOX
            ledger.held(UPLOAD, etag="1", invocation=str(uuid4()), now=now)
        case "done":
            place = Container.REDACTED
            ledger.done(UPLOAD, etag="1", result=UPLOAD.blob, invocation=str(uuid4()), now=now)
        case _:
            place = Container.QUARANTINE
            ledger.quarantined(UPLOAD, etag="1", reason="InvalidImage", now=now)
    put(world, place, "a.jpg")
    if place is not Container.INBOX:
        note = ".manifest.json" if place is Container.REDACTED else ".reason.json"
        put(world, place, "a.jpg" + note)
    assert cure(world) == {}
    for name in world.names(place):
        world.blobs.delete(place, name)
    assert cure(world) == {"status_without_upload": 1, "deleted": 1}
    assert ledger.find(TENANT, UPLOAD.upload_id) is None


def test_what_belongs_to_no_tenant_that_is_served_is_told(world: World) -> None:
    world.blobs.write(Container.REDACTED, "gone/a.jpg", b"data", content_type="")
    world.blobs.write(Container.REDACTED, "gone/a.jpg.manifest.json", b"data", content_type="")
    assert cure(world) == {"no_served_tenant": 2}
    assert len(world.names(Container.REDACTED)) == 2
