"""``consentry consent``: register what people agreed to, end it, and check receipts offline."""

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from consentry.cli.answer import Answer, table
from consentry.cli.manifest import Keys, read_file, read_key_set
from consentry.cli.places import CODE_VARIABLE
from consentry.cli.remote import Endpoint, Key
from consentry.errors import ArgumentError
from consentry.limits import CONSENT_DAYS_MAX, JSON_BYTES_MAX, MEBIBYTE

NOTICE_BYTES_MAX = 16 * MEBIBYTE

ReceiptId = Annotated[str, typer.Argument(metavar="RECEIPT", help="Id of the consent.")]


def give(
    file: Annotated[
        Path, typer.Option("--file", exists=True, dir_okay=False, help="Consent, as TOML.")
    ],
    subject: Annotated[str, typer.Option(help="Pseudonym of the person; never a name.")],
    days: Annotated[
        int, typer.Option(min=1, max=CONSENT_DAYS_MAX, help="How long it is valid, from now.")
    ] = 365,
    notice: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Text that was shown; gives its digest."),
    ] = None,
    endpoint: Endpoint = "",
    key: Key = "",
) -> Answer:
    """Register a consent; prints its receipt's id, and the withdrawal code for the person once."""
    from consentry.cli import local
    from consentry.cli.client import connect_consents

    now = local.now()
    statement = _read(file, subject, notice) | {
        "givenAt": now.isoformat(),
        "validUntil": (now + timedelta(days=days)).isoformat(),
    }
    with connect_consents(endpoint, key=key) as service:
        given = service.give(statement)
    return Answer(
        given,
        [
            _table([given]),
            "Give the person this code; it ends the consent, and is shown this once:",
            f"  {given['withdrawalCode']}",
        ],
    )


def list_consents(
    subject: Annotated[str, typer.Option(help="Only of this pseudonym.")] = "",
    endpoint: Endpoint = "",
    key: Key = "",
) -> Answer:
    """List your tenant's consents, and where they stand."""
    from consentry.cli.client import connect_consents

    with connect_consents(endpoint, key=key) as service:
        found = service.list(subject)
    return Answer({"consents": found}, [_table(found)] if found else ["There is no consent."])


def receipt(
    consent: ReceiptId,
    out: Annotated[Path, typer.Option(help="File for the signed receipt.")],
    endpoint: Endpoint = "",
    key: Key = "",
) -> Answer:
    """Fetch the signed receipt of a consent, as it stands now."""
    from consentry.cli.client import connect_consents
    from consentry.cli.places import write_whole

    with connect_consents(endpoint, key=key) as service:
        write_whole(out, service.receipt(consent))
    return Answer({"receipt": str(out)}, [f"{out}: check it with `consentry consent verify`"])


def reference(
    consent: ReceiptId,
    picture: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Picture.")],
    face: Annotated[
        str, typer.Option(help="left,top,width,height, where several faces are there.")
    ] = "",
    endpoint: Endpoint = "",
    key: Key = "",
) -> Answer:
    """Enrol the face with which claimed faces are compared, while the consent holds."""
    from consentry.cli.client import connect_consents
    from consentry.cli.offline import read_picture

    with connect_consents(endpoint, key=key) as service:
        found = service.enrol(consent, read_picture(picture), face)
    return Answer(found, [_table([found]), "The reference is enrolled."])


def withdraw(
    consent: Annotated[
        str, typer.Argument(metavar="[RECEIPT]", help="Id of the consent; a code says it itself.")
    ] = "",
    code: Annotated[
        str, typer.Option(envvar=CODE_VARIABLE, help="Withdrawal code: takes no key.")
    ] = "",
    endpoint: Endpoint = "",
    key: Key = "",
) -> Answer:
    """End a consent for good, as its tenant or by the person's code alone."""
    from consentry.cli.client import connect_consents

    if bool(consent) is bool(code):
        raise ArgumentError("give the id of the consent, or the person's --code")
    with connect_consents(endpoint, key=key, code=code) as service:
        ended = service.withdraw(consent or _named_by(code))
    return Answer(ended, [_table([ended])])


def impact(
    consent: ReceiptId,
    redact_again: Annotated[
        bool, typer.Option("--redact-again", help="Mask that face too in every stored output.")
    ] = False,
    endpoint: Endpoint = "",
    key: Key = "",
) -> Answer:
    """List the outputs in which a receipt kept a face visible; no if some still show it."""
    from consentry.cli.client import connect_consents

    with connect_consents(endpoint, key=key) as service:
        found = service.outputs(consent)
        if redact_again:
            found = [
                service.redact_again(consent, one["id"]) if _shows_it(one) else one for one in found
            ]
    rows = [(one["id"], one["time"], one.get("result", "over HTTP"), _fate(one)) for one in found]
    shown = [table("id", "time", "result", "the face", rows=rows)] if rows else []
    return Answer(
        {"outputs": found},
        [*shown, f"{len(found)} outputs relied on it."],
        yes=all("redactedAgain" in one for one in found),
    )


def _shows_it(output: Mapping[str, Any]) -> bool:
    """Tell whether it lies in storage and still shows the face."""
    return "result" in output and "redactedAgain" not in output


def _fate(output: Mapping[str, Any]) -> str:
    if "redactedAgain" in output:
        return "masked since"
    return "visible" if "result" in output else "left; redact it where it is"


def verify(
    receipt: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Receipt file.")],
    keys: Keys,
) -> Answer:
    """Verify a consent receipt's signature offline; no if it has ended."""
    from consentry.cli import local
    from consentry.trust.consents import open_receipt

    signed = read_file(receipt, JSON_BYTES_MAX).strip()
    found = open_receipt(signed, public_keys=read_key_set(keys))
    state = found.state(local.now())
    return Answer(
        {"valid": True, "state": state, "receipt": found.model_dump(mode="json")},
        [
            f"The signature is right; as of this receipt the consent is {state}.",
            f"{found.pii_principal_id} agreed to {', '.join(found.purposes)}, by notice "
            f"{found.privacy_notice.version}, to {found.pii_controller.name}.",
            f"Given {found.given_at}, valid until {found.valid_until}, tenant {found.tenant}.",
        ],
        yes=state == "given",
    )


def _read(file: Path, subject: str, notice: Path | None) -> dict[str, Any]:
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise ArgumentError("the consent is not a TOML file") from None
    statement = document | {"subject": subject}
    if notice is not None:
        digest = hashlib.sha256(read_file(notice, NOTICE_BYTES_MAX)).hexdigest()
        statement["notice"] = {**statement.get("notice", {}), "sha256": digest}
    if "withdrawal_method" in statement:
        statement["withdrawalMethod"] = statement.pop("withdrawal_method")
    return statement


def _named_by(code: str) -> str:
    """Read the receipt's id out of a withdrawal code."""
    try:
        return str(UUID(code.split(".")[1]))
    except (IndexError, ValueError):
        raise ArgumentError("that is no withdrawal code") from None


def _table(consents: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (one["id"], one["state"], one["subject"], ", ".join(one["purposes"]), one["validUntil"])
        for one in consents
    ]
    return table("id", "state", "subject", "purposes", "until", rows=rows)
