"""``consentry preview``: the faces that run through a video, without any face being shown."""

import base64
import json
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from consentry.cli.answer import Answer, table
from consentry.cli.layer import Folder
from consentry.cli.offline import Threads
from consentry.cli.places import layer_folder, opened, write_whole
from consentry.cli.video import holds_video, progress
from consentry.errors import ArgumentError

DOCUMENT: Final = "tracks.json"


def preview(
    ctx: typer.Context,
    source: Annotated[
        Path, typer.Argument(metavar="IN", exists=True, dir_okay=False, help="Video.")
    ],
    target: Annotated[
        Path, typer.Argument(metavar="OUT", help="New folder for tracks.json and thumbnails.")
    ],
    layer: Folder = None,
    threads: Threads = 2,
) -> Answer:
    """List the faces that run through a video, each with a thumbnail in which it is masked.

    Look here first at what will be masked. In tracks.json each track has its first and last frame,
    boxes, and the moment at which it is seen best.
    """
    from consentry.vision import Vision

    if not holds_video(source):
        raise ArgumentError("IN is not a video; `consentry detect` finds the faces of a picture")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ArgumentError("OUT must be a new or an empty folder")
    vision = Vision(layer_folder(layer), threads)
    with opened(source) as file, progress(visible=not ctx.obj.as_json) as tell:
        document = vision.preview_video(file, tell=tell)
    tracks = document["tracks"]
    for track in tracks:
        if "thumbnail" in track:
            name = f"track-{track['id']}.jpg"
            write_whole(target / name, base64.b64decode(track["thumbnail"]))
            track["thumbnail"] = name
    write_whole(target / DOCUMENT, json.dumps(document, indent=2).encode())
    lines = [f"{target / DOCUMENT}: {len(tracks)} tracks", *_table(tracks)]
    return Answer({"in": str(source), "out": str(target), **document}, lines)


def _table(tracks: list[dict[str, Any]]) -> list[str]:
    rows = [
        (
            track["id"],
            f"{track['firstFrame']}-{track['lastFrame']}",
            track["sample"]["seconds"],
            track.get("thumbnail", "none"),
        )
        for track in tracks
    ]
    return [table("track", "frames", "seen best at (s)", "thumbnail", rows=rows)] if rows else []
