"""What a stack costs, from the prices and assumptions in infra/prices.toml: `make cost`.

How many alerts, keys, zones and timers there are is read from the program itself.
"""

import json
import sys
import tomllib
from pathlib import Path
from typing import Final

import azure.functions as func
from rich.console import Console
from rich.table import Table

from consentry.azure.names import KeyName
from consentry.errors import SettingsError
from consentry.service.services import Services
from consentry_infra.alerts import alerts
from consentry_infra.network import Zone
from registry import make_app

PRICES: Final = Path(__file__).resolve().parent.parent / "infra" / "prices.toml"
SECONDS_PER_MONTH: Final = 30 * 24 * 3600
ENDPOINTS: Final = 6  # of a private stack
DAYS: Final = 30
THOUSAND: Final = 1000
MILLION: Final = 1_000_000

Line = tuple[str, str, float]  # what, how it is computed, sum
Prices = dict[str, dict[str, float]]


def timer_runs() -> int:
    """How often all timers of the app run in a month."""

    def no_services() -> Services:
        raise SettingsError("no service is needed to list functions")

    found: list[func.Function] = make_app(no_services).get_functions()
    bindings = [json.loads(str(function))["bindings"][0] for function in found]
    return sum(runs(binding["schedule"]) for binding in bindings if "schedule" in binding)


def runs(schedule: str) -> int:
    """How often a timer runs in a month: by minute and hour of "second minute hour day ..."."""
    _, minute, hour, *_ = schedule.split()
    return _times(minute, 60) * _times(hour, 24) * DAYS


def _times(field: str, all_of_them: int) -> int:
    if field == "*":
        return all_of_them
    every = field.removeprefix("*/")
    return 1 if every == field else all_of_them // int(every)


def per_month_at_rest(prices: Prices) -> list[Line]:
    """What a stack costs while nobody uses it."""
    compute, timer = prices["compute"], prices["timer"]
    run, memory = compute["shortest_run_seconds"], prices["photo"]["memory_gb"]
    alert = prices["telemetry"]["alert_month"]
    number = timer_runs()
    return [
        (
            "timers",
            f"{number} runs x {run:g} s x {memory:g} GB x {compute['gb_second']:g}",
            number * run * memory * compute["gb_second"],
        ),
        (
            "their executions",
            f"{number} x {compute['million_executions']:g} / million",
            number * compute["million_executions"] / MILLION,
        ),
        *_operations(prices, timer, number),
        _logs(prices, timer, number),
        ("alerts", f"{len(alerts('', ''))} x {alert:g}", len(alerts("", "")) * alert),
    ]


def options(prices: Prices) -> list[Line]:
    """What a month of each option adds."""
    network, ready = prices["network"], prices["compute"]["ready_gb_second"]
    memory, key = prices["photo"]["memory_gb"], prices["vault"]["hsm_key_month"]
    return [
        (
            "one always-ready instance",
            f"{memory:g} GB x {SECONDS_PER_MONTH} s x {ready:g}",
            memory * SECONDS_PER_MONTH * ready,
        ),
        (
            "private networking",
            f"{ENDPOINTS} endpoints x {network['endpoint_month']:g}"
            f" + {len(Zone)} zones x {network['zone_month']:g}",
            ENDPOINTS * network["endpoint_month"] + len(Zone) * network["zone_month"],
        ),
        ("keys in an HSM", f"{len(KeyName)} keys x {key:g}", len(KeyName) * key),
    ]


def per_thousand_photos(prices: Prices) -> list[Line]:
    """What a thousand photos cost; keeping the results is for one month."""
    photo, compute, storage = prices["photo"], prices["compute"], prices["storage"]
    seconds, memory = photo["seconds"], photo["memory_gb"]
    gigabytes = photo["megabytes"]  # a thousand photos of so many megabytes
    events = photo["events"] * THOUSAND
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
        *_operations(prices, photo, THOUSAND),
        (
            "events",
            f"{events:g} x {prices['events']['million_operations']:g} / million",
            events * prices["events"]["million_operations"] / MILLION,
        ),
        _logs(prices, photo, THOUSAND),
    ]


def _operations(prices: Prices, one: dict[str, float], number: int) -> list[Line]:
    """Operations on storage and vault of so many runs, each as ``one``."""
    kinds = (
        ("storage writes", "storage_writes", prices["storage"]["ten_thousand_writes"]),
        ("storage reads", "storage_reads", prices["storage"]["ten_thousand_reads"]),
        ("vault operations", "vault_operations", prices["vault"]["ten_thousand_operations"]),
    )
    return [
        (
            what,
            f"{number} x {one[name]:g} x {price:g} / 10,000",
            number * one[name] * price / 10_000,
        )
        for what, name, price in kinds
    ]


def _logs(prices: Prices, one: dict[str, float], number: int) -> Line:
    """Logs of so many runs, each as ``one``."""
    kilobytes, price = one["log_kilobytes"], prices["telemetry"]["gb_ingested"]
    told = f"{number} x {kilobytes:g} kB x {price:g} / GB"
    return "logs", told, number * kilobytes / MILLION * price


def sums(prices: Prices) -> dict[str, list[Line]]:
    """All lines, by what they are the parts of; options stand each for itself."""
    found = {
        "per month at rest": per_month_at_rest(prices),
        "per thousand photos": per_thousand_photos(prices),
    }
    for lines in found.values():
        lines.append(("together", "", sum(amount for *_, amount in lines)))
    return {**found, "options, per month": options(prices)}


def main() -> int:
    """Print both sums, and the options."""
    prices: Prices = tomllib.loads(PRICES.read_text(encoding="utf-8"))
    console = Console()
    for title, lines in sums(prices).items():
        table = Table(title, "how", "US$", box=None)
        for what, how, amount in lines:
            table.add_row(what, how, f"{amount:.2f}")
        console.print(table)
        console.print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
