import pytest
from tests.support.memory import Clock, MemoryTable, MemoryWrappingKey

from consentry.errors import ArgumentError
from consentry.limits import SCOPED_SECRET_CHARACTERS_MAX, TENANT_CHARACTERS_MAX
from consentry.service.callers import Callers, make_key, parse_key
from consentry.service.datakeys import DataKeys
from consentry.service.ports import Row
from consentry.trust.operations import Principal, PrincipalKind

NOW = Clock().now


@pytest.fixture
def table() -> MemoryTable:
    return MemoryTable()


@pytest.fixture
def callers(table: MemoryTable) -> Callers:
    keys = DataKeys(MemoryTable(), MemoryWrappingKey(), Clock())
    return Callers(table, keys, ("contoso", "fabrikam"))


def who(callers: Callers, text: str) -> Principal | None:
    key = parse_key(text)
    return None if key is None else callers.authenticate(key)


def admitted(callers: Callers, tenant: str = "contoso") -> str:
    return callers.admit(make_key(tenant), NOW).text


def test_a_drawn_key_opens_nothing_before_it_is_admitted(callers: Callers) -> None:
    key = make_key("contoso")
    assert parse_key(key.text) is not None
    assert who(callers, key.text) is None
    assert list(callers.list("contoso")) == []


def test_a_key_tells_who_calls(callers: Callers) -> None:
    text = admitted(callers)
    assert who(callers, text) == Principal(PrincipalKind.CALLER, text.split(".")[1], "contoso")


def test_a_key_of_the_longest_tenant_is_within_its_limit() -> None:
    text = f"{'t' * TENANT_CHARACTERS_MAX}.{'0' * 12}.{'A' * 43}"
    assert len(text) <= SCOPED_SECRET_CHARACTERS_MAX
    assert parse_key(text) is not None


def test_no_secret_is_stored(callers: Callers, table: MemoryTable) -> None:
    text = admitted(callers)
    (row,) = table.query()
    assert text.split(".")[2] not in str(row.values)
    assert "contoso" not in str(row.values)


def test_neither_key_nor_credential_shows_itself(callers: Callers) -> None:
    text = admitted(callers)
    assert text.split(".")[2] not in repr(parse_key(text))


def test_a_row_that_was_copied_to_another_tenant_opens_nothing(
    callers: Callers, table: MemoryTable
) -> None:
    text = admitted(callers)
    (row,) = table.query()
    table.put("fabrikam", row.row, row.values)
    assert who(callers, text.replace("contoso", "fabrikam")) is None


def test_a_row_without_a_digest_opens_nothing(callers: Callers, table: MemoryTable) -> None:
    text = admitted(callers)
    incomplete: tuple[Row, ...] = (
        {"active": True},
        {"active": True, "digest": b""},
        {"active": True, "digest": "x"},
    )
    for values in incomplete:
        table.put("contoso", text.split(".")[1], values)
        assert who(callers, text) is None


def test_another_deployments_key_opens_nothing(callers: Callers, table: MemoryTable) -> None:
    text = admitted(callers)
    other = Callers(table, DataKeys(MemoryTable(), MemoryWrappingKey(), Clock()), ("contoso",))
    assert who(other, text) is None


def test_a_tenant_that_is_no_longer_served_is_not_let_in(table: MemoryTable) -> None:
    keys = DataKeys(MemoryTable(), MemoryWrappingKey(), Clock())
    text = admitted(Callers(table, keys, ("contoso",)))
    assert who(Callers(table, keys, ("contoso",)), text) is not None
    assert who(Callers(table, keys, ("fabrikam",)), text) is None


def test_a_revoked_key_stays_in_the_list(callers: Callers) -> None:
    first, second = admitted(callers), admitted(callers)
    admitted(callers, "fabrikam")
    assert callers.revoke("contoso", first.split(".")[1]) is True
    assert callers.revoke("contoso", first.split(".")[1]) is False
    assert {key.id: key.active for key in callers.list("contoso")} == {
        first.split(".")[1]: False,
        second.split(".")[1]: True,
    }
    assert who(callers, first) is None
    assert who(callers, second) is not None


def test_a_key_that_does_not_exist_is_not_revoked(callers: Callers) -> None:
    assert callers.revoke("contoso", "0" * 12) is False


def test_keys_are_made_only_for_tenants_that_are_served(
    callers: Callers, table: MemoryTable
) -> None:
    for act in (
        lambda: admitted(callers, "northwind"),
        lambda: callers.revoke("northwind", "0" * 12),
        lambda: callers.list("northwind"),
    ):
        with pytest.raises(ArgumentError):
            act()
    assert list(table.query()) == []
