"""``consentry audit``: copy the log, check it without the service, and read it.

An auditor needs a copy of the log and the public keys, and nothing of the running service.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from consentry.cli.answer import Answer, cure, table
from consentry.cli.manifest import KEYS_HELP, read_key_set
from consentry.cli.places import stack_environment
from consentry.errors import ArgumentError, IntegrityError, StorageError

if TYPE_CHECKING:
    from consentry.service.ports import AppendStore
    from consentry.trust.damage import Finding
    from consentry.trust.verification import AuditReport

Copy = Annotated[
    Path | None,
    typer.Argument(
        exists=True, file_okay=False, help="Copy of the log. [default: the log in its account]"
    ),
]


def fetch(out: Annotated[Path, typer.Argument(file_okay=False, help="New folder.")]) -> Answer:
    """Copy the log from its account into a folder."""
    from consentry.service.audit_copy import fetch_log

    if out.exists() and any(out.iterdir()):
        raise ArgumentError("the folder is not empty: a copy must hold the log and nothing else")
    try:
        parts = fetch_log(_account(), out)
    except OSError as error:
        raise StorageError(f"the copy cannot be written: {error.strerror}") from None
    return Answer({"folder": str(out), "parts": parts}, [f"{parts} parts of the log in {out}"])


def verify(
    copy: Copy = None,
    keys: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help=KEYS_HELP)] = None,
) -> Answer:
    """Walk every chain and checkpoint; name the first bad record of each damaged chain."""
    from consentry.service.audit_copy import LogCopy
    from consentry.trust.verification import verify_log

    log = LogCopy(copy) if copy is not None else _account()
    report = verify_log(log, read_key_set(keys) if keys is not None else None)
    document = {"whole": report.whole} | asdict(report)
    lines = [f"{report.records} records in {report.chains} chains; {_sealed(report)}"]
    if report.whole:
        return Answer(document, [*lines, "The log is whole."])
    faults = [_fault(finding) for finding in report.findings]
    error = IntegrityError("; ".join(faults))
    document["error"] = {"code": error.code, "message": str(error), "cure": cure(error)}
    return Answer(document, [*lines, *faults, "The log is NOT whole."], yes=False)


def show(
    copy: Copy = None,
    last: Annotated[int, typer.Option(min=1, help="How many, counted from the newest.")] = 20,
    tenant: Annotated[str, typer.Option(help="Only records of this tenant.")] = "",
) -> Answer:
    """Show the newest records. What they say is proven by `audit verify` only."""
    from consentry.service.audit_copy import LogCopy

    log = LogCopy(copy) if copy is not None else _account()
    records = [record for record in _records(log) if tenant in ("", record.get("tenant"))]
    records = sorted(records, key=lambda record: str(record.get("time")))[-last:]
    columns = ("time", "tenant", "principal", "operation", "allowed", "reason", "outcome")
    rows = [[record.get(column, "") for column in columns] for record in records]
    return Answer({"records": records}, [table(*columns, rows=rows)])


def _account() -> "AppendStore":
    """Open the log where it is written; reading it changes nothing, so any account will do."""
    from consentry.service.deployment import connect
    from consentry.service.settings import Settings

    return connect(Settings.load(stack_environment())).audit


def _records(log: Any) -> Iterator[dict[str, Any]]:
    for part in log.list():
        if part.name.endswith(".jsonl"):
            for line in log.read(part.name).splitlines():
                yield _record(line)


def _record(line: bytes) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads(line)["record"]
    except (ValueError, KeyError, TypeError):
        raise IntegrityError("a record cannot be read; `audit verify` says which") from None
    return record


def _fault(finding: "Finding") -> str:
    return (
        f"record {finding.sequence} of chain {finding.chain} "
        f"(segment {finding.segment}) was {finding.kind.value}"
    )


def _sealed(report: "AuditReport") -> str:
    signatures = "checked" if report.signatures_checked else "NOT checked, give --keys"
    return (
        f"{report.sealed} of them sealed by {report.checkpoints} checkpoints "
        f"(signatures {signatures})"
    )
