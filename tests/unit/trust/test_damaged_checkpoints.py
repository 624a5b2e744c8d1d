"""Checkpoints, by statement and signature: changed, missing, of another time, by another key."""

from datetime import timedelta

import pytest
from tests.support.logs import ORIGIN, ExportedLog, SealedLog, audit_record, found
from tests.support.memory import Clock, MemoryAppends, MemorySigningKey

from consentry.errors import ArgumentError
from consentry.service.sealing import Sealer
from consentry.trust.checkpoints import (
    BATCH,
    PROOF,
    Batch,
    Checkpoint,
    InclusionProof,
    batch_name,
    proof_name,
)
from consentry.trust.damage import Damage, Finding
from consentry.trust.merkle import leaf_hash
from consentry.trust.notes import sign_note
from consentry.trust.verification import Known, verify_log

EDITED, REMOVED, INSERTED = Damage.EDITED, Damage.REMOVED, Damage.INSERTED


def about(log: ExportedLog, known: Known | None = None) -> tuple[str, int, Damage]:
    (finding,) = log.report(known).findings
    return finding.chain, finding.sequence, finding.kind


def seal(log: ExportedLog, number: int, batch: Batch, tree_of: int) -> Checkpoint:
    """Sign a lie with the true key: a batch upon the tree of another one."""
    tree = log.sealed(tree_of).tree
    path, index = tree.next_path, tree.size
    tree.append(leaf_hash(batch.line()))
    key = log.key.public_keys()[0]
    checkpoint = Checkpoint.sign(ORIGIN, tree, key=key, sign=log.key.sign)
    log.store.tamper(batch_name(number), batch.line())
    log.store.tamper(proof_name(number), InclusionProof(index, path, checkpoint).file())
    return checkpoint


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("kind", [BATCH, PROOF])
@pytest.mark.parametrize("place", [0, 10, 60, 120, -1, -40])
def test_an_edited_checkpoint_is_named(
    log: ExportedLog, number: int, kind: str, place: int
) -> None:
    name = f"checkpoints/{number:08}{kind}"
    signed = bytearray(log.store.read(name))
    signed[place] ^= 1
    log.store.tamper(name, bytes(signed))
    chain, named, damage = about(log)
    assert (chain, named) == ("checkpoints", number)
    assert damage in (EDITED, Damage.FOREIGN_KEY)


@pytest.mark.parametrize("kind", [BATCH, PROOF])
def test_a_removed_part_of_a_checkpoint_is_named(log: ExportedLog, kind: str) -> None:
    log.store.tamper(f"checkpoints/00000002{kind}", None)
    assert about(log) == ("checkpoints", 2, REMOVED)


def test_a_removed_checkpoint_leaves_its_records_unexplained(log: ExportedLog) -> None:
    for name in (batch_name(2), proof_name(2)):
        log.store.tamper(name, None)
    assert found(log) == (2, 7, INSERTED)


def test_a_checkpoint_by_another_key_is_named(log: ExportedLog) -> None:
    swapped = ExportedLog(log.store, MemorySigningKey())
    assert about(swapped) == ("checkpoints", 1, Damage.FOREIGN_KEY)


def test_a_checkpoint_that_is_signed_again_by_another_key_is_named(log: ExportedLog) -> None:
    other = MemorySigningKey()
    proof = log.sealed(2).proof
    text = f"{ORIGIN}\n{proof.checkpoint.size}\n"
    note = proof.checkpoint.note.decode().partition("\n\n")[0] + "\n"
    assert note.startswith(text)
    signed = sign_note(note, name=ORIGIN, key=other.public_keys()[0], sign=other.sign)
    file = proof.file().replace(proof.checkpoint.note, signed)
    log.store.tamper(proof_name(2), file)
    assert about(log) == ("checkpoints", 2, Damage.FOREIGN_KEY)


def test_a_checkpoint_that_is_signed_again_is_not_the_one_that_was_sealed(log: ExportedLog) -> None:
    first = log.sealed(1)
    note = first.proof.checkpoint.note
    key = log.key.public_keys()[0]
    text = note.decode().partition("\n\n")[0] + "\n"
    again = sign_note(text, name=ORIGIN, key=key, sign=log.key.sign)
    log.store.tamper(proof_name(1), first.proof.file().replace(note, again))
    assert about(log) == ("checkpoints", 1, Damage.REPLACED)


def test_an_older_checkpoint_in_the_place_of_a_newer_is_named(log: ExportedLog) -> None:
    for name in (batch_name, proof_name):
        log.store.tamper(name(2), log.store.read(name(1)))
    assert about(log) == ("checkpoints", 2, Damage.REPLACED)


def test_a_log_that_was_rolled_back_contradicts_a_checkpoint_kept_elsewhere() -> None:
    whole = SealedLog()
    early = whole.export().sealed(2).proof.checkpoint
    whole.log.append(audit_record(50))
    whole.seal()
    late = whole.sealed(3).proof.checkpoint
    rolled = whole.export()
    assert rolled.report(Known(checkpoint=early)).whole
    assert rolled.report(Known(checkpoint=late)).whole
    for name in (batch_name(3), proof_name(3)):
        rolled.store.tamper(name, None)
    lines = rolled.lines(3)
    assert len(lines) == 1
    rolled.store.tamper(rolled.segments[3], None)
    assert rolled.report().whole  # nothing in the export itself can tell
    told = about(rolled, Known(checkpoint=late))
    assert told == ("checkpoints", 3, Damage.ROLLED_BACK)


def test_a_log_that_was_rolled_back_and_went_on_contradicts_a_checkpoint_too() -> None:
    """Whoever holds the true key can sign a second history, but not make the first one go."""
    one, other = SealedLog(), SealedLog(records=0)
    other.key = one.key
    other.sealer = Sealer(other.store, one.key, ORIGIN)
    for number in range(12):
        other.log.append(audit_record(100 + number))
    other.seal()
    held = one.sealed(1).proof.checkpoint
    assert other.report().whole
    assert about(other.export(), Known(checkpoint=held)) == (
        "checkpoints",
        1,
        Damage.FORKED,
    )


def test_a_batch_on_another_tree_was_forked(log: ExportedLog) -> None:
    batch = log.sealed(2).batch
    heads = [head.model_copy(update={"start": 12}) for head in batch.heads]
    seal(log, 2, batch.model_copy(update={"heads": heads}), tree_of=1)
    assert about(log)[1:] == (2, Damage.FORKED)


def test_a_batch_that_sealed_other_records_than_are_there_was_forked(log: ExportedLog) -> None:
    """The chain is whole, the statement right; only the tree holds something else."""
    batch, tree = log.sealed(2).batch, log.sealed(1).tree
    for number in range(5):
        tree.append(leaf_hash(str(number).encode()))
    path, index = tree.next_path, tree.size
    tree.append(leaf_hash(batch.line()))
    key = log.key.public_keys()[0]
    lie = Checkpoint.sign(ORIGIN, tree, key=key, sign=log.key.sign)
    log.store.tamper(proof_name(2), InclusionProof(index, path, lie).file())
    assert about(log) == ("checkpoints", 2, Damage.FORKED)


def test_a_time_in_which_nothing_was_sealed_is_named() -> None:
    whole = SealedLog()
    whole.clock.advance(hours=3)
    whole.log.append(audit_record(50))
    whole.seal()
    log = whole.export()
    assert log.report(Known(gap=timedelta(hours=3))).whole
    told = about(log, Known(gap=timedelta(hours=1)))
    assert told == ("checkpoints", 3, Damage.GAP)


def test_an_export_that_does_not_reach_over_the_period_is_told() -> None:
    whole = SealedLog()
    for hour in range(1, 5):
        whole.clock.advance(hours=1)
        whole.log.append(audit_record(50 + hour))
        whole.seal()
    begin = Clock().now
    part = whole.export(since=begin + timedelta(hours=2), until=begin + timedelta(hours=3))
    report = part.report(Known(since=begin + timedelta(hours=2), until=begin + timedelta(hours=3)))
    assert report.whole
    assert (report.records, report.checkpoints) == (2, 2)
    early = Known(since=begin)
    assert about(part, early) == ("checkpoints", 3, Damage.GAP)
    late = Known(until=begin + timedelta(hours=4))
    assert about(part, late) == ("checkpoints", 6, Damage.GAP)


def test_an_export_says_that_a_checkpoint_is_older_than_itself() -> None:
    whole = SealedLog()
    whole.clock.advance(hours=1)
    whole.log.append(audit_record(50))
    whole.seal()
    part = whole.export(since=whole.clock.now)
    with pytest.raises(ArgumentError):
        part.report(Known(checkpoint=whole.sealed(1).proof.checkpoint))


def test_an_empty_folder_is_no_log() -> None:
    (finding,) = verify_log(MemoryAppends(), MemorySigningKey().public_keys()).findings
    assert finding == Finding("checkpoints", 0, 1, REMOVED)
