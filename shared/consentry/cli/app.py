"""The tree of commands, and the one place where errors end.

Commands import what they need when they run, so that help answers at once.
"""

from collections.abc import Callable, Sequence
from typing import Final

import typer
from typer.main import get_command

from consentry.cli import access, audit, evaluate, keys, layer, manifest
from consentry.cli.answer import Answer, Output
from consentry.cli.dev import dev
from consentry.cli.doctor import doctor
from consentry.cli.offline import detect, redact
from consentry.cli.remote import upload, verify
from consentry.errors import ConsentryError

PROGRAM: Final = "consentry"
JSON_OPTION: Final = "--json"

COMMANDS: Final[tuple[tuple[str, Callable[..., Answer], str], ...]] = (
    ("redact", redact, "consentry redact street.jpg masked.jpg"),
    ("detect", detect, "consentry detect street.jpg --profile recall"),
    ("verify", verify, "consentry verify a.jpg b.jpg --endpoint https://faces.example.org"),
    ("upload", upload, "consentry upload street.jpg --wait --out redacted"),
    ("dev", dev, "consentry dev --port 7071"),
    (
        "manifest verify",
        manifest.verify,
        "consentry manifest verify a.jpg.manifest.json --keys keys.json --output a.jpg",
    ),
    ("access approve", access.approve, "consentry access approve contoso redact --use-case press"),
    ("access revoke", access.revoke, "consentry access revoke contoso redact"),
    ("access list", access.list_approvals, "consentry access list"),
    ("keys create", keys.create, "consentry keys create contoso"),
    ("keys list", keys.list_keys, "consentry keys list contoso"),
    ("keys revoke", keys.revoke, "consentry keys revoke contoso 0123456789ab"),
    ("audit export", audit.export, "consentry audit export --from 2026-03-01 --out log"),
    ("audit verify", audit.verify, "consentry audit verify log --public-key keys.json"),
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
        evaluate.verification,
        "consentry evaluate verification --images lfw --pairs pairs.txt",
    ),
    (
        "evaluate detection",
        evaluate.detection,
        "consentry evaluate detection --images wider --boxes boxes.txt",
    ),
    ("samples", layer.samples, "consentry samples"),
    ("doctor", doctor, "consentry doctor"),
)
"""Every command: its words, what it runs, and an example that its help shows."""

_GROUPS: Final = {
    "access": "Approvals of the local stack: who may do what.",
    "keys": "Caller keys of the local stack.",
    "audit": "The audit log: export it, check it, read it, prove what it says.",
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
        owner = groups[group_name] if group_name else app
        owner.command(name, epilog=f"Example: {example}")(function)
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
