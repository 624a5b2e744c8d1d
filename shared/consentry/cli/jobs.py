"""``consentry video``: jobs of the service on videos, from the upload to the result."""

import contextlib
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from consentry.cli.answer import Answer
from consentry.cli.offline import Kind, Mutes, Regions, Shape, Sound, VideoCodec
from consentry.cli.places import opened, write_whole, written_whole
from consentry.cli.remote import Endpoint, Key
from consentry.cli.video import regions, span
from consentry.errors import ArgumentError, StorageError

if TYPE_CHECKING:
    from consentry.cli.client import Service

POLL_SECONDS: Final = 1.0
INBOX_PREFIX: Final = "inbox/"
_OVER: Final = frozenset({"done", "failed", "cancelled"})
_CLAIM: Final = re.compile(r"([0-9a-fA-F-]{36})/(\d+)=([0-9a-fA-F-]{36})")

JobId = Annotated[str, typer.Argument(metavar="JOB", help="Id of the job.")]
Patience = Annotated[float, typer.Option(min=1, help="Seconds to wait for the job's end.")]


def start(
    ctx: typer.Context,
    source: Annotated[
        str, typer.Argument(metavar="IN", help="Video, or inbox/NAME of one that was uploaded.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Wait for the job, and write its result to this file.")
    ] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="Make a document of the tracks, to claim from.")
    ] = False,
    claim: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PREVIEW/TRACK=RECEIPT",
            help="Keep a track of a preview visible, by its person's receipt; repeat it.",
        ),
    ] = None,
    kind: Annotated[Kind | None, typer.Option(help="How a face is hidden.")] = None,
    shape: Annotated[Shape | None, typer.Option(help="What is hidden around a face.")] = None,
    codec: Annotated[VideoCodec, typer.Option(help="Of the result's pictures.")] = "h264",
    sound: Annotated[Sound, typer.Option(help="Voices identify people: dropped.")] = "drop",
    mute: Mutes = None,
    region: Regions = None,
    patience: Patience = 3600,
    endpoint: Endpoint = "",
    key: Key = "",
) -> Answer:
    """Have a video redacted by the service; with --out, wait for the result and fetch it."""
    from consentry.cli.client import connect

    wish: dict[str, Any] = {"mode": "preview" if preview else "redact"}
    wish |= {name: value for name, value in (("kind", kind), ("shape", shape)) if value}
    wish |= {"codec": codec, "sound": sound, "mute": [span(text) for text in mute or ()]}
    wish |= {"regions": _regions(region or ()), "claims": [_claim(text) for text in claim or ()]}
    with connect(endpoint, key) as service:
        job_id = _begin(service, source, wish)
        if out is not None:
            return _fetch(ctx, service, job_id, out, patience)
    return Answer({"id": job_id}, [f"started as {job_id}"])


def show(job_id: JobId, endpoint: Endpoint = "", key: Key = "") -> Answer:
    """Show how far a job is: its state, percent, frames per second and expected end."""
    from consentry.cli.client import connect

    with connect(endpoint, key) as service:
        told = service.job(job_id)
    return Answer(told, [f"{name}: {value}" for name, value in told.items()])


def fetch(
    ctx: typer.Context,
    job_id: JobId,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Where the result goes.")],
    patience: Patience = 3600,
    endpoint: Endpoint = "",
    key: Key = "",
) -> Answer:
    """Wait for a job's end, and fetch its result and the signed manifest beside it."""
    from consentry.cli.client import connect

    with connect(endpoint, key) as service:
        return _fetch(ctx, service, job_id, out, patience)


def cancel(job_id: JobId, endpoint: Endpoint = "", key: Key = "") -> Answer:
    """End a job, and have its input and all that was made of it deleted."""
    from consentry.cli.client import connect

    with connect(endpoint, key) as service:
        service.cancel_job(job_id)
    return Answer({"id": job_id, "state": "cancelled"}, ["The job is cancelled."])


def _begin(service: "Service", source: str, wish: Mapping[str, Any]) -> str:
    """Start a job on what lies in the inbox, or upload a file for it; gives its id."""
    path = Path(source)
    if source.startswith(INBOX_PREFIX) and not path.exists():
        return str(service.start_job({"source": source, **wish})["id"])
    with opened(path) as file:
        asked = service.start_job({"name": path.name, **wish})
        service.put(asked["upload"], file)
    return str(asked["id"])


def _fetch(
    ctx: typer.Context, service: "Service", job_id: str, out: Path, patience: float
) -> Answer:
    told = dict(_until_over(service, job_id, patience, visible=not ctx.obj.as_json))
    if told["state"] != "done":
        why = told.get("reason", "by request")
        return Answer(told, [f"{job_id}: {told['state']}, {why}"], yes=False)
    manifest = out.with_name(f"{out.name}.manifest.json")
    with written_whole(out) as file:
        service.job_result(job_id, file)
    write_whole(manifest, service.job_manifest(job_id))
    told |= {"result": str(out), "manifest": str(manifest)}
    return Answer(told, [f"{job_id}: {out}"])


def _until_over(
    service: "Service", job_id: str, patience: float, *, visible: bool
) -> Mapping[str, Any]:
    deadline = time.monotonic() + patience
    with _progress(visible=visible) as tell:
        while True:
            told = service.job(job_id)
            tell(told)
            if told["state"] in _OVER:
                return told
            if time.monotonic() > deadline:
                raise StorageError(
                    f"the job goes on: `consentry video fetch {job_id} OUT` waits for it again"
                )
            time.sleep(POLL_SECONDS)


@contextlib.contextmanager
def _progress(*, visible: bool) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Show a bar on a terminal."""
    if not visible or not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task("", total=100)

        def tell(job: Mapping[str, Any]) -> None:
            speed = job.get("framesPerSecond")
            words = job["state"] + (f", {speed} frames/s" if speed else "")
            bars.update(bar, completed=job["percent"], description=words)

        yield tell


def _regions(texts: Sequence[str]) -> list[dict[str, float]]:
    return [
        {
            "left": one.box.left,
            "top": one.box.top,
            "width": one.box.width,
            "height": one.box.height,
            "start": one.start,
            "end": one.end,
        }
        for one in (regions(texts) if texts else ())
    ]


def _claim(text: str) -> dict[str, Any]:
    match = _CLAIM.fullmatch(text)
    if match is None:
        raise ArgumentError(
            "a claim is PREVIEW/TRACK=RECEIPT: a job's id, a number, a receipt's id"
        )
    return {"preview": match[1], "track": int(match[2]), "receipt": match[3]}
