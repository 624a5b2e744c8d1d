"""``consentry audit``: export the log, check it without the service, read it, and prove it.

An auditor needs an export and the public keys, and nothing of the running service. Commands
that read the log in its account leave a record there themselves.
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from uuid import UUID

import typer

from consentry.cli.answer import Answer, cure
from consentry.cli.manifest import Keys, read_file, read_key_set
from consentry.cli.records import record_table
from consentry.errors import ArgumentError, IntegrityError, StorageError
from consentry.limits import AUDIT_GAP_SECONDS_MAX, MEBIBYTE, NOTE_BYTES_MAX

if TYPE_CHECKING:
    from consentry.service.invocation import Invocation, Outcome
    from consentry.service.parts import Parts
    from consentry.trust.checkpoints import Checkpoint
    from consentry.trust.damage import Finding
    from consentry.trust.verification import Known

PROOF_BYTES_MAX: Final = MEBIBYTE
GAP_MINUTES: Final = AUDIT_GAP_SECONDS_MAX // 60

Held = Annotated[
    Path | None,
    typer.Option(
        "--checkpoint", exists=True, dir_okay=False, help="Checkpoint that was kept elsewhere."
    ),
]
Since = Annotated[datetime | None, typer.Option("--from", help="Beginning of the period, in UTC.")]
Until = Annotated[datetime | None, typer.Option("--to", help="End of the period, in UTC.")]
Export = Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Exported log.")]
Out = Annotated[
    Path | None, typer.Option("--out", dir_okay=False, help="File to write the proof to.")
]


def export(
    out: Annotated[Path, typer.Option("--out", file_okay=False, help="New folder.")],
    since: Since = None,
    until: Until = None,
) -> Answer:
    """Copy what is sealed of the log, whole or for a period, into a folder."""
    from consentry.cli.operator import run
    from consentry.service.audit_copy import LogCopy, export_log
    from consentry.service.invocation import Outcome
    from consentry.trust.operations import Operation

    if out.exists() and any(out.iterdir()):
        raise ArgumentError("the folder is not empty: an export holds the log and nothing else")

    with _writing(), tempfile.TemporaryDirectory(dir=out.absolute().parent) as scratch:
        copy = LogCopy(Path(scratch) / "log")

        def work(parts: "Parts", invocation: "Invocation") -> "Outcome[int]":
            copy.folder.mkdir()
            number = export_log(parts.audit, copy.write, since=_utc(since), until=_utc(until))
            invocation.count(checkpoints=number)
            return Outcome(number, lambda: _move(copy.folder, out))

        checkpoints = run(Operation.READ_LOG, work)
    document = {"folder": str(out), "checkpoints": checkpoints}
    return Answer(document, [f"{checkpoints} checkpoints, and all that they seal, in {out}"])


def verify(
    folder: Export,
    public_key: Keys,
    checkpoint: Held = None,
    since: Since = None,
    until: Until = None,
    max_gap: Annotated[
        int, typer.Option(min=0, help="Minutes that two checkpoints may lie apart; 0 for any.")
    ] = GAP_MINUTES,
) -> Answer:
    """Check an exported log, offline; name the first wrong record of each damaged chain."""
    from consentry.service.audit_copy import LogCopy
    from consentry.trust.checkpoints import Checkpoint
    from consentry.trust.notes import verifier_key
    from consentry.trust.verification import Known, verify_log

    keys = read_key_set(public_key)
    held = _held(checkpoint)
    known = Known(
        checkpoint=None if held is None else Checkpoint.open(held, keys),
        since=_utc(since),
        until=_utc(until),
        gap=timedelta(minutes=max_gap) if max_gap else None,
    )
    report = verify_log(LogCopy(folder), keys, known)
    document = {"whole": report.whole} | asdict(report)
    document["verifier_keys"] = [verifier_key(report.origin, key) for key in keys]
    lines = [
        f"{report.records} records in {report.chains} chains, sealed by {report.checkpoints} "
        f"checkpoints from {report.since} to {report.until}",
        f"newest tree of {report.origin}: {report.size} leaves; {_compared(known)}",
    ]
    if report.whole:
        return Answer(document, [*lines, "The log is whole."])
    faults = [_fault(finding) for finding in report.findings]
    error = IntegrityError("; ".join(faults))
    document["error"] = {"code": error.code, "message": str(error), "cure": cure(error)}
    return Answer(document, [*lines, *faults, "The log is NOT whole."], yes=False)


def show(
    folder: Annotated[
        Path | None,
        typer.Argument(
            exists=True, file_okay=False, help="Exported log. [default: the log in its account]"
        ),
    ] = None,
    last: Annotated[int, typer.Option(min=1, help="How many, counted from the newest.")] = 20,
    tenant: Annotated[str, typer.Option(help="Only records of this tenant.")] = "",
) -> Answer:
    """Show the newest records. What they say is proven by `audit verify` only."""
    from consentry.service.audit_copy import LogCopy

    found = list(_records(LogCopy(folder))) if folder is not None else _account_records()
    records = [record for record in found if tenant in ("", record.get("tenant"))]
    records = sorted(records, key=lambda record: str(record.get("time")))[-last:]
    return Answer({"records": records}, [record_table(records)])


def prove(
    record: Annotated[UUID, typer.Argument(help="Id of the record.")], out: Out = None
) -> Answer:
    """Prove that a record is in the log, by a file that can be checked offline."""
    from consentry.cli.operator import run
    from consentry.service.proofs import Proofs
    from consentry.trust.operations import Operation

    proof = run(
        Operation.PROVE_RECORD,
        lambda parts, invocation: Proofs(parts.audit, parts.signing_key).record(invocation, record),
    )
    place = f"leaf {proof.proof.index} of {proof.proof.checkpoint.size}"
    return _proof(proof.document(), f"record {record} is {place}", out)


def consistency(
    checkpoint: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="Checkpoint that was kept elsewhere.")
    ],
    out: Out = None,
) -> Answer:
    """Prove that the log begins with what an older checkpoint sealed."""
    from consentry.cli.operator import run
    from consentry.service.proofs import Proofs
    from consentry.trust.checkpoints import Checkpoint
    from consentry.trust.operations import Operation

    note = read_file(checkpoint, NOTE_BYTES_MAX)

    def work(parts: "Parts", _: "Invocation") -> "Outcome[Any]":
        held = Checkpoint.open(note, parts.signing_key.public_keys())
        outcome = Proofs(parts.audit, parts.signing_key).consistency(held.size)
        if outcome.value.root != held.root:
            raise IntegrityError("the log does not begin with what this checkpoint sealed")
        return outcome

    proof = run(Operation.PROVE_CONSISTENCY, work)
    sizes = f"{proof.size} leaves begin the {proof.checkpoint.size} of the newest checkpoint"
    return _proof(proof.document(), sizes, out)


def check(
    proof: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Proof to check.")],
    public_key: Keys,
    checkpoint: Held = None,
) -> Answer:
    """Check a proof offline, that of a record or that the log only grew."""
    from consentry.trust.checkpoints import Checkpoint
    from consentry.trust.proofs import CONSISTENCY_KIND, ConsistencyProof, RecordProof

    keys = read_key_set(public_key)
    note = _held(checkpoint)
    held = None if note is None else Checkpoint.open(note, keys)
    try:
        document = json.loads(read_file(proof, PROOF_BYTES_MAX))
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise IntegrityError("the proof cannot be read")
    if document.get("kind") == CONSISTENCY_KIND:
        grown = ConsistencyProof.open(document, keys)
        _same(held, grown.size, grown.root)
        told = {"size": grown.size, "newest": grown.checkpoint.size}
        line = f"The log of {told['newest']} leaves begins with that of {told['size']}."
        return Answer({"valid": True} | told, [line])
    found = RecordProof.open(document, keys)
    _same(held, found.proof.checkpoint.size, found.proof.checkpoint.root)
    line = f"The record is leaf {found.proof.index} of {found.proof.checkpoint.size}."
    return Answer({"valid": True, "record": dict(found.record)}, [line])


def _same(held: "Checkpoint | None", size: int, root: bytes) -> None:
    if held is not None and (held.size, held.root) != (size, root):
        raise IntegrityError("the proof is about another checkpoint than the one given")


def _proof(document: dict[str, Any], line: str, out: Path | None) -> Answer:
    if out is not None:
        with _writing():
            out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return Answer(document, [line])


def _held(path: Path | None) -> bytes | None:
    return None if path is None else read_file(path, NOTE_BYTES_MAX)


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"the result cannot be written: {error.strerror}") from None


def _move(source: Path, target: Path) -> None:
    if target.exists():
        target.rmdir()
    source.rename(target)


def _utc(time: datetime | None) -> datetime | None:
    return None if time is None else time.replace(tzinfo=UTC)


def _account_records() -> list[dict[str, Any]]:
    """Read the log where it is written."""
    from consentry.cli.operator import run
    from consentry.service.invocation import Outcome
    from consentry.trust.operations import Operation

    def work(parts: "Parts", invocation: "Invocation") -> "Outcome[list[dict[str, Any]]]":
        records = list(_records(parts.audit))
        invocation.count(records=len(records))
        return Outcome(records)

    return run(Operation.READ_LOG, work)


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
    from consentry.trust.verification import CHECKPOINTS

    if finding.chain == CHECKPOINTS:
        return f"checkpoint {finding.sequence} was {finding.kind.value}"
    return (
        f"record {finding.sequence} of chain {finding.chain} "
        f"(segment {finding.segment}) was {finding.kind.value}"
    )


def _compared(known: "Known") -> str:
    if known.checkpoint is None:
        return "not compared with a checkpoint kept elsewhere, so its end may be missing"
    return f"compared with a checkpoint of {known.checkpoint.size} leaves kept elsewhere"
