from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from tests.support.memory import Clock, MemoryTable, MemoryWrappingKey

from consentry.errors import IntegrityError, StorageError
from consentry.limits import DATA_KEY_SECONDS
from consentry.service.datakeys import DataKeys, Purpose
from consentry.service.ports import Row

CLOCK = Clock()  # stands still where a test makes none of its own


@pytest.fixture
def table() -> MemoryTable:
    return MemoryTable()


@pytest.fixture
def wrapping() -> MemoryWrappingKey:
    return MemoryWrappingKey()


def test_a_key_is_the_same_for_every_process(
    table: MemoryTable, wrapping: MemoryWrappingKey
) -> None:
    key = DataKeys(table, wrapping, CLOCK).get("contoso", Purpose.DIGEST)
    assert len(key) == 32
    assert DataKeys(table, wrapping, CLOCK).get("contoso", Purpose.DIGEST) == key


def test_each_owner_and_purpose_has_a_key_of_its_own(
    table: MemoryTable, wrapping: MemoryWrappingKey
) -> None:
    keys = DataKeys(table, wrapping, CLOCK)
    made = {keys.get(owner, purpose) for owner in ("contoso", "fabrikam") for purpose in Purpose}
    assert len(made) == 2 * len(Purpose)


def test_only_wrapped_keys_are_stored(table: MemoryTable, wrapping: MemoryWrappingKey) -> None:
    key = DataKeys(table, wrapping, CLOCK).get("contoso", Purpose.DIGEST)
    (row,) = table.query()
    assert set(row.values) == {"kid", "wrapped", "made"}
    assert row.values["wrapped"] not in (key, *wrapping._wrapped.values())


def test_a_row_that_was_copied_to_another_owner_gives_another_key(
    table: MemoryTable, wrapping: MemoryWrappingKey
) -> None:
    key = DataKeys(table, wrapping, CLOCK).get("contoso", Purpose.DIGEST)
    (row,) = table.query()
    for owner, name in (
        ("fabrikam", "digest:000001"),
        ("contoso", "templates:000001"),
        ("contoso", "digest:000002"),
    ):
        table.put(owner, name, row.values)
    keys = DataKeys(table, wrapping, CLOCK)
    others = {keys.get("fabrikam", "digest"), keys.get("contoso", "templates")}
    assert key not in others | {keys.get("contoso", "digest")}


def test_two_processes_that_begin_at_once_agree(
    table: MemoryTable, wrapping: MemoryWrappingKey
) -> None:
    go_on = table.faults.hold("insert")
    with ThreadPoolExecutor(2) as pool:
        both = [
            pool.submit(DataKeys(table, wrapping, CLOCK).get, "contoso", Purpose.DIGEST)
            for _ in range(2)
        ]
        table.faults.wait_for_held()
        table.faults.wait_for_held()
        go_on()
        first, second = (future.result() for future in both)
    assert first == second
    assert len(list(table.query())) == 1


def test_a_vault_is_asked_once(table: MemoryTable, wrapping: MemoryWrappingKey) -> None:
    DataKeys(table, wrapping, CLOCK).get("contoso", Purpose.DIGEST)
    keys = DataKeys(table, wrapping, CLOCK)
    key = keys.get("contoso", Purpose.DIGEST)
    wrapping.faults.fail("unwrap")
    assert keys.get("contoso", Purpose.DIGEST) == key


def test_a_vault_that_is_down_gives_no_key_and_no_other_one(
    table: MemoryTable, wrapping: MemoryWrappingKey
) -> None:
    key = DataKeys(table, wrapping, CLOCK).get("contoso", Purpose.DIGEST)
    wrapping.faults.fail("unwrap")
    keys = DataKeys(table, wrapping, CLOCK)
    with pytest.raises(StorageError):
        keys.get("contoso", Purpose.DIGEST)
    assert keys.get("contoso", Purpose.DIGEST) == key


def test_a_damaged_row_gives_no_key(table: MemoryTable, wrapping: MemoryWrappingKey) -> None:
    DataKeys(table, wrapping, CLOCK).get("contoso", Purpose.DIGEST)
    (row,) = table.query()
    kid, short = wrapping.wrap(bytes(16))
    damaged: tuple[Row, ...] = (
        {},
        {"kid": kid, "made": CLOCK()},
        {"kid": kid, "wrapped": b"x", "made": CLOCK()},
        {"kid": kid, "wrapped": short, "made": CLOCK()},
        {**row.values, "made": ""},
    )
    for values in damaged:
        table.put("contoso", row.row, values)
        with pytest.raises(IntegrityError):
            DataKeys(table, wrapping, CLOCK).get("contoso", Purpose.DIGEST)


def test_a_new_version_is_used_by_every_process_within_the_bound(
    table: MemoryTable, wrapping: MemoryWrappingKey
) -> None:
    clock = Clock()
    one, other = (DataKeys(table, wrapping, clock) for _ in range(2))
    old = other.newest("contoso", Purpose.TEMPLATES)
    assert one.rotate("contoso", Purpose.TEMPLATES) == 2
    new = one.newest("contoso", Purpose.TEMPLATES)
    assert (old.version, new.version) == (1, 2)
    assert new.key != old.key
    assert other.newest("contoso", Purpose.TEMPLATES) == old
    clock.advance(seconds=DATA_KEY_SECONDS)
    assert other.newest("contoso", Purpose.TEMPLATES) == new
    assert other.version("contoso", Purpose.TEMPLATES, 1) == old


def test_a_version_that_this_process_has_not_seen_yet_opens_at_once(
    table: MemoryTable, wrapping: MemoryWrappingKey
) -> None:
    one, other = (DataKeys(table, wrapping, Clock()) for _ in range(2))
    other.newest("contoso", Purpose.TEMPLATES)
    one.rotate("contoso", Purpose.TEMPLATES)
    assert other.version("contoso", Purpose.TEMPLATES, 2) == one.newest("contoso", "templates")


def test_a_key_that_was_destroyed_is_forgotten_by_every_process_within_the_bound(
    table: MemoryTable, wrapping: MemoryWrappingKey
) -> None:
    clock = Clock()
    one, other = (DataKeys(table, wrapping, clock) for _ in range(2))
    key = other.newest("contoso", Purpose.TEMPLATES)
    assert one.destroy("contoso", Purpose.TEMPLATES, 1)
    clock.advance(seconds=DATA_KEY_SECONDS)
    assert other.version("contoso", Purpose.TEMPLATES, 1) is None
    assert other.newest("contoso", Purpose.TEMPLATES).key != key.key


def test_a_key_that_is_wrapped_anew_stays_what_it_is(
    table: MemoryTable, wrapping: MemoryWrappingKey
) -> None:
    key = DataKeys(table, wrapping, CLOCK).get("contoso", Purpose.DIGEST)
    wrapping.rotate()
    keys = DataKeys(table, wrapping, CLOCK)
    [row] = keys.outdated()
    keys.rewrap(row)
    assert keys.outdated() == []
    assert DataKeys(table, wrapping, CLOCK).get("contoso", Purpose.DIGEST) == key
    [now] = table.query()
    assert (now.values["kid"], now.values["made"]) == (wrapping.kid, row.values["made"])


def test_a_version_is_retired_when_it_has_been_replaced_for_long_enough(
    table: MemoryTable, wrapping: MemoryWrappingKey
) -> None:
    clock = Clock()
    keys = DataKeys(table, wrapping, clock)
    keys.rotate("contoso", Purpose.TEMPLATES)
    hour = timedelta(hours=1)
    assert keys.retired("contoso", Purpose.TEMPLATES, hour) == []
    clock.advance(hours=1)
    assert keys.retired("contoso", Purpose.TEMPLATES, hour) == [1]
