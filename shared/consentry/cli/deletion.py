"""``consentry deletion``: deletion receipts, checked without the service."""

from pathlib import Path
from typing import Annotated

import typer

from consentry.cli.answer import Answer, table
from consentry.cli.manifest import Keys, read_file, read_key_set
from consentry.errors import ArgumentError, IntegrityError
from consentry.limits import DELETION_BYTES_MAX, MEBIBYTE

IDS_BYTES_MAX = 64 * MEBIBYTE


def verify(
    receipt: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Receipt file.")],
    keys: Keys,
    kind: Annotated[str, typer.Option(help="Kind that --ids lists.")] = "",
    ids: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Ids that are gone, one a line."),
    ] = None,
) -> Answer:
    """Verify a deletion receipt's signature, and that it is about the ids given."""
    from consentry.trust.deletions import Deleted, open_deletion

    if bool(kind) != (ids is not None):
        raise ArgumentError("--kind and --ids are given together")
    signed = read_file(receipt, DELETION_BYTES_MAX).strip()
    found = open_deletion(signed, public_keys=read_key_set(keys))
    if ids is not None:
        lines = read_file(ids, IDS_BYTES_MAX).decode(errors="replace").split()
        if Deleted.of(kind, lines) not in found.deleted:
            raise IntegrityError("the receipt is about other ids of that kind, or about none")
    document = found.model_dump(mode="json")
    rows = [(item.kind, item.count, item.digest) for item in found.deleted]
    return Answer(
        {"valid": True, "deletion": document},
        [
            f"The signature is right; deleted {document['time']}, for {found.reason}.",
            f"Audit record {found.audit} of tenant {found.tenant}.",
            table("kind", "count", "digest of the ids", rows=rows),
        ],
    )
