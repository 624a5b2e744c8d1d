"""Checkpoints: what they cover, what they cost, and what happens when things go wrong."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.logs import ORIGIN, SealedLog, audit_record
from tests.support.memory import Clock, MemoryAppends, MemorySigningKey

from consentry.errors import IntegrityError, StorageError
from consentry.service.audit import AuditLog
from consentry.service.audit_copy import LogCopy, export_log
from consentry.service.sealing import Sealer
from consentry.trust.checkpoints import batch_name, proof_name
from consentry.trust.verification import Known, verify_log


class CountingAppends(MemoryAppends):
    """Counts the bytes of the chains that are read."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes_read = 0

    def read(self, name: str, *, start: int = 0) -> bytes:
        data = super().read(name, start=start)
        if name.endswith(".jsonl"):
            self.bytes_read += len(data)
        return data


class BreakingAppends(MemoryAppends):
    """Shares another store's parts, and breaks down after so many parts were put."""

    def __init__(self, store: MemoryAppends, puts: int) -> None:
        super().__init__()
        self._parts = store._parts
        self._left = puts

    def put(self, name: str, data: bytes) -> None:
        if self._left == 0:
            raise StorageError("the store is gone")
        self._left -= 1
        super().put(name, data)


def test_an_empty_log_is_not_sealed() -> None:
    log = SealedLog(records=0)
    assert list(log.store.list()) == []


def test_nothing_new_makes_no_checkpoint() -> None:
    log = SealedLog()
    before = log.checkpoints
    assert log.seal() == 0
    assert log.checkpoints == before


def test_only_what_is_new_is_read() -> None:
    store = CountingAppends()
    log = SealedLog(records=0, store=store)
    for number in range(100):
        log.log.append(audit_record(number))
        log.seal()
    written = sum(part.size for part in store.list("2026"))
    assert store.bytes_read == written
    assert log.report().records == 100


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 7, 8, 9, 16, 17])
def test_checkpoints_are_numbered_without_a_gap(number: int) -> None:
    log = SealedLog(records=0)
    for each in range(number):
        log.log.append(audit_record(each))
        log.seal()
    assert log.checkpoints == [proof_name(n) for n in range(1, number + 1)]
    assert log.report().whole


def test_chains_of_all_writers_and_days_are_sealed() -> None:
    log = SealedLog()
    for day in range(4):
        for writer in range(3):
            AuditLog(log.store, log.clock).append(audit_record(100 + 10 * day + writer))
        if day != 1:
            assert log.seal() == (6 if day == 2 else 3)
        log.clock.advance(days=1)
    report = log.report()
    assert report.whole
    assert (report.chains, report.records) == (13, 24)


def test_what_came_after_the_days_last_checkpoint_is_sealed_on_the_next_day() -> None:
    log = SealedLog()
    log.log.append(audit_record(50))
    log.clock.advance(days=1)
    assert log.seal() == 1
    assert log.report().records == 13


def test_a_damaged_chain_is_told_and_the_others_are_sealed_all_the_same() -> None:
    log = SealedLog()
    log.log.append(audit_record(20))
    log.store.tamper(log.segments[-1], b"{}\n")
    AuditLog(log.store, log.clock).append(audit_record(21))
    with pytest.raises(IntegrityError):
        log.seal()
    assert len(log.checkpoints) == 3
    report = log.report()
    assert report.records == 13
    assert report.whole


@pytest.mark.parametrize("kept", [slice(-1), slice(0)])
def test_a_chain_that_lost_its_end_is_told(kept: slice) -> None:
    log = SealedLog()
    log.set_lines(2, log.lines(2)[kept])
    with pytest.raises(IntegrityError):
        log.seal()
    assert len(log.checkpoints) == 2
    assert not log.report().whole


def test_a_chain_that_is_gone_is_told() -> None:
    log = SealedLog()
    for name in log.segments:
        log.store.tamper(name, None)
    with pytest.raises(IntegrityError):
        log.seal()
    (finding,) = log.report().findings
    assert (finding.sequence, finding.kind) == (0, "removed")


def test_a_chain_without_a_record_yet_is_not_damaged() -> None:
    log = SealedLog()
    log.store.create(f"2026-03-14/{'e' * 32}/000000.jsonl")
    log.log.append(audit_record(20))
    assert log.seal() == 1
    assert log.report().whole


def test_a_forged_checkpoint_is_not_built_upon() -> None:
    log = SealedLog()
    log.log.append(audit_record(20))
    forger = Sealer(log.store, MemorySigningKey(), ORIGIN)
    with pytest.raises(IntegrityError):
        forger.seal(log.clock())
    assert len(log.checkpoints) == 2


def test_two_who_seal_at_once_write_one_checkpoint() -> None:
    log = SealedLog()
    log.log.append(audit_record(20))
    go_on = log.store.faults.hold("put")
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(log.seal)
        log.store.faults.wait_for_held()
        twin = log.store.copy()
        Sealer(twin, log.key, ORIGIN).seal(log.clock() + timedelta(seconds=1))
        for name in (batch_name(3), proof_name(3)):
            log.store.tamper(name, twin.read(name))
        go_on()
        assert late.result() == 0
    assert len(log.checkpoints) == 3
    assert log.report().whole


def test_a_vault_that_is_down_leaves_no_checkpoint_and_the_next_run_finishes_it() -> None:
    log = SealedLog()
    log.log.append(audit_record(20))
    log.key.faults.fail("sign")
    with pytest.raises(StorageError):
        log.seal()
    assert len(log.checkpoints) == 2
    log.log.append(audit_record(21))
    assert log.seal() == 1
    assert log.report().records == 13
    assert log.seal() == 1
    assert log.report().records == 14
    assert log.report().whole


@pytest.mark.parametrize("puts", range(3))
def test_a_seal_that_broke_off_anywhere_is_finished_by_the_next(puts: int) -> None:
    log = SealedLog(records=300)
    log.log.append(audit_record(500))
    store = BreakingAppends(log.store, puts)
    with pytest.raises(StorageError):
        Sealer(store, log.key, ORIGIN).seal(log.clock())
    assert len(log.checkpoints) == 2
    assert log.seal() == 1
    assert log.report().whole
    assert log.report().records == 301


def test_a_forged_statement_is_not_signed() -> None:
    log = SealedLog()
    log.log.append(audit_record(20))
    twin = SealedLog(store=log.store.copy(), records=0, key=log.key)
    forged = twin.sealed(3).batch
    heads = [head.model_copy(update={"digest": "e" * 64}) for head in forged.heads]
    log.store.put(batch_name(3), forged.model_copy(update={"heads": heads}).line())
    with pytest.raises(IntegrityError):
        log.seal()
    assert len(log.checkpoints) == 2


def test_a_clock_that_goes_back_leaves_the_checkpoints_in_order() -> None:
    log = SealedLog()
    log.log.append(audit_record(20))
    log.clock.advance(hours=-1)
    assert log.seal() == 1
    assert log.sealed(3).batch.time == log.sealed(2).batch.time
    assert log.report().whole


def test_a_seal_writes_about_what_it_adds() -> None:
    log = SealedLog(records=600)
    tiles = [part.name for part in log.store.list("tile/")]
    log.log.append(audit_record(700))
    log.seal()
    added = [part for part in log.store.list("tile/") if part.name not in tiles]
    assert [part.name for part in added] == ["tile/0/002.p/92"]
    assert log.report().size == 601 + 3


def test_a_rotated_key_does_not_break_the_chain_of_checkpoints() -> None:
    log = SealedLog()
    log.key.rotate()
    log.log.append(audit_record(20))
    assert log.seal() == 1
    assert log.report().whole


def test_an_export_verifies_offline_as_the_log_does(tmp_path: Path) -> None:
    log = SealedLog()
    copy = LogCopy(tmp_path)
    assert export_log(log.store, copy.write) == 2
    assert verify_log(copy, log.key.public_keys()) == log.report()
    assert log.report().whole


def test_a_spoilt_export_is_noticed(tmp_path: Path) -> None:
    log = SealedLog()
    export_log(log.store, LogCopy(tmp_path).write)
    path = tmp_path / log.segments[1]
    path.write_bytes(path.read_bytes().replace(b'"ok"', b'"no"', 1))
    (finding,) = verify_log(LogCopy(tmp_path), log.key.public_keys()).findings
    assert (finding.sequence, finding.kind) == (4, "edited")
    path.unlink()
    (finding,) = verify_log(LogCopy(tmp_path), log.key.public_keys()).findings
    assert (finding.sequence, finding.kind) == (4, "removed")


def test_what_is_not_sealed_yet_is_not_exported() -> None:
    log = SealedLog()
    log.log.append(audit_record(20))
    assert log.report().records == 12
    assert log.report().whole


@pytest.mark.parametrize("hours", [(0, 9), (1, 1), (2, 4), (5, 6), (8, 20), (20, 30)])
def test_an_export_of_a_period_holds_what_was_sealed_in_it(hours: tuple[int, int]) -> None:
    log = SealedLog(records=0)
    for hour in range(10):
        log.log.append(audit_record(hour))
        if hour % 3 == 0:
            AuditLog(log.store, log.clock).append(audit_record(100 + hour))
        log.seal()
        log.clock.advance(hours=1)
    begin = Clock().now
    since, until = (begin + timedelta(hours=hour) for hour in hours)
    report = log.export(since, until).report(Known(since=since))
    assert report.whole
    assert report.checkpoints == min(hours[1], 9) - min(hours[0], 9) + 1 + (hours[0] == 1)


@pytest.mark.parametrize(
    "name", ["../outside.jsonl", "checkpoints/../../x.jws", "checkpoints/a.jws", "/etc/x"]
)
def test_a_hostile_name_does_not_lead_out_of_the_copy(tmp_path: Path, name: str) -> None:
    log = SealedLog()
    log.store.put(name, b"hostile")
    folder = tmp_path / "copy" / "deep"
    export_log(log.store, LogCopy(folder).write)
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert all(path.is_relative_to(folder) for path in written)
    assert len(written) == 7
