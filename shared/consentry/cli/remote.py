"""``consentry verify`` and ``consentry upload``: what never runs without the service's gate."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from consentry.cli.answer import Answer
from consentry.cli.offline import read_picture
from consentry.cli.places import (
    CONSENT_VARIABLE,
    ENDPOINT_VARIABLE,
    KEY_VARIABLE,
    opened,
    written_whole,
)
from consentry.errors import StorageError

if TYPE_CHECKING:
    from consentry.cli.client import Service

POLL_SECONDS: Final = 0.25
FINAL_STATES: Final = frozenset({"done", "quarantined", "held"})

Endpoint = Annotated[
    str,
    typer.Option(envvar=ENDPOINT_VARIABLE, help="Address of the service. [default: local stack]"),
]
Consent = Annotated[
    str,
    typer.Option(
        envvar=CONSENT_VARIABLE,
        help="Receipt of the person's consent, or their pseudonym if you attest it.",
    ),
]
Key = Annotated[str, typer.Option(envvar=KEY_VARIABLE, help="The tenant's key.")]


def verify(
    probe: Annotated[Path, typer.Argument(metavar="A", exists=True, dir_okay=False)],
    reference: Annotated[Path, typer.Argument(metavar="B", exists=True, dir_okay=False)],
    consent: Consent = "",
    endpoint: Endpoint = "",
    key: Key = "",
) -> Answer:
    """Ask the service whether two pictures are of one consenting person; it keeps nothing."""
    from consentry.cli.client import connect

    with connect(endpoint, key) as service:
        result = service.verify(read_picture(probe), read_picture(reference), consent)
    identical = bool(result["isIdentical"])
    words = "the same person" if identical else "not the same person"
    return Answer(result, [f"{words}, confidence {result['confidence']:.3f}"], yes=identical)


def upload(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", exists=True, dir_okay=False)],
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for each result and fetch it.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("redacted"),
    folder: Annotated[
        str, typer.Option(help="Folder in the inbox; `verify` holds pictures to compare.")
    ] = "",
    consent: Consent = "",
    patience: Annotated[
        float, typer.Option(min=1, max=3600, help="Seconds to wait for all results.")
    ] = 120,
    endpoint: Endpoint = "",
    key: Key = "",
) -> Answer:
    """Upload pictures or videos to be redacted; with --wait, fetch results or print the reasons.

    `consentry video start` asks more of a video, and shows how far it is.
    """
    from consentry.cli.client import connect

    with connect(endpoint, key) as service:
        prefix = f"{folder.strip('/')}/" if folder else ""
        sent = [
            {"file": str(path), "id": _upload(service, prefix, path, consent)} for path in files
        ]
        if wait:
            deadline = time.monotonic() + patience
            sent = [item | _await(service, item["id"], deadline, out) for item in sent]
    refused = [item for item in sent if item.get("state") == "quarantined"]
    return Answer({"uploads": sent}, [_line(item) for item in sent], yes=not refused)


def _upload(service: "Service", prefix: str, path: Path, consent: str) -> str:
    with opened(path) as file:
        return service.upload(prefix + path.name, file, consent)


def _await(service: "Service", upload_id: str, deadline: float, out: Path) -> dict[str, Any]:
    status = service.upload_status(upload_id)
    while status["state"] not in FINAL_STATES:
        if time.monotonic() > deadline:
            raise StorageError("no result came in time; `--patience` sets the limit in seconds")
        time.sleep(POLL_SECONDS)
        status = service.upload_status(upload_id)
    found = {name: status[name] for name in ("state", "reason") if name in status}
    if status["state"] == "done":
        target = out / Path(str(status["result"])).name
        with written_whole(target) as file:
            service.upload_result(upload_id, file)
        found["result"] = str(target)
    return found


def _line(item: Mapping[str, Any]) -> str:
    match item.get("state"):
        case None:
            return f"{item['file']}: sent as {item['id']}"
        case "done":
            return f"{item['file']}: {item['result']}"
        case "held":
            return f"{item['file']}: held until its verification is complete"
        case _:
            return f"{item['file']}: quarantined, {item['reason']}"
