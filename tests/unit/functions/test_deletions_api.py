"""Deletion receipts over HTTP."""

from uuid import uuid4

import pytest
from tests.support.service import STRANGER, TENANT, App, World, make_world

from consentry.azure.names import Container
from consentry.errors import ConflictError
from consentry.service.call import Call, SystemTimer, Trigger
from consentry.service.invocation import Invocation, Outcome
from consentry.trust.deletions import Deletion, DeletionReason, open_deletion
from consentry.trust.operations import Operation, Role

FACES = [str(uuid4()) for _ in range(3)]


@pytest.fixture(scope="module")
def world() -> World:
    world = make_world()
    world.approve()
    return world


@pytest.fixture(scope="module")
def app(world: World) -> App:
    return App(world)


def issue(world: World, receipt_id: str = "") -> Deletion:
    """Have the service issue a receipt, as a timer that deleted templates would."""

    def work(invocation: Invocation) -> Outcome[list[Deletion]]:
        receipts: list[Deletion] = []
        return Outcome(
            receipts,
            lambda: receipts.append(
                world.services.deletions.issue(
                    invocation,
                    tenant=TENANT,
                    reason=DeletionReason.CONSENT_WITHDRAWN,
                    deleted={"templates": FACES},
                    receipt_id=receipt_id,
                )
            ),
        )

    call = Call(Operation.UPKEEP, SystemTimer(), Trigger.TIMER, str(uuid4()))
    [receipt] = world.services.gate.run(call, work)
    return receipt


def ask(
    app: App, receipt_id: str, tenant: str = TENANT, person: tuple[Role, str] | None = None
) -> tuple[int, bytes]:
    reply = app.reply(
        "deletion_receipt", method="GET", tenant=tenant, person=person, route={"id": receipt_id}
    )
    return reply.status_code, reply.get_body()


def test_receipt_names_its_audit_record_and_is_given_to_its_tenant(world: World, app: App) -> None:
    issued = issue(world)
    assert world.records()[-1]["id"] == issued.audit
    status, body = ask(app, issued.id)
    assert status == 200
    keys = world.services.signing_key.public_keys()
    assert open_deletion(body, public_keys=keys) == issued


def test_receipt_of_another_tenant_does_not_exist(world: World, app: App) -> None:
    issued = issue(world)
    stranger = ask(app, issued.id, STRANGER, (Role.APPLICANT, "eve"))
    nobody = ask(app, str(uuid4()), STRANGER, (Role.APPLICANT, "eve"))
    assert stranger == nobody
    assert stranger[0] == 404


@pytest.mark.parametrize("role", [Role.APPLICANT, Role.AUDITOR, Role.ADMIN])
def test_people_read_receipts_without_an_approval(world: World, app: App, role: Role) -> None:
    assert ask(app, issue(world).id, TENANT, (role, "joan"))[0] == 200


def test_receipt_that_was_changed_or_moved_is_not_given(world: World, app: App) -> None:
    one, other = issue(world), issue(world)
    data = world.content(Container.DELETIONS, f"{one.id}.jws")
    assert data is not None
    for name, content in ((other.id, data), (one.id, data[:-4] + b"AAAA")):
        world.blobs.write(Container.DELETIONS, f"{name}.jws", content, content_type="")
        assert ask(app, name)[0] in (404, 500)


def test_receipt_is_never_overwritten(world: World) -> None:
    issued = issue(world)
    before = world.content(Container.DELETIONS, f"{issued.id}.jws")
    with pytest.raises(ConflictError):
        issue(world, issued.id)
    assert world.content(Container.DELETIONS, f"{issued.id}.jws") == before
