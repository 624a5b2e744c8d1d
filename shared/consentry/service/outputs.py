"""Which outputs relied on which receipt: rows ``output:{receipt}:{invocation}`` of ``consents``.

A row is written before its output leaves, so there may be a row without an output, and never an
output without its row.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from consentry.service.ports import Entity, Table

_OUTPUT = "output:"


@dataclass(frozen=True)
class Output:
    """An output in which a receipt kept a face visible.

    ``result`` is its blob's name for an upload, and nothing for one that left over HTTP;
    ``redacted_again`` is the invocation that masked that face too, if one has.
    """

    receipt_id: str
    invocation: str
    time: datetime
    sha256: str
    result: str = ""
    redacted_again: str = ""


@dataclass(frozen=True)
class Outputs:
    """Reads and writes the rows."""

    table: Table

    def note(self, tenant: str, output: Output) -> None:
        """Write a row, or its next state."""
        self.table.put(
            tenant,
            f"{_OUTPUT}{output.receipt_id}:{output.invocation}",
            {
                "time": output.time,
                "sha256": output.sha256,
                "result": output.result,
                "redacted_again": output.redacted_again,
            },
        )

    def list(self, tenant: str, receipt_id: str) -> Iterator[Output]:
        """All outputs that relied on a receipt, oldest first."""
        return map(_output, self.table.query(tenant, row_prefix=f"{_OUTPUT}{receipt_id}:"))

    def find(self, tenant: str, receipt_id: str, invocation: str) -> Output | None:
        """One of them."""
        row = self.table.get(tenant, f"{_OUTPUT}{receipt_id}:{invocation}")
        return None if row is None else _output(row)


def _output(row: Entity) -> Output:
    _, receipt_id, invocation = row.row.split(":")
    time = row.values["time"]
    if not isinstance(time, datetime):
        raise TypeError("an output's row has no time")
    texts = (str(row.values[name]) for name in ("sha256", "result", "redacted_again"))
    return Output(receipt_id, invocation, time, *texts)
