"""What a stack costs, from the prices and assumptions in infra/prices.toml: `make cost`."""

import sys
import tomllib
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

PRICES: Final = Path(__file__).resolve().parent.parent / "infra" / "prices.toml"
SECONDS_PER_MONTH: Final = 30 * 24 * 3600
ENDPOINTS: Final = 6
ZONES: Final = 5
KEYS: Final = 2
ALERTS: Final = 5
TIMER_RUNS: Final = 30 * 24 * (60 + 12 + 1)  # every minute, every five minutes, every hour
THOUSAND: Final = 1000

Line = tuple[str, str, float]  # what, how it is computed, sum
Prices = dict[str, dict[str, float]]


def per_month_at_rest(prices: Prices) -> list[Line]:
    """What a stack costs while nobody uses it; options are lines of their own."""
    compute, network = prices["compute"], prices["network"]
    ready, run = compute["ready_gb_second"], compute["shortest_run_seconds"]
    memory = prices["photo"]["memory_gb"]
    alert, key = prices["telemetry"]["alert_month"], prices["vault"]["hsm_key_month"]
    return [
        (
            "timers",
            f"{TIMER_RUNS} runs x {run:g} s x {memory:g} GB x {compute['gb_second']:g}",
            TIMER_RUNS * run * memory * compute["gb_second"],
        ),
        ("alerts", f"{ALERTS} x {alert:g}", ALERTS * alert),
        (
            "option: one always-ready instance",
            f"{memory:g} GB x {SECONDS_PER_MONTH} s x {ready:g}",
            memory * SECONDS_PER_MONTH * ready,
        ),
        (
            "option: private networking",
            f"{ENDPOINTS} endpoints x {network['endpoint_month']:g}"
            f" + {ZONES} zones x {network['zone_month']:g}",
            ENDPOINTS * network["endpoint_month"] + ZONES * network["zone_month"],
        ),
        ("option: keys in an HSM", f"{KEYS} keys x {key:g}", KEYS * key),
    ]


def per_thousand_photos(prices: Prices) -> list[Line]:
    """What a thousand photos cost; keeping the results is for one month."""
    photo, compute, storage = prices["photo"], prices["compute"], prices["storage"]
    seconds, memory = photo["seconds"], photo["memory_gb"]
    gigabytes = photo["megabytes"]  # a thousand photos of so many megabytes
    logs = photo["log_kilobytes"] / THOUSAND
    writes, operations, events = (
        photo[name] * THOUSAND for name in ("storage_writes", "vault_operations", "events")
    )
    return [
        (
            "computing",
            f"1000 x {seconds:g} s x {memory:g} GB x {compute['gb_second']:g}",
            THOUSAND * seconds * memory * compute["gb_second"],
        ),
        (
            "executions",
            f"1000 x {compute['million_executions']:g} / million",
            compute["million_executions"] / THOUSAND,
        ),
        (
            "results kept for a month",
            f"{gigabytes:g} GB x {storage['gb_month_work']:g}",
            gigabytes * storage["gb_month_work"],
        ),
        (
            "storage writes",
            f"{writes:g} x {storage['ten_thousand_writes']:g} / 10,000",
            writes * storage["ten_thousand_writes"] / 10_000,
        ),
        (
            "vault operations",
            f"{operations:g} x {prices['vault']['ten_thousand_operations']:g} / 10,000",
            operations * prices["vault"]["ten_thousand_operations"] / 10_000,
        ),
        (
            "events",
            f"{events:g} x {prices['events']['million_operations']:g} / million",
            events * prices["events"]["million_operations"] / 1_000_000,
        ),
        (
            "logs",
            f"{logs:g} GB x {prices['telemetry']['gb_ingested']:g}",
            logs * prices["telemetry"]["gb_ingested"],
        ),
    ]


def show(console: Console, title: str, lines: list[Line], *, total: bool) -> None:
    """Print the lines of a sum, and the sum where they belong together."""
    table = Table(title, "how", "US$", box=None)
    for what, how, amount in lines:
        table.add_row(what, how, f"{amount:.2f}")
    if total:
        table.add_row("together", "", f"{sum(amount for *_, amount in lines):.2f}")
    console.print(table)


def main() -> int:
    """Print both sums."""
    prices: Prices = tomllib.loads(PRICES.read_text(encoding="utf-8"))
    console = Console()
    show(console, "per month at rest", per_month_at_rest(prices), total=False)
    console.print()
    show(console, "per thousand photos", per_thousand_photos(prices), total=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
