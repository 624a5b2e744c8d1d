"""The log's writer: group commit, failing stores, segments and days."""

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest
from tests.support.logs import ORIGIN, audit_record
from tests.support.memory import Clock, MemoryAppends, MemorySigningKey
from tests.support.polling import until

from consentry.errors import AuditUnavailableError
from consentry.limits import AUDIT_RECORD_BYTES_MAX
from consentry.service.audit import AuditLog
from consentry.service.audit_copy import export_log
from consentry.service.sealing import Sealer
from consentry.trust.chain import Head, digest, extend, split_name
from consentry.trust.verification import verify_log


def written(store: MemoryAppends) -> dict[str, list[int]]:
    """Numbers of the records, by chain, in the order of the log."""
    chains: dict[str, list[int]] = {}
    for part in store.list():
        parts = split_name(part.name)
        assert parts is not None
        for line in store.read(part.name).splitlines():
            number = UUID(json.loads(line)["record"]["id"]).int
            chains.setdefault(parts[1], []).append(number)
    return chains


@pytest.fixture
def store() -> Iterator[MemoryAppends]:
    store = MemoryAppends()
    yield store
    key = MemorySigningKey()
    Sealer(store, key, ORIGIN).seal(Clock().now + timedelta(days=1))
    exported = MemoryAppends()
    export_log(store, exported.put)
    assert verify_log(exported, key.public_keys()).whole


def test_records_of_many_threads_are_all_written_once_and_in_each_threads_order(
    store: MemoryAppends,
) -> None:
    log = AuditLog(store, Clock())
    threads, each = 32, 50

    def write(thread: int) -> None:
        for number in range(each):
            log.append(audit_record(thread * each + number))

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(write, range(threads)))
    (numbers,) = written(store).values()
    assert Counter(numbers) == Counter(range(threads * each))
    for thread in range(threads):
        own = [number for number in numbers if number // each == thread]
        assert own == sorted(own)


def test_records_that_wait_are_committed_together(store: MemoryAppends) -> None:
    log = AuditLog(store, Clock())
    go_on = store.faults.hold("append")
    with ThreadPoolExecutor(20) as pool:
        first = pool.submit(log.append, audit_record(0))
        store.faults.wait_for_held()
        others = [pool.submit(log.append, audit_record(number)) for number in range(1, 20)]
        until(lambda: log.waiting == len(others))
        go_on()
        for future in (first, *others):
            future.result()
    assert store.blocks == 2
    (numbers,) = written(store).values()
    assert sorted(numbers) == list(range(20))


def test_a_failed_commit_fails_everybody_in_it_and_nobody_else(store: MemoryAppends) -> None:
    log = AuditLog(store, Clock())
    go_on = store.faults.hold("append")
    with ThreadPoolExecutor(20) as pool:
        first = pool.submit(log.append, audit_record(0))
        store.faults.wait_for_held()
        others = [pool.submit(log.append, audit_record(number)) for number in range(1, 20)]
        until(lambda: log.waiting == len(others))
        store.faults.fail("append", times=1)
        go_on()
        errors = [future.exception() for future in (first, *others)]
    assert isinstance(errors[0], AuditUnavailableError)
    assert errors[1:] == [None] * 19
    assert sorted(number for numbers in written(store).values() for number in numbers) == list(
        range(1, 20)
    )


def test_an_append_that_failed_without_effect_fails_and_a_new_chain_begins(
    store: MemoryAppends,
) -> None:
    log = AuditLog(store, Clock())
    log.append(audit_record(0))
    store.faults.fail("append")
    with pytest.raises(AuditUnavailableError):
        log.append(audit_record(1))
    log.append(audit_record(2))
    assert sorted(written(store).values()) == [[0], [2]]


def test_an_append_whose_answer_was_lost_is_found_and_not_repeated(store: MemoryAppends) -> None:
    log = AuditLog(store, Clock())
    log.append(audit_record(0))
    store.faults.fail("append", after=True)
    log.append(audit_record(1))
    log.append(audit_record(2))
    assert list(written(store).values()) == [[0, 1, 2]]


def test_if_nobody_can_tell_whether_it_arrived_it_counts_as_failed(store: MemoryAppends) -> None:
    log = AuditLog(store, Clock())
    log.append(audit_record(0))
    store.faults.fail("append", after=True)
    store.faults.fail("size")
    with pytest.raises(AuditUnavailableError):
        log.append(audit_record(1))
    log.append(audit_record(2))
    assert sorted(written(store).values()) == [[0, 1], [2]]


def test_somebody_elses_bytes_in_the_place_are_not_taken_for_ours(store: MemoryAppends) -> None:
    log = AuditLog(store, Clock())
    log.append(audit_record(0))
    (part,) = store.list()
    chain = str(part.name).split("/")[1]
    line = store.read(part.name).rstrip(b"\n")
    foreign, _ = extend(chain, Head(1, digest(line)), audit_record(7).document())
    store.append(part.name, foreign + b"\n", position=part.size)
    with pytest.raises(AuditUnavailableError):
        log.append(audit_record(1))
    log.append(audit_record(2))
    assert sorted(written(store).values()) == [[0, 7], [2]]


def test_a_store_that_comes_back_is_used_again(store: MemoryAppends) -> None:
    log = AuditLog(store, Clock())
    store.faults.fail("create", times=3)
    for number in range(3):
        with pytest.raises(AuditUnavailableError):
            log.append(audit_record(number))
    log.append(audit_record(3))
    assert list(written(store).values()) == [[3]]


def test_a_full_segment_is_followed_by_another_of_the_same_chain(store: MemoryAppends) -> None:
    log = AuditLog(store, Clock(), segment_blocks=3)
    for number in range(8):
        log.append(audit_record(number))
    names = [part.name.rsplit("/", 1)[1] for part in store.list()]
    assert names == ["000000.jsonl", "000001.jsonl", "000002.jsonl"]
    assert list(written(store).values()) == [list(range(8))]


def test_a_segment_ends_by_its_bytes_too(store: MemoryAppends) -> None:
    log = AuditLog(store, Clock(), segment_bytes=1)
    for number in range(3):
        log.append(audit_record(number))
    assert len(list(store.list())) == 3


def test_a_new_day_begins_a_new_chain_under_its_own_name(store: MemoryAppends) -> None:
    clock = Clock()
    log = AuditLog(store, clock)
    log.append(audit_record(0))
    clock.advance(days=1)
    log.append(audit_record(1))
    days = [part.name.split("/")[0] for part in store.list()]
    assert days == ["2026-03-14", "2026-03-15"]
    assert list(written(store).values()) == [[0], [1]]


def test_the_largest_record_is_within_its_limit() -> None:
    largest = audit_record(
        0,
        client_request_id=str(UUID(int=1)),
        traceparent=f"00-{'a' * 32}-{'b' * 16}-01",
        approval_id=str(UUID(int=2)),
        approval_version=2**53,
        tenant="t" * 32,
        principal=f"caller:{'p' * 32}",
        operation="o" * 32,
        trigger="t" * 32,
        reason="r" * 32,
        outcome="o" * 40,
        latency_ms=2**53,
        inputs=("f" * 64,) * 16,
        counts={chr(97 + number) * 32: 2**53 for number in range(16)},
        models={chr(97 + number) * 32: "f" * 64 for number in range(8)},
    )
    line, _ = extend("c" * 32, Head(2**53, "d" * 64), largest.document())
    assert len(line) < AUDIT_RECORD_BYTES_MAX
