"""What a stack costs is computed from the program itself, and told where it is deployed."""

import tomllib
from pathlib import Path

import cost
import pytest
from tests.infra.registered import Stack

README = Path(__file__).resolve().parents[2] / "infra" / "README.md"


@pytest.mark.parametrize(
    ("schedule", "runs"),
    [
        ("0 * * * * *", 43_200),
        ("30 */5 * * * *", 8_640),
        ("15 7 * * * *", 720),
        ("45 17 3 * * *", 30),
    ],
)
def test_runs_of_a_timer_are_counted_by_its_schedule(schedule: str, runs: int) -> None:
    assert cost.runs(schedule) == runs


def test_what_is_paid_for_is_what_the_program_makes(stack: Stack, private_stack: Stack) -> None:
    assert len(private_stack.of("network:PrivateEndpoint")) == cost.ENDPOINTS
    prices = tomllib.loads(cost.PRICES.read_text(encoding="utf-8"))
    told = {what: how for lines in cost.sums(prices).values() for what, how, _ in lines}
    alerts, zones, keys = (
        len(one.of(kind))
        for one, kind in (
            (stack, "monitor:ScheduledQueryRule"),
            (private_stack, "privatedns:PrivateZone"),
            (stack, "keyvault:Key"),
        )
    )
    assert told["alerts"].startswith(f"{alerts} x ")
    assert f" + {zones} zones x " in told["private networking"]
    assert told["keys in an HSM"].startswith(f"{keys} keys x ")


def test_both_sums_stand_in_the_instructions_with_their_arithmetic() -> None:
    prices = tomllib.loads(cost.PRICES.read_text(encoding="utf-8"))
    words = README.read_text(encoding="utf-8")
    for title, lines in cost.sums(prices).items():
        assert f"| {title} | how | US$ |" in words
        for what, how, amount in lines:
            assert f"| {what} | {how} | {amount:.2f} |" in words
