from datetime import UTC, datetime

import pytest

from consentry.errors import ConflictError
from consentry.service.ports import Row, Table

EVERYTHING: Row = {
    "text": "naïve 'quotes' \" \n",
    "empty": "",
    "small": -7,
    "large": 2**52 + 1,
    "real": 1e-05,
    "whole_real": 2.0,
    "yes": True,
    "no": False,
    "bytes": bytes(range(256)),
    "time": datetime(2026, 3, 14, 15, 9, 26, 535897, tzinfo=UTC),
    "whole_second": datetime(2026, 3, 14, tzinfo=UTC),
}


def test_values_come_back_as_they_went_in(table: Table, place: str) -> None:
    etag = table.insert(place, "row", EVERYTHING)
    entity = table.get(place, "row")
    assert entity is not None
    assert entity.values == EVERYTHING
    assert {name: type(value) for name, value in entity.values.items()} == {
        name: type(value) for name, value in EVERYTHING.items()
    }
    assert (entity.partition, entity.row, entity.etag) == (place, "row", etag)


def test_a_missing_row_is_none_and_cannot_be_deleted(table: Table, place: str) -> None:
    assert table.get(place, "row") is None
    assert table.delete(place, "row") is False


def test_a_row_is_inserted_once(table: Table, place: str) -> None:
    table.insert(place, "row", {"n": 1})
    with pytest.raises(ConflictError):
        table.insert(place, "row", {"n": 2})
    entity = table.get(place, "row")
    assert entity is not None
    assert entity.values == {"n": 1}


def test_a_row_is_replaced_as_a_whole_by_its_etag(table: Table, place: str) -> None:
    first = table.insert(place, "row", {"n": 1, "gone": True})
    second = table.replace(place, "row", {"n": 2}, etag=first)
    entity = table.get(place, "row")
    assert entity is not None
    assert (entity.values, entity.etag) == ({"n": 2}, second)


def test_a_changed_row_is_not_replaced(table: Table, place: str) -> None:
    first = table.insert(place, "row", {"n": 1})
    table.put(place, "row", {"n": 2})
    with pytest.raises(ConflictError):
        table.replace(place, "row", {"n": 3}, etag=first)
    entity = table.get(place, "row")
    assert entity is not None
    assert entity.values == {"n": 2}


def test_a_row_that_has_gone_is_not_replaced(table: Table, place: str) -> None:
    etag = table.insert(place, "row", {"n": 1})
    table.delete(place, "row")
    with pytest.raises(ConflictError):
        table.replace(place, "row", {"n": 2}, etag=etag)
    assert table.get(place, "row") is None


def test_a_changed_row_is_not_deleted(table: Table, place: str) -> None:
    first = table.insert(place, "row", {"n": 1})
    second = table.put(place, "row", {"n": 2})
    with pytest.raises(ConflictError):
        table.delete(place, "row", etag=first)
    assert table.delete(place, "row", etag=second) is True
    assert table.get(place, "row") is None


def test_rows_are_written_together(table: Table, place: str) -> None:
    table.put(place, "force:verify", {"n": 0})
    table.put_together(
        place,
        {"force:verify": {"n": 1}, "history:verify:000001": {"n": 1}},
        new=["history:verify:000001"],
    )
    assert [dict(entity.values) for entity in table.query(place)] == [{"n": 1}, {"n": 1}]


def test_rows_are_written_together_or_not_at_all(table: Table, place: str) -> None:
    table.put(place, "b", {"n": 0})
    with pytest.raises(ConflictError):
        table.put_together(place, {"a": {"n": 1}, "b": {"n": 1}, "c": {"n": 1}}, new={"b"})
    assert [(entity.row, entity.values["n"]) for entity in table.query(place)] == [("b", 0)]


def test_a_query_has_its_partition_and_prefix_in_order(table: Table, place: str) -> None:
    for row in ("history:b", "force:b", "force:a", "force"):
        table.put(place, row, {})
    table.put(f"{place}x", "force:c", {})
    assert [entity.row for entity in table.query(place)] == [
        "force",
        "force:a",
        "force:b",
        "history:b",
    ]
    assert [entity.row for entity in table.query(place, row_prefix="force:")] == [
        "force:a",
        "force:b",
    ]
    everywhere = [(entity.partition, entity.row) for entity in table.query(row_prefix="force:")]
    ours = [key for key in everywhere if key[0].startswith(place)]
    assert ours == [(place, "force:a"), (place, "force:b"), (f"{place}x", "force:c")]


def test_a_quote_in_a_key_selects_nothing_else(table: Table, place: str) -> None:
    table.put(place, "row", {})
    assert list(table.query(f"{place}' or PartitionKey ne '")) == []
    assert table.get(f"{place}' or '", "row") is None
