"""Proofs out of a real log: of every record, of every growth, and of nothing else."""

from uuid import UUID

import pytest
from tests.support.logs import SealedLog, audit_record
from tests.support.memory import Clock
from tests.support.service import STRANGER, TENANT, World, make_world

from consentry.errors import ArgumentError, IntegrityError, NotFoundError
from consentry.service.audit import AuditLog
from consentry.service.call import ApiKey, Call, OperatorCommand, Trigger
from consentry.service.identifiers import uuid7
from consentry.service.invocation import Invocation, Outcome
from consentry.service.proofs import Proofs
from consentry.trust.operations import Operation
from consentry.trust.proofs import ConsistencyProof, RecordProof


@pytest.fixture(scope="module")
def world() -> World:
    """Two approved tenants and some records of each, over some hours."""
    world = make_world()
    world.approve(TENANT)
    world.approve(STRANGER)
    for _ in range(4):
        for tenant in (TENANT, STRANGER):
            ask(world, tenant, Operation.DETECT)
        world.services.upkeep.sealer.seal(world.clock())
        world.clock.advance(minutes=20)
    return world


def ask(world: World, tenant: str, operation: Operation) -> Invocation:
    """Run a call that does nothing, and give it."""
    call = Call(operation, ApiKey(world.keys[tenant]), Trigger.HTTP, uuid7(world.clock()))
    return world.services.gate.run(call, Outcome)


def test_every_record_of_the_tenant_is_proven_offline_and_no_other(world: World) -> None:
    keys = world.services.signing_key.public_keys()
    mine = ask(world, TENANT, Operation.PROVE_RECORD)
    sealed = [record for record in world.records() if record["operation"] == "detect"]
    assert len(sealed) == 8
    for record in sealed:
        identifier = UUID(record["id"])
        if record["tenant"] == TENANT:
            found = world.services.proofs.record(mine, identifier).value
            opened = RecordProof.open(found.document(), keys)
            assert opened.record == record
        else:
            with pytest.raises(NotFoundError):
                world.services.proofs.record(mine, identifier)


def test_the_operator_finds_the_records_of_all_tenants(world: World) -> None:
    call = Call(Operation.PROVE_RECORD, OperatorCommand(), Trigger.COMMAND, uuid7(world.clock()))
    operator = world.services.gate.run(call, Outcome)
    tenants = {
        world.services.proofs.record(operator, UUID(record["id"])).value.record["tenant"]
        for record in world.records()
        if record["operation"] == "detect"
    }
    assert tenants == {TENANT, STRANGER}


@pytest.mark.parametrize(
    "identifier", [UUID(int=0), UUID(int=2**128 - 1), UUID(uuid7(Clock().now))]
)
def test_an_id_that_no_record_has_is_not_found(world: World, identifier: UUID) -> None:
    mine = ask(world, TENANT, Operation.PROVE_RECORD)
    with pytest.raises(NotFoundError):
        world.services.proofs.record(mine, identifier)


def test_a_record_that_is_not_sealed_yet_is_not_found(world: World) -> None:
    mine = ask(world, TENANT, Operation.PROVE_RECORD)
    with pytest.raises(NotFoundError):
        world.services.proofs.record(mine, UUID(mine.id))


def test_a_changed_record_or_proof_is_refused(world: World) -> None:
    keys = world.services.signing_key.public_keys()
    mine = ask(world, TENANT, Operation.PROVE_RECORD)
    record = next(record for record in world.records() if record["tenant"] == TENANT)
    document = world.services.proofs.record(mine, UUID(record["id"])).value.document()
    for change in (
        {"line": document["line"].replace('"allowed":true', '"allowed":false')},
        {"proof": document["proof"].replace("index ", "index 1")},
        {"line": 7},
        {"kind": "other"},
    ):
        with pytest.raises(IntegrityError):
            RecordProof.open({**document, **change}, keys)


def records_over(log: SealedLog, number: int) -> list[str]:
    """Write records of two writers, sealed every now and then; give their ids."""
    identifiers = []
    other = AuditLog(log.store, log.clock)
    for each in range(number):
        identifiers.append(uuid7(log.clock()))
        writer = other if each % 3 == 0 else log.log
        writer.append(audit_record(each, id=identifiers[-1], time=log.clock()))
        if each % 7 == 0:
            log.clock.advance(minutes=1)
            log.seal()
    log.clock.advance(minutes=1)
    log.seal()
    return identifiers


def test_records_of_several_writers_and_segments_are_found(world: World) -> None:
    log = SealedLog()
    identifiers = records_over(log, 30)
    mine = ask(world, TENANT, Operation.PROVE_RECORD)
    proofs = Proofs(log.store, log.key)
    for identifier in identifiers:
        found = proofs.record(mine, UUID(identifier)).value
        assert RecordProof.open(found.document(), log.key.public_keys()).record["id"] == identifier


def test_the_log_is_proven_to_begin_with_every_earlier_checkpoint() -> None:
    log = SealedLog()
    records_over(log, 300)
    proofs, keys = Proofs(log.store, log.key), log.key.public_keys()
    for number in range(1, len(log.checkpoints) + 1):
        held = log.sealed(number).proof.checkpoint
        found = ConsistencyProof.open(proofs.consistency(held.size).value.document(), keys)
        assert (found.size, found.root) == (held.size, held.root)
        assert found.checkpoint == proofs.checkpoint().value


@pytest.mark.parametrize("size", [0, -1, 15, 10**15])
def test_a_size_that_the_log_never_had_is_refused(size: int) -> None:
    log = SealedLog()
    with pytest.raises(ArgumentError):
        Proofs(log.store, log.key).consistency(size)


@pytest.mark.parametrize("content", [bytes(14 * 32), None])
def test_a_spoilt_tile_yields_no_proof(world: World, content: bytes | None) -> None:
    log = SealedLog(records=0)
    (identifier, *_) = records_over(log, 20)
    mine = ask(world, TENANT, Operation.PROVE_RECORD)
    for part in list(log.store.list("tile/")):
        log.store.tamper(part.name, content and bytes(part.size))
    proofs = Proofs(log.store, log.key)
    with pytest.raises(IntegrityError):
        proofs.record(mine, UUID(identifier))
    with pytest.raises(IntegrityError):
        proofs.consistency(3)


@pytest.mark.parametrize(
    "change",
    [{"size": 4}, {"size": "3"}, {"path": []}, {"path": None}, {"path": ["x"]}, {"root": "AA=="}],
)
def test_a_changed_proof_of_growth_is_refused(change: dict[str, object]) -> None:
    log = SealedLog()
    document = Proofs(log.store, log.key).consistency(3).value.document()
    with pytest.raises(IntegrityError):
        ConsistencyProof.open({**document, **change}, log.key.public_keys())


def test_before_anything_is_sealed_there_is_no_proof() -> None:
    log = SealedLog(records=0)
    with pytest.raises(NotFoundError):
        Proofs(log.store, log.key).checkpoint()
