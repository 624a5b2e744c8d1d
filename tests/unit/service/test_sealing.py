"""Checkpoints: what they cover, what they cost, and what happens when things go wrong."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.support.logs import SealedLog, audit_record
from tests.support.memory import MemoryAppends, MemorySigningKey

from consentry.errors import IntegrityError, StorageError
from consentry.service.audit import AuditLog
from consentry.service.audit_copy import LogCopy, fetch_log
from consentry.service.sealing import Sealer
from consentry.trust.verification import verify_log


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


def checkpoints(log: SealedLog) -> list[str]:
    return [part.name for part in log.store.list("checkpoints/")]


def test_an_empty_log_is_not_sealed() -> None:
    log = SealedLog(records=0)
    assert list(log.store.list()) == []


def test_nothing_new_makes_no_checkpoint() -> None:
    log = SealedLog()
    before = checkpoints(log)
    assert log.seal() == 0
    assert checkpoints(log) == before


def test_only_what_is_new_is_read() -> None:
    store = CountingAppends()
    log = SealedLog(records=0, store=store)
    for number in range(100):
        log.log.append(audit_record(number))
        log.seal()
    written = sum(part.size for part in store.list("2026"))
    assert store.bytes_read == written
    assert log.report().sealed == 100


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 7, 8, 9, 16, 17])
def test_checkpoints_are_numbered_without_a_gap(number: int) -> None:
    log = SealedLog(records=0)
    for each in range(number):
        log.log.append(audit_record(each))
        log.seal()
    assert checkpoints(log) == [f"checkpoints/{n:08}.jws" for n in range(1, number + 1)]
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
    assert (report.chains, report.records, report.sealed) == (13, 24, 24)


def test_what_came_after_the_days_last_checkpoint_is_sealed_on_the_next_day() -> None:
    log = SealedLog()
    log.log.append(audit_record(50))
    log.clock.advance(days=1)
    assert log.seal() == 1
    assert log.report().sealed == 13


def test_a_damaged_chain_is_told_and_the_others_are_sealed_all_the_same() -> None:
    log = SealedLog()
    log.log.append(audit_record(20))
    log.store.tamper(log.segments[-1], b"{}\n")
    AuditLog(log.store, log.clock).append(audit_record(21))
    with pytest.raises(IntegrityError):
        log.seal()
    assert len(checkpoints(log)) == 3
    report = log.report()
    assert report.sealed == 13
    assert not report.whole


def test_a_chain_that_lost_its_end_is_told() -> None:
    log = SealedLog()
    log.set_lines(2, log.lines(2)[:-1])
    with pytest.raises(IntegrityError):
        log.seal()
    assert len(checkpoints(log)) == 2


def test_a_forged_checkpoint_is_not_built_upon() -> None:
    log = SealedLog()
    log.log.append(audit_record(20))
    forger = Sealer(log.store, MemorySigningKey())
    with pytest.raises(IntegrityError):
        forger.seal(log.clock())
    assert len(checkpoints(log)) == 2


def test_two_who_seal_at_once_write_one_checkpoint() -> None:
    log = SealedLog()
    log.log.append(audit_record(20))
    twin = log.store.copy()
    Sealer(twin, log.key).seal(log.clock())
    name = "checkpoints/00000003.jws"
    go_on = log.key.faults.hold("sign")
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(log.seal)
        log.key.faults.wait_for_held()
        log.store.put(name, twin.read(name))
        go_on()
        assert late.result() == 0
    assert len(checkpoints(log)) == 3
    assert log.report().whole


def test_a_vault_that_is_down_leaves_no_checkpoint() -> None:
    log = SealedLog()
    log.log.append(audit_record(20))
    log.key.faults.fail("sign")
    with pytest.raises(StorageError):
        log.seal()
    assert len(checkpoints(log)) == 2
    assert log.seal() == 1


def test_a_rotated_key_does_not_break_the_chain_of_checkpoints() -> None:
    log = SealedLog()
    log.key.rotate()
    log.log.append(audit_record(20))
    assert log.seal() == 1
    assert log.report().whole


def test_a_copy_verifies_offline_as_the_log_does(tmp_path: Path) -> None:
    log = SealedLog()
    assert fetch_log(log.store, tmp_path) == 5
    keys = log.key.public_keys()
    assert verify_log(LogCopy(tmp_path), keys) == log.report()
    assert verify_log(LogCopy(tmp_path)).whole


def test_a_spoilt_copy_is_noticed(tmp_path: Path) -> None:
    log = SealedLog()
    fetch_log(log.store, tmp_path)
    path = tmp_path / log.segments[1]
    path.write_bytes(path.read_bytes().replace(b'"ok"', b'"no"', 1))
    (finding,) = verify_log(LogCopy(tmp_path)).findings
    assert (finding.sequence, finding.kind) == (4, "edited")
    path.unlink()
    (finding,) = verify_log(LogCopy(tmp_path)).findings
    assert (finding.sequence, finding.kind) == (4, "removed")


@pytest.mark.parametrize(
    "name", ["../outside.jsonl", "checkpoints/../../x.jws", "checkpoints/a.jws", "/etc/x"]
)
def test_a_hostile_name_does_not_lead_out_of_the_copy(tmp_path: Path, name: str) -> None:
    log = SealedLog()
    log.store.put(name, b"hostile")
    folder = tmp_path / "copy" / "deep"
    assert fetch_log(log.store, folder) == 5
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert all(path.is_relative_to(folder) for path in written)
    assert len(written) == 5
