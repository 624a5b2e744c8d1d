"""Rate limits over several instances: what they let in together, and when the ledger fails."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from tests.support.governance import NOW
from tests.support.memory import MemoryTable

from consentry.errors import ConflictError, IntegrityError, RateLimitedError, StorageError
from consentry.service.quotas import TRIES_MAX, Quotas
from consentry.trust.quotas import window_of

MINUTE = NOW.replace(second=0)
METER = "verify"


def takes(quotas: Quotas, limit: int, *, tenant: str = "contoso", second: float = 0) -> bool:
    """Tell whether a call is let in."""
    try:
        quotas.take(tenant, METER, limit, MINUTE + timedelta(seconds=second))
    except RateLimitedError:
        return False
    return True


@pytest.mark.parametrize("instances", [1, 3, 7])
def test_instances_together_let_in_the_limit_and_no_more(instances: int) -> None:
    table = MemoryTable()
    gates = [Quotas(table) for _ in range(instances)]
    with ThreadPoolExecutor(16) as pool:
        asked = [pool.submit(takes, gates[n % instances], 100) for n in range(400)]
    assert sum(call.result() for call in asked) == 100
    assert not any(takes(gate, 100, second=59) for gate in gates)
    assert takes(gates[0], 100, second=60)


def test_what_an_instance_leased_and_did_not_use_is_all_that_is_lost() -> None:
    table = MemoryTable()
    idle, busy = Quotas(table), Quotas(table)
    assert takes(idle, 100)
    assert sum(takes(busy, 100) for _ in range(200)) == 95
    assert sum(takes(idle, 100) for _ in range(200)) == 4


def test_one_tenants_use_takes_nothing_of_anothers() -> None:
    quotas = Quotas(MemoryTable())
    assert sum(takes(quotas, 10) for _ in range(50)) == 10
    assert sum(takes(quotas, 10, tenant="fabrikam") for _ in range(50)) == 10


def test_a_call_costs_a_write_only_now_and_then_and_a_refusal_none() -> None:
    table = MemoryTable()
    quotas = Quotas(table)
    for _ in range(600):
        assert takes(quotas, 600)
    row = table.get("contoso", METER)
    assert row is not None
    assert int(row.etag) == 20  # writes
    for operation in ("get", "replace", "insert"):
        table.faults.fail(operation)
    assert not takes(quotas, 600)


def test_the_refusal_says_when_to_come_again() -> None:
    quotas = Quotas(MemoryTable())
    quotas.take("contoso", METER, 1, MINUTE)
    with pytest.raises(RateLimitedError) as caught:
        quotas.take("contoso", METER, 1, MINUTE + timedelta(seconds=18))
    assert caught.value.retry_after == 42


@pytest.mark.parametrize("operation", ["insert", "replace", "get"])
def test_while_the_ledger_fails_no_call_is_let_in(operation: str) -> None:
    table = MemoryTable()
    quotas, other = Quotas(table), Quotas(table)
    if operation != "insert":
        assert takes(other, 20)
    if operation == "replace":
        assert takes(quotas, 20)
    table.faults.fail(operation)
    with pytest.raises(StorageError):
        quotas.take("contoso", METER, 20, MINUTE)
    assert takes(quotas, 20)


def test_a_write_whose_answer_was_lost_loses_calls_and_gives_none_away() -> None:
    table = MemoryTable()
    quotas = Quotas(table)
    table.faults.fail("insert", after=True)
    with pytest.raises(StorageError):
        quotas.take("contoso", METER, 100, MINUTE)
    assert sum(takes(quotas, 100) for _ in range(200)) == 95


def test_a_row_that_is_not_ours_lets_nobody_in() -> None:
    table = MemoryTable()
    table.put("contoso", METER, {"window": window_of(MINUTE)})
    with pytest.raises(IntegrityError):
        Quotas(table).take("contoso", METER, 100, MINUTE)


def test_a_ledger_that_others_always_change_first_lets_nobody_in() -> None:
    table = MemoryTable()
    quotas = Quotas(table)
    assert takes(quotas, 20)
    before = table.get("contoso", METER)
    table.faults.fail("replace", times=TRIES_MAX, error=ConflictError("changed meanwhile"))
    with pytest.raises(StorageError):
        quotas.take("contoso", METER, 20, MINUTE)
    assert table.get("contoso", METER) == before


def test_each_minute_stays_within_the_limit_while_time_goes_on() -> None:
    table = MemoryTable()
    gates = [Quotas(table) for _ in range(3)]
    let_in: Counter[int] = Counter()
    for step in range(1_200):
        second = step / 4
        if takes(gates[step % 3], 50, second=second):
            let_in[window_of(MINUTE + timedelta(seconds=second))] += 1
    assert list(let_in.values()) == [50] * 5
