from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.support.memory import MemoryTable, MemoryWrappingKey

from consentry.errors import IntegrityError, StorageError
from consentry.service.datakeys import DataKeys, Purpose
from consentry.service.ports import Row


@pytest.fixture
def table() -> MemoryTable:
    return MemoryTable()


@pytest.fixture
def wrapping() -> MemoryWrappingKey:
    return MemoryWrappingKey()


def test_a_key_is_the_same_for_every_process(
    table: MemoryTable, wrapping: MemoryWrappingKey
) -> None:
    key = DataKeys(table, wrapping).get("contoso", Purpose.DIGEST)
    assert len(key) == 32
    assert DataKeys(table, wrapping).get("contoso", Purpose.DIGEST) == key


def test_each_owner_and_purpose_has_a_key_of_its_own(
    table: MemoryTable, wrapping: MemoryWrappingKey
) -> None:
    keys = DataKeys(table, wrapping)
    made = {keys.get(owner, purpose) for owner in ("contoso", "fabrikam") for purpose in Purpose}
    assert len(made) == 2 * len(Purpose)


def test_only_wrapped_keys_are_stored(table: MemoryTable, wrapping: MemoryWrappingKey) -> None:
    key = DataKeys(table, wrapping).get("contoso", Purpose.DIGEST)
    (row,) = table.query()
    assert set(row.values) == {"kid", "wrapped"}
    assert row.values["wrapped"] not in (key, *wrapping._wrapped.values())


def test_a_row_that_was_copied_to_another_owner_gives_another_key(
    table: MemoryTable, wrapping: MemoryWrappingKey
) -> None:
    key = DataKeys(table, wrapping).get("contoso", Purpose.DIGEST)
    (row,) = table.query()
    table.put("fabrikam", Purpose.DIGEST, row.values)
    table.put("contoso", Purpose.TEMPLATES, row.values)
    keys = DataKeys(table, wrapping)
    assert key not in (keys.get("fabrikam", Purpose.DIGEST), keys.get("contoso", "templates"))


def test_two_processes_that_begin_at_once_agree(
    table: MemoryTable, wrapping: MemoryWrappingKey
) -> None:
    go_on = table.faults.hold("insert")
    with ThreadPoolExecutor(2) as pool:
        both = [
            pool.submit(DataKeys(table, wrapping).get, "contoso", Purpose.DIGEST) for _ in range(2)
        ]
        table.faults.wait_for_held()
        table.faults.wait_for_held()
        go_on()
        first, second = (future.result() for future in both)
    assert first == second
    assert len(list(table.query())) == 1


def test_a_vault_is_asked_once(table: MemoryTable, wrapping: MemoryWrappingKey) -> None:
    DataKeys(table, wrapping).get("contoso", Purpose.DIGEST)
    keys = DataKeys(table, wrapping)
    key = keys.get("contoso", Purpose.DIGEST)
    wrapping.faults.fail("unwrap")
    assert keys.get("contoso", Purpose.DIGEST) == key


def test_a_vault_that_is_down_gives_no_key_and_no_other_one(
    table: MemoryTable, wrapping: MemoryWrappingKey
) -> None:
    key = DataKeys(table, wrapping).get("contoso", Purpose.DIGEST)
    wrapping.faults.fail("unwrap")
    keys = DataKeys(table, wrapping)
    with pytest.raises(StorageError):
        keys.get("contoso", Purpose.DIGEST)
    assert keys.get("contoso", Purpose.DIGEST) == key


def test_a_damaged_row_gives_no_key(table: MemoryTable, wrapping: MemoryWrappingKey) -> None:
    DataKeys(table, wrapping).get("contoso", Purpose.DIGEST)
    (row,) = table.query()
    kid, short = wrapping.wrap(bytes(16))
    damaged: tuple[Row, ...] = (
        {},
        {"kid": kid},
        {"kid": kid, "wrapped": b"x"},
        {"kid": kid, "wrapped": short},
    )
    for values in damaged:
        table.put("contoso", row.row, values)
        with pytest.raises(IntegrityError):
            DataKeys(table, wrapping).get("contoso", Purpose.DIGEST)
