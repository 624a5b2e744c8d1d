"""Erasing a tenant: nothing of it is left but the log and one receipt, wherever a process dies."""

import json
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from tests.support.governance import application, approval
from tests.support.service import (
    STRANGER,
    TENANT,
    Context,
    World,
    functions_of,
    handler,
    http_request,
    make_world,
)

from consentry.azure.names import Container, TableName
from consentry.errors import IntegrityError, NotFoundError, StorageError
from consentry.limits import ADMISSION_SECONDS, DATA_KEY_SECONDS, ERASURE_SETTLE_SECONDS
from consentry.service.belongings import CONTAINERS, TABLES, Fate
from consentry.service.call import Call, OperatorCommand, SystemTimer, Trigger
from consentry.service.callers import make_key
from consentry.service.datakeys import Purpose
from consentry.service.erasure_jobs import Erasure
from consentry.service.inbox_names import UploadName
from consentry.trust.deletions import Deleted, Deletion, DeletionReason, open_deletion
from consentry.trust.operations import Capability, Operation, Role
from consentry.trust.review import draft

NAMES = {
    Container.INBOX: "photo.jpg",
    Container.PIECES: f"{uuid4()}/piece-00000.mkv",
    Container.REDACTED: "photo.jpg.manifest.json",
    Container.QUARANTINE: "deep/photo.jpg.reason.json",
    Container.MANIFESTS: f"{uuid4()}.json",
}


@pytest.fixture
def world() -> World:
    """Two tenants with something in every place."""
    world = make_world()
    now = world.clock()
    for tenant in (TENANT, STRANGER):
        world.approve(tenant)
        for container, name in NAMES.items():
            world.blobs.write(container, f"{tenant}/{name}", b"data", content_type="")
        world.services.inbox.ledger.expect(
            UploadName.parse(f"{tenant}/photo.jpg"), asked_by="key", now=now
        )
        for purpose in (Purpose.DIGEST, Purpose.TEMPLATES):
            world.services.faces.templates.keys.get(tenant, purpose)
        world.tables[TableName.TEMPLATES].insert(
            tenant, str(uuid4()), {"expires": now + timedelta(hours=1)}
        )
        for name in (TableName.CONSENTS, TableName.JOBS, TableName.QUOTAS):
            world.tables[name].insert(tenant, str(uuid4()), {"since": now})
        case = draft(str(uuid4()), tenant, "ada", application(), now)
        world.services.applications.cases.add(case)
    return world


def begin(world: World, tenant: str = TENANT) -> Erasure:
    call = Call(Operation.ERASE_TENANT, OperatorCommand(), Trigger.COMMAND, str(uuid4()))
    erasures = world.services.keeping.erasures
    return world.services.gate.run(call, lambda invocation: erasures.begin(invocation, tenant))


def carry_on(world: World) -> None:
    call = Call(Operation.UPKEEP, SystemTimer(), Trigger.TIMER, str(uuid4()))
    world.services.gate.run(call, world.services.keeping.erasures.carry_on)


def left(world: World, tenant: str = TENANT) -> dict[str, int]:
    counts = world.services.keeping.erasures.belongings.count(tenant)
    return {kind: number for kind, number in counts.items() if number}


def receipts(world: World) -> list[Deletion]:
    keys = world.services.signing_key.public_keys()
    names = [name for name in world.names(Container.DELETIONS) if name.endswith(".jws")]
    data = [world.content(Container.DELETIONS, name) for name in names]
    return [open_deletion(each, public_keys=keys) for each in data if each is not None]


def erase(world: World) -> Erasure:
    """Erase, with all the time that it takes."""
    job = begin(world)
    carry_on(world)
    world.clock.advance(seconds=ERASURE_SETTLE_SECONDS)
    carry_on(world)
    return job


def test_every_container_and_table_has_a_fate() -> None:
    assert set(CONTAINERS) == set(Container)
    assert set(TABLES) == set(TableName)


def test_keys_go_first() -> None:
    assert next(iter(TABLES)) is TableName.DATA_KEYS


def test_nothing_is_left_of_a_tenant_and_all_of_the_others(world: World) -> None:
    before = left(world, STRANGER)
    fates = (*TABLES.items(), *CONTAINERS.items())
    assert set(before) == {str(kind) for kind, fate in fates if fate is Fate.ERASED}
    erase(world)
    assert left(world) == {}
    assert left(world, STRANGER) == before


def test_one_receipt_counts_all_and_names_the_record_of_who_asked(world: World) -> None:
    counts = left(world)
    templates = [row.row for row in world.tables[TableName.TEMPLATES].query(TENANT)]
    job = erase(world)
    [receipt] = receipts(world)
    assert (receipt.id, receipt.tenant) == (job.receipt, TENANT)
    assert receipt.reason is DeletionReason.TENANT_ERASED
    # Revoking writes rows of its own before they go: one version for each capability.
    counts["access"] += len(Capability)
    assert {part.kind: part.count for part in receipt.deleted} == counts
    assert Deleted.of("templates", templates) in receipt.deleted
    [record] = [record for record in world.records() if record["id"] == receipt.audit]
    assert (record["operation"], record["regards"]) == ("erase_tenant", TENANT)


def test_keys_and_callers_go_at_once_and_no_receipt_is_issued_yet(world: World) -> None:
    begin(world)
    assert not {"datakeys", "callers"} & set(left(world))
    assert receipts(world) == []


def test_running_instances_let_nobody_in_and_hold_no_key_after_the_bound(world: World) -> None:
    functions = functions_of(world.services)
    request = http_request(world, method="GET", route={"id": "0" * 32})
    upload_status = handler(functions, "upload_status")
    assert upload_status(request, Context()).status_code == 404
    keys = world.services.faces.templates.keys
    begin(world)
    world.clock.advance(seconds=max(ADMISSION_SECONDS, DATA_KEY_SECONDS))
    assert upload_status(request, Context()).status_code in (401, 403)
    assert not keys.has(TENANT, Purpose.TEMPLATES)
    assert keys.version(TENANT, Purpose.TEMPLATES, 1) is None


def test_approval_row_put_back_after_an_erasure_opens_nothing(world: World) -> None:
    table = world.tables[TableName.ACCESS]
    rows = list(table.query(TENANT, row_prefix="force:"))
    assert rows
    erase(world)
    for row in rows:
        table.put(row.partition, row.row, row.values)
    world.keys[TENANT] = world.services.callers.admit(make_key(TENANT), world.clock()).text
    request = http_request(world, method="GET", route={"id": "0" * 32})
    reply = handler(functions_of(world.services), "upload_status")(request, Context())
    assert reply.status_code == 500
    assert reply.headers["x-ms-error-code"] == "IntegrityFailure"


def test_application_put_back_after_an_erasure_is_not_believed(world: World) -> None:
    table = world.tables[TableName.ACCESS]
    [row] = table.query(TENANT, row_prefix="case:")
    erase(world)
    table.put(row.partition, row.row, row.values)
    with pytest.raises(IntegrityError):
        list(world.services.applications.cases.list(TENANT))
    assert len(list(world.services.applications.cases.list(STRANGER))) == 1


def test_what_a_call_of_before_leaves_behind_goes_before_the_receipt(world: World) -> None:
    begin(world)
    carry_on(world)
    world.blobs.write(Container.REDACTED, f"{TENANT}/late.jpg", b"data", content_type="")
    world.clock.advance(seconds=ERASURE_SETTLE_SECONDS)
    carry_on(world)
    assert left(world) == {}
    [receipt] = receipts(world)
    assert {part.kind: part.count for part in receipt.deleted}["redacted"] == 2


def test_names_are_forgotten_when_the_receipt_is_there(world: World) -> None:
    job = erase(world)
    assert world.names(Container.DELETIONS) == [f"{job.receipt}.jws", f"erased/{TENANT}.json"]
    kept = world.content(Container.DELETIONS, f"erased/{TENANT}.json")
    assert kept is not None
    assert "photo" not in kept.decode()


def test_erasing_again_changes_nothing_and_gives_the_same_receipt(world: World) -> None:
    job = begin(world)
    assert begin(world).receipt == job.receipt
    erase(world)
    again = begin(world)
    assert (again.receipt, again.done is not None) == (job.receipt, True)
    carry_on(world)
    assert len(receipts(world)) == 1


def test_a_tenant_that_came_back_is_erased_anew(world: World) -> None:
    first = erase(world)
    world.drop(f"{TENANT}/again.jpg", b"data")
    assert begin(world).receipt != first.receipt
    assert erase(world).receipt != first.receipt
    assert left(world) == {}
    assert len(receipts(world)) == 2


FAULTS = [
    *(("blobs", operation, number) for operation in ("write", "delete") for number in range(12)),
    *(
        ("tables", operation, number)
        for operation in ("delete", "put_together")
        for number in (0, 2)
    ),
]


@pytest.mark.parametrize(("where", "operation", "number"), FAULTS)
@pytest.mark.parametrize("after", [False, True])
def test_an_erasure_that_breaks_off_anywhere_is_carried_through(
    world: World, where: str, operation: str, number: int, after: bool
) -> None:
    """The store fails once, at every step in turn, before or after the step took effect."""
    counts = left(world)
    stores = [world.blobs.faults] if where == "blobs" else [t.faults for t in world.tables.values()]
    for faults in stores:
        faults.fail_at(operation, number, after=after)
    for _ in range(len(TABLES) + 1):
        if not receipts(world):
            try_once(world)
        late(world)
    assert left(world) == {}
    carry_on(world)
    [receipt] = receipts(world)
    counted = {part.kind: part.count for part in receipt.deleted}
    assert all(counted[kind] >= number for kind, number in counts.items())
    assert [n for n in world.names(Container.DELETIONS) if n.startswith("erasing/")] == []


def late(world: World) -> None:
    world.clock.advance(seconds=ERASURE_SETTLE_SECONDS)


def try_once(world: World) -> None:
    try:
        begin(world)
        carry_on(world)
    except StorageError:
        return


def test_an_erasure_that_would_take_long_goes_on_in_the_next_run(world: World) -> None:
    for number in range(3):
        world.drop(f"{TENANT}/{number}.jpg", b"data")
    call = Call(Operation.UPKEEP, SystemTimer(), Trigger.TIMER, str(uuid4()))
    erasures = world.services.keeping.erasures
    begin(world)
    world.clock.advance(seconds=ERASURE_SETTLE_SECONDS)
    hurried = replace(erasures, most=2, batch=1)
    world.services.gate.run(call, hurried.carry_on)
    assert left(world)
    assert receipts(world) == []
    for _ in range(20):
        world.services.gate.run(call, hurried.carry_on)
    assert left(world) == {}
    assert len(receipts(world)) == 1


def test_a_name_that_leads_elsewhere_holds_the_receipt_back(world: World) -> None:
    world.drop(f"{TENANT}/../{STRANGER}/photo.jpg", b"data")
    erase(world)
    assert left(world) == {"inbox": 1}
    assert receipts(world) == []
    assert world.content(Container.INBOX, f"{STRANGER}/photo.jpg") is not None


@pytest.mark.parametrize("name", ["", "Contoso", "../x", "con.toso", "a" * 33])
def test_what_is_no_tenants_name_is_not_erased(world: World, name: str) -> None:
    with pytest.raises(NotFoundError):
        begin(world, name)
    assert world.services.keeping.erasures.jobs.under_way() == []


def post(world: World, role: Role, confirm: str = TENANT) -> int:
    request = http_request(
        world,
        body=json.dumps({"confirm": confirm}).encode(),
        person=(role, "joan"),
        route={"tenant": TENANT},
        content_type="application/json",
    )
    status: int = handler(functions_of(world.services), "erase_tenant")(
        request, Context()
    ).status_code
    return status


def test_an_admin_erases_over_http_and_nobody_else(world: World) -> None:
    before = left(world)
    for role in (Role.CALLER, Role.APPLICANT, Role.REVIEWER, Role.AUDITOR):
        assert post(world, role) == 403
    assert post(world, Role.ADMIN, confirm=STRANGER) == 400
    assert left(world) == before
    assert post(world, Role.ADMIN) == 202
    assert world.records()[-1]["regards"] == TENANT
    request = http_request(
        world, method="GET", person=(Role.AUDITOR, "ann"), route={"tenant": TENANT}
    )
    status = handler(functions_of(world.services), "erasure")
    assert json.loads(status(request, Context()).get_body())["state"] == "erasing"
    late(world)
    carry_on(world)
    told = json.loads(status(request, Context()).get_body())
    assert told["state"] == "done"
    assert UUID(told["receipt"])


def test_fates_that_are_kept_hold_nothing_of_an_application(world: World) -> None:
    erase(world)
    evidence = world.services.parts.decisions
    kept = b"".join(evidence.read(found.name) for found in evidence.list())
    kept += b"".join(world.audit.read(found.name) for found in world.audit.list())
    assert application().work_email.encode() not in kept
    assert approval().tenant.encode() in kept
    assert CONTAINERS[Container.AUDIT] is Fate.KEPT
