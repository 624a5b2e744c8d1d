"""The tree of commands, and the one place where errors end.

Commands import what they need when they run, so that help answers at once.
"""

from collections.abc import Callable, Sequence
from typing import Final

import typer
from typer.main import get_command

from consentry.cli import (
    access,
    audit,
    consent,
    deletion,
    evaluate,
    evaluate_fairness,
    evaluate_people,
    jobs,
    keys,
    layer,
    manifest,
    people,
    tenant,
)
from consentry.cli.answer import Answer, Output
from consentry.cli.calibrate import calibrate
from consentry.cli.dev import dev
from consentry.cli.doctor import doctor, retention
from consentry.cli.offline import detect, redact
from consentry.cli.preview import preview
from consentry.cli.records import records
from consentry.cli.remote import upload, verify
from consentry.errors import ConsentryError

PROGRAM: Final = "consentry"
JSON_OPTION: Final = "--json"

_ID: Final = "0199a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b"

COMMANDS: Final[tuple[tuple[str, Callable[..., Answer | None], str], ...]] = (
    ("redact", redact, "consentry redact street.jpg masked.jpg"),
    ("detect", detect, "consentry detect street.jpg --profile recall"),
    ("preview", preview, "consentry preview film.mp4 tracks"),
    ("verify", verify, f"consentry verify a.jpg b.jpg --consent {_ID}"),
    ("calibrate", calibrate, "consentry calibrate people.csv"),
    ("upload", upload, "consentry upload street.jpg --wait --out redacted"),
    ("video start", jobs.start, "consentry video start film.mp4 --out masked.mp4"),
    ("video show", jobs.show, f"consentry video show {_ID}"),
    ("video fetch", jobs.fetch, f"consentry video fetch {_ID} masked.mp4"),
    ("video cancel", jobs.cancel, f"consentry video cancel {_ID}"),
    ("dev", dev, "consentry dev --port 7071"),
    (
        "manifest verify",
        manifest.verify,
        "consentry manifest verify a.jpg.manifest.json --public-key keys.json --output a.jpg",
    ),
    (
        "deletion verify",
        deletion.verify,
        "consentry deletion verify receipt.jws --public-key keys.json",
    ),
    (
        "dev token",
        people.token,
        "consentry dev token --role reviewer --name ada",
    ),
    ("tenant erase", tenant.erase, "consentry tenant erase contoso --confirm"),
    ("tenant rotate", tenant.rotate, "consentry tenant rotate contoso"),
    ("access apply", access.apply, "consentry access apply --file application.toml"),
    ("access explain", access.explain, "consentry access explain --file application.toml"),
    ("access edit", access.edit, f"consentry access edit {_ID} --file application.toml"),
    ("access submit", access.submit, f"consentry access submit {_ID}"),
    ("access decisions", access.decisions, f"consentry access decisions {_ID} --out decisions"),
    (
        "access verify",
        access.verify,
        "consentry access verify decision.jws --public-key keys.json",
    ),
    ("access list", access.list_applications, "consentry access list"),
    ("access show", access.show, f"consentry access show {_ID}"),
    ("access decide", access.decide, f"consentry access decide {_ID} approve --days 90"),
    ("access suspend", access.suspend, f"consentry access suspend {_ID}"),
    ("access resume", access.resume, f"consentry access resume {_ID}"),
    ("access revoke", access.revoke, f"consentry access revoke {_ID}"),
    ("access appeal", access.appeal, f"consentry access appeal {_ID}"),
    (
        "consent give",
        consent.give,
        "consentry consent give --file consent.toml --subject p-4711",
    ),
    ("consent list", consent.list_consents, "consentry consent list --subject p-4711"),
    ("consent receipt", consent.receipt, f"consentry consent receipt {_ID} --out receipt.jws"),
    ("consent reference", consent.reference, f"consentry consent reference {_ID} portrait.jpg"),
    ("consent withdraw", consent.withdraw, f"consentry consent withdraw {_ID}"),
    ("consent impact", consent.impact, f"consentry consent impact {_ID} --redact-again"),
    (
        "consent verify",
        consent.verify,
        "consentry consent verify receipt.jws --public-key keys.json",
    ),
    ("keys create", keys.create, "consentry keys create contoso"),
    ("keys list", keys.list_keys, "consentry keys list contoso"),
    ("keys revoke", keys.revoke, "consentry keys revoke contoso 0123456789ab"),
    ("audit export", audit.export, "consentry audit export --from 2026-03-01 --out log"),
    ("audit verify", audit.verify, "consentry audit verify log --public-key keys.json"),
    (
        "audit records",
        records,
        "consentry audit records --from 2026-03-01 --tenant contoso",
    ),
    ("audit show", audit.show, "consentry audit show log --last 5"),
    (
        "audit prove",
        audit.prove,
        "consentry audit prove 019cecc5-27b0-7000-8000-0123456789ab --out proof.json",
    ),
    ("audit consistency", audit.consistency, "consentry audit consistency --checkpoint old.note"),
    ("audit check", audit.check, "consentry audit check proof.json --public-key keys.json"),
    ("layer build", layer.build, "consentry layer build"),
    ("layer verify", layer.verify, "consentry layer verify --json"),
    ("layer show", layer.show, "consentry layer show"),
    (
        "evaluate verification",
        evaluate_people.verification,
        "consentry evaluate verification --images lfw --pairs pairs.txt",
    ),
    (
        "evaluate cohort",
        evaluate_people.cohort,
        "consentry evaluate cohort --images lfw --pairs pairs.txt --record cohort.toml",
    ),
    (
        "evaluate quality",
        evaluate_people.quality,
        "consentry evaluate quality --images lfw --pairs pairs.txt",
    ),
    (
        "evaluate fairness",
        evaluate_fairness.fairness,
        "consentry evaluate fairness --images lfw --pairs pairs.txt --groups women.txt "
        "--groups men.txt",
    ),
    (
        "evaluate detection",
        evaluate.detection,
        "consentry evaluate detection --images wider --boxes boxes.txt",
    ),
    (
        "evaluate redaction",
        evaluate.redaction,
        "consentry evaluate redaction --images lfw --pairs pairs.txt",
    ),
    (
        "evaluate attributes",
        evaluate.attributes,
        "consentry evaluate attributes --images lfw --masks masks",
    ),
    ("evaluate gate", evaluate.gate, "consentry evaluate gate new.json --baseline last.json"),
    ("samples", layer.samples, "consentry samples"),
    ("doctor", doctor, "consentry doctor"),
    ("doctor retention", retention, "consentry doctor retention"),
)
"""Every command: its words, what it runs, and an example that its help shows."""

_GROUPS: Final = {
    "access": "Applications for access, and decisions on them.",
    "video": "Jobs of the service on videos: start, follow, fetch, cancel.",
    "consent": "What people agreed to: register it, end it, check receipts offline.",
    "doctor": "What is wrong here, and what is overdue.",
    "dev": "The local stack, kept up to play with.",
    "tenant": "A tenant's keys and everything that is its own, for the operator.",
    "keys": "Keys of a tenant's callers: an admin makes and revokes them.",
    "audit": "The audit log: export it, check it, read it, prove what it says.",
    "deletion": "Deletion receipts, checked without the service.",
    "manifest": "Signed manifests of redactions, checked without the service.",
    "evaluate": "Error rates, measured on your own data sets, as aggregates.",
    "layer": "The model layer: pinned weights, assembled and checked.",
}


def build() -> typer.Typer:
    """Assemble the tree of commands."""
    app = typer.Typer(
        help="Face verification and face redaction that you run yourself. "
        "With --json, any command prints exactly one JSON document.",
        add_completion=False,
    )
    groups = {name: typer.Typer(help=text) for name, text in _GROUPS.items()}
    for name, group in groups.items():
        app.add_typer(group, name=name)
    for words, function, example in COMMANDS:
        group_name, _, name = words.rpartition(" ")
        epilog = f"Example: {example}"
        if name in groups:  # a command that has others below it
            groups[name].callback(invoke_without_command=True, epilog=epilog)(function)
        else:
            owner = groups[group_name] if group_name else app
            owner.command(name, epilog=epilog)(function)
    return app


def run(arguments: Sequence[str]) -> int:
    """Run one command line and give its exit code; nothing but the exit is left to do."""
    words, output = _take_json_option(arguments)
    command = get_command(build())
    try:
        result = command.main(words, prog_name=PROGRAM, standalone_mode=False, obj=output)
    except ConsentryError as error:
        return output.fail(error)
    except typer.TyperException as error:
        return output.misuse(error.format_message())
    except Exception as error:  # noqa: BLE001 (the outermost place: a bug is told, never hidden)
        return output.bug(error)
    if isinstance(result, Answer):
        return output.show(result)
    return result if isinstance(result, int) else 0


def _take_json_option(arguments: Sequence[str]) -> tuple[list[str], Output]:
    """Take ``--json`` out of the words, wherever it stands before a ``--``: it is for all alike."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    words = [word for word in arguments[:end] if word != JSON_OPTION]
    output = Output.standard(as_json=len(words) < end)
    return words + list(arguments[end:]) or ["--help"], output
