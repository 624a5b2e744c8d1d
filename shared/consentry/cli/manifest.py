"""``consentry manifest``: check, without the service, what a redaction's manifest says."""

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from consentry.cli.answer import Answer
from consentry.errors import ArgumentError, IntegrityError
from consentry.limits import JSON_BYTES_MAX, MEBIBYTE

if TYPE_CHECKING:
    from consentry.stored import PublicKey

MANIFEST_BYTES_MAX: Final = 16 * MEBIBYTE


Keys = Annotated[
    Path,
    typer.Option(
        "--public-key",
        exists=True,
        dir_okay=False,
        help="Public keys, as `GET /keys` gives them.",
    ),
]


def verify(
    manifest: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Manifest file.")],
    keys: Keys,
    output: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Redacted file that it should describe."),
    ] = None,
    original: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Original that it should describe."),
    ] = None,
) -> Answer:
    """Verify a manifest's signature, and that it describes the pictures or videos given."""
    from consentry.service.manifests import REDACTION, VIDEO, open_signed
    from consentry.trust.jws import OtherKindError

    signed = read_file(manifest, MANIFEST_BYTES_MAX)
    public_keys = read_key_set(keys)
    try:
        document = open_signed(signed, kind=REDACTION, public_keys=public_keys)
        masked = f"{len(document['faces'])} masks"
    except OtherKindError:
        document = open_signed(signed, kind=VIDEO, public_keys=public_keys)
        masked = f"{len(document['tracks'])} tracks in {document['video']['frames']} frames, masks"
    for file, part in ((output, "output"), (original, "input")):
        if file is not None and _sha256(file) != document[part]["sha256"]:
            raise IntegrityError(f"the manifest describes another {part} than the file given")
    mask = document["mask"]
    return Answer(
        {"valid": True, "manifest": document},
        [
            f"The signature is right; made {document['time']} by {document['software']}.",
            f"{masked} of kind {mask['kind']}, shape {mask['shape']}.",
            f"Audit record {document['audit']} of tenant {document['tenant']}.",
        ],
    )


def read_key_set(path: Path, member: str = "keys") -> tuple["PublicKey", ...]:
    """Read a file of public keys (a JWK set); ArgumentError when it is not one.

    ``member`` is ``decisionKeys`` for the keys of decisions, which sign nothing else.
    """
    from consentry.stored import PublicKey

    try:
        document: dict[str, Any] = json.loads(read_file(path, JSON_BYTES_MAX))
        return tuple(PublicKey(str(jwk["kid"]), jwk) for jwk in document[member])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ArgumentError("the file of public keys is not a JWK set") from None


def read_file(path: Path, limit: int) -> bytes:
    """Read a file of at most ``limit`` bytes."""
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise ArgumentError("a file given is larger than any of its kind")
    return data


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
