"""What ``consentry redact`` does with a video: options read, files opened, progress shown."""

import contextlib
import hashlib
import re
import sys
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from consentry import __version__
from consentry.cli.places import write_whole
from consentry.errors import ArgumentError, StorageError
from consentry.limits import VIDEO_REGIONS_MAX

if TYPE_CHECKING:
    from consentry.vision import Vision
    from consentry.vision.video import RedactedVideo, Region, Tell, VideoOptions

SUFFIX: Final = ".mp4"
_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)")
_REGION: Final = re.compile(r"(\d+),(\d+),(\d+),(\d+)@(.+)")


@dataclass(frozen=True)
class VideoJob:
    """One video to redact: from where, to where, how, and where a contact sheet is wanted."""

    source: Path
    target: Path
    options: "VideoOptions"
    sheet: Path | None = None


def holds_video(path: Path) -> bool:
    """Tell whether a file's first bytes are those of a video."""
    from consentry.vision.video import is_video

    try:
        with path.open("rb") as file:
            return is_video(file)
    except OSError as error:
        raise ArgumentError(f"the file cannot be read: {error.strerror}") from None


def named(target: Path) -> Path:
    """Give the result's name: that of an MP4, whatever the input was."""
    return target if target.suffix.lower() == SUFFIX else target.with_name(target.name + SUFFIX)


def span(text: str) -> tuple[float, float]:
    """Read seconds ``FROM-TO``; ArgumentError where that is no span."""
    match = _SPAN.fullmatch(text)
    if match is None or float(match[1]) >= float(match[2]):
        raise ArgumentError("a span is FROM-TO in seconds, such as 12.5-20")
    return float(match[1]), float(match[2])


def regions(texts: Sequence[str]) -> tuple["Region", ...]:
    """Read regions ``LEFT,TOP,WIDTH,HEIGHT@FROM-TO``, in pixels and seconds."""
    from consentry.vision import Box
    from consentry.vision.video import Region

    if len(texts) > VIDEO_REGIONS_MAX:
        raise ArgumentError("there are too many regions")
    found = []
    for text in texts:
        match = _REGION.fullmatch(text)
        if match is None or 0 in (int(match[3]), int(match[4])):
            raise ArgumentError("a region is LEFT,TOP,WIDTH,HEIGHT@FROM-TO in pixels and seconds")
        left, top, width, height = (float(value) for value in match.groups()[:4])
        found.append(Region(Box(left, top, width, height), *span(match[5])))
    return tuple(found)


def redact_video(vision: "Vision", job: VideoJob, *, visible: bool) -> dict[str, Any]:
    """Redact one video; give its manifest, which no key has signed. Nothing half-written stays."""
    from consentry.vision.video import contact_sheet

    target = named(job.target)
    temporary = target.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with (
                job.source.open("rb") as source,
                temporary.open("w+b") as result,
                tempfile.TemporaryFile(dir=target.parent) as scratch,
                progress(visible=visible) as tell,
            ):
                done = vision.redact_video(source, result, scratch, job.options, tell=tell)
                document = _manifest(vision, job, done, (source, result))
                if job.sheet is not None:
                    write_whole(job.sheet, contact_sheet(source, result, done))
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"the result cannot be written: {error.strerror}") from None
    return {"in": str(job.source), "out": str(target), **document}


def _manifest(
    vision: "Vision",
    job: VideoJob,
    done: "RedactedVideo",
    files: tuple[BufferedIOBase, BufferedIOBase],
) -> dict[str, Any]:
    from consentry.vision.video import description

    described = description(done, job.options)
    source, result = (_file(file) for file in files)
    return {
        "masks": len(done.tracks),
        "software": f"consentry {__version__}",
        "models": [
            {"role": role.value, "name": model.name, "sha256": model.digest}
            for role, model in vision.redacting.items()
        ],
        **described,
        "input": source | described["input"],
        "output": result | {"mediaType": "video/mp4"},
    }


def _file(file: BufferedIOBase) -> dict[str, Any]:
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"sha256": digest, "bytes": file.tell()}


@contextlib.contextmanager
def progress(*, visible: bool) -> Iterator["Tell"]:
    """Show a bar per step on a terminal."""
    if not visible or not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bars:
        tasks: dict[str, Any] = {}

        def tell(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total)
            bars.update(tasks[step], completed=done, total=total or None)

        yield tell
