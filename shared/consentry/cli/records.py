"""``consentry audit records``: the log as the running service tells it, to whoever may read it."""

import heapq
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final

import typer

from consentry.cli.access import Token
from consentry.cli.answer import Answer, table
from consentry.cli.remote import Endpoint, Key

COLUMNS: Final = (
    "id", "time", "tenant", "principal", "operation", "allowed", "reason", "outcome",
)  # fmt: skip


def records(
    first: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], help="First day, in UTC. [default: today]"),
    ] = None,
    last: Annotated[
        datetime | None,
        typer.Option("--to", formats=["%Y-%m-%d"], help="Last day, in UTC. [default: today]"),
    ] = None,
    tenant: Annotated[str, typer.Option(help="Only records of this tenant.")] = "",
    most: Annotated[int, typer.Option(min=1, help="How many, counted from the newest.")] = 100,
    endpoint: Endpoint = "",
    key: Key = "",
    token: Token = "",
) -> Answer:
    """Show records of the running service: your tenant's, or all of them to an auditor's token.

    Looking is recorded, too. What records say is proven by `audit prove` and `audit verify` only.
    """
    from consentry.cli.client import connect_log

    days = {"from": first, "to": last}
    asked = {name: day.date().isoformat() for name, day in days.items() if day is not None}
    with connect_log(endpoint, key=key, token=token) as log:
        newest = heapq.nlargest(most, log.records(tenant=tenant, **asked), key=_time)
    shown = newest[::-1]
    return Answer({"records": shown}, [record_table(shown)] if shown else ["There is no record."])


def _time(record: Mapping[str, Any]) -> str:
    return str(record["time"])


def record_table(found: Sequence[Mapping[str, Any]]) -> str:
    """Show records, one a line."""
    return table(*COLUMNS, rows=[[one.get(column, "") for column in COLUMNS] for one in found])
