"""``consentry redact`` and ``consentry detect``: the same core as the service, without it.

A result is written under a temporary name beside its target and then put in place, so that
nothing half-written is ever seen. A file that fails gets no result, and the rest goes on.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from consentry.cli import video
from consentry.cli.answer import Answer, cure, table
from consentry.cli.layer import Folder
from consentry.cli.places import layer_folder, write_whole
from consentry.errors import ArgumentError, ConsentryError, LayerError
from consentry.limits import PICTURE_BYTES_MAX

if TYPE_CHECKING:
    from consentry.vision import MaskOptions, Vision
    from consentry.vision.video import VideoOptions

Kind = Literal[
    "solid", "pixelate", "blur", "LowBlur", "MediumBlur", "HighBlur", "Black", "BoundingBox"
]
Shape = Literal["ellipse", "rectangle"]
Sound = Literal["drop", "keep", "mute"]
VideoCodec = Literal["h264", "vp9", "av1"]
Thoroughness = Literal["fast", "recall", "check"]
Mutes = Annotated[
    list[str] | None,
    typer.Option(metavar="FROM-TO", help="Silent seconds, with --sound mute; repeat it."),
]
Regions = Annotated[
    list[str] | None,
    typer.Option(
        metavar="LEFT,TOP,WIDTH,HEIGHT@FROM-TO",
        help="Mask a box of a video, in pixels, by hand for a span of seconds; repeat it.",
    ),
]
Threads = Annotated[int, typer.Option(min=1, max=64, help="Threads of one model run.")]


@dataclass(frozen=True)
class _Job:
    source: Path
    target: Path


def redact(
    ctx: typer.Context,
    source: Annotated[
        Path, typer.Argument(metavar="IN", exists=True, help="Picture, video or folder.")
    ],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Where the result goes.")],
    kind: Annotated[
        Kind,
        typer.Option(help="How a face is hidden; solid is safest. Video Indexer's names work too."),
    ] = "solid",
    shape: Annotated[Shape, typer.Option(help="What is hidden around a face.")] = "ellipse",
    codec: Annotated[
        VideoCodec, typer.Option(help="Of a video's pictures; the encoder of h264 is GPL.")
    ] = "h264",
    sound: Annotated[
        Sound, typer.Option(help="Of a video: voices identify people, so it is dropped.")
    ] = "drop",
    mute: Mutes = None,
    region: Regions = None,
    contact_sheet: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw frames of a video before and after, as a PNG."),
    ] = None,
    profile: Annotated[
        bool, typer.Option("--profile", help="Tell where the time went, stage by stage.")
    ] = False,
    layer: Folder = None,
    threads: Threads = 2,
) -> Answer:
    """Mask every face of a picture or video, or of all in a folder, without any service.

    A video's result is an MP4; subtitles, attachments, cover art, chapters and metadata are left
    out. With --json the answer holds the manifest: tracks, settings, hashes, what became of sound.
    """
    from consentry.vision import MaskOptions, MaskShape, Vision, mask_kind, spent

    mask = MaskOptions(mask_kind(kind), MaskShape(shape))
    options = _video_options(mask, codec, sound, mute or [], region or [])
    jobs = _jobs(source, target)
    if contact_sheet is not None and not (len(jobs) == 1 and video.holds_video(jobs[0].source)):
        raise ArgumentError("--contact-sheet is for one video")
    vision = Vision(layer_folder(layer), threads)
    visible = not ctx.obj.as_json
    alone = len(jobs) == 1
    before, started = spent(), perf_counter()
    results = [
        _redact_one(vision, job, options, contact_sheet, visible=visible and alone)
        for job in _with_progress(jobs, visible=visible)
    ]
    passed = perf_counter() - started
    failed = [result for result in results if "error" in result]
    done = len(results) - len(failed)
    times = _times(before, spent(), passed) if profile else {}
    return Answer(
        {"done": done, "failed": len(failed), "files": results}
        | ({"milliseconds": times} if profile else {}),
        [
            *map(_line, results),
            f"{done} redacted, {len(failed)} failed",
            *([table("stage", "ms", rows=[*times.items()])] if profile else []),
        ],
        yes=not failed,
    )


def detect(
    source: Annotated[
        Path, typer.Argument(metavar="IN", exists=True, dir_okay=False, help="Picture.")
    ],
    profile: Annotated[
        Thoroughness, typer.Option(help="recall finds small faces too; check doubts more.")
    ] = "fast",
    layer: Folder = None,
    threads: Threads = 2,
) -> Answer:
    """Find the faces of a picture, largest first, without any service."""
    from consentry.vision import Profile, Vision

    vision = Vision(layer_folder(layer), threads)
    faces = vision.detect(vision.read(read_picture(source)), Profile(profile))
    document = [
        {
            "left": round(face.box.left, 1),
            "top": round(face.box.top, 1),
            "width": round(face.box.width, 1),
            "height": round(face.box.height, 1),
            "score": round(float(face.score), 3),
        }
        for face in faces
    ]
    rows = [tuple(face.values()) for face in document]
    shown = [table("left", "top", "width", "height", "score", rows=rows)] if rows else []
    return Answer({"faces": document}, [f"{len(document)} faces", *shown])


def read_picture(path: Path) -> bytes:
    """Read a file, of a picture's largest size at most; more is left to the limits to refuse."""
    try:
        with path.open("rb") as file:
            return file.read(PICTURE_BYTES_MAX + 1)
    except OSError as error:
        raise ArgumentError(f"the file cannot be read: {error.strerror}") from None


def _jobs(source: Path, target: Path) -> list[_Job]:
    if source.is_file():
        if target.is_dir():
            target /= source.name
        if target.exists() and target.samefile(source):
            raise ArgumentError("OUT must not be IN: the original stays as it is")
        return [_Job(source, target)]
    if target.resolve().is_relative_to(source.resolve()):
        raise ArgumentError("OUT must not lie in IN: results would be taken for originals")
    files = sorted(path for path in source.rglob("*") if path.is_file())
    if not files:
        raise ArgumentError("the folder IN holds no file")
    return [_Job(path, target / path.relative_to(source)) for path in files]


def _video_options(
    mask: "MaskOptions", codec: VideoCodec, sound: Sound, mute: list[str], region: list[str]
) -> "VideoOptions":
    """Read the options that only videos have."""
    from consentry.vision.video import Codec, SoundKind, SoundOptions, VideoOptions

    if bool(mute) != (sound == "mute"):
        raise ArgumentError("--mute gives the spans for --sound mute; each needs the other")
    spans = tuple(video.span(text) for text in mute)
    return VideoOptions(
        mask, SoundOptions(SoundKind(sound), spans), Codec(codec), video.regions(region)
    )


def _redact_one(
    vision: "Vision", job: _Job, options: "VideoOptions", sheet: Path | None, *, visible: bool
) -> dict[str, Any]:
    """Redact one file and describe what came of it; only a broken layer ends the whole run."""
    try:
        if video.holds_video(job.source):
            wanted = video.VideoJob(job.source, job.target, options, sheet)
            return video.redact_video(vision, wanted, visible=visible)
        return _redact_picture(vision, job, options.mask)
    except LayerError:
        raise
    except ConsentryError as error:
        fault = {"code": error.code, "message": str(error), "cure": cure(error)}
        return {"in": str(job.source), "error": fault}


def _redact_picture(vision: "Vision", job: _Job, options: "MaskOptions") -> dict[str, Any]:
    redacted = vision.redact(read_picture(job.source), options)
    suffix = f".{redacted.extension}" if redacted.renamed else ""
    target = job.target.with_name(job.target.name + suffix)
    write_whole(target, redacted.data)
    return {
        "in": str(job.source),
        "out": str(target),
        "masks": len(redacted.masks),
        "frames": redacted.frames,
    }


def _times(
    before: Mapping[str, float], after: Mapping[str, float], passed: float
) -> dict[str, float]:
    """Milliseconds by stage, longest first, of all threads together; then what passed."""
    seconds = {name: value - before.get(name, 0.0) for name, value in after.items()}
    longest = sorted(seconds, key=lambda name: -seconds[name])
    stages = {name: round(seconds[name] * 1000, 1) for name in longest if seconds[name]}
    return stages | {"passed": round(passed * 1000, 1)}


def _line(result: dict[str, Any]) -> str:
    if "error" in result:
        error = result["error"]
        return f"FAILED {result['in']}: {error['code']}: {error['message']}. {error['cure']}"
    return f"{result['out']}: {result['masks']} masks"


def _with_progress(jobs: list[_Job], *, visible: bool) -> Iterable[_Job]:
    if len(jobs) == 1 or not visible or not sys.stderr.isatty():
        return jobs
    return _track(jobs)


def _track(jobs: list[_Job]) -> Iterator[_Job]:
    from rich.console import Console
    from rich.progress import track

    yield from track(jobs, "redacting", console=Console(stderr=True), transient=True)
