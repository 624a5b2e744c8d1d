"""Show which tracks a video has without showing whose: spans, boxes and masked thumbnails.

A thumbnail is a frame's part around a face, with every face of that frame under solid fill, so that
clothes and surroundings tell people apart who know them. The frame is looked at again as a
redacted one is; a face that cannot be masked away leaves its track without a thumbnail.
"""

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

from PIL import Image

from consentry.limits import PREVIEW_THUMBNAILS_MAX
from consentry.vision.detect import Detectors
from consentry.vision.geometry import Box
from consentry.vision.mask import MaskKind, MaskOptions
from consentry.vision.residual import Cover
from consentry.vision.video.claims import sightings
from consentry.vision.video.describe import box_entry, track_entry
from consentry.vision.video.frames import Form, Reader
from consentry.vision.video.look import Depth
from consentry.vision.video.masks import PieceMasks
from consentry.vision.video.merge import Scan
from consentry.vision.video.paint import painted
from consentry.vision.video.planes import Planes
from consentry.vision.video.proof import remaining
from consentry.vision.video.sightings import tenths
from consentry.vision.video.track import Track

_SOLID: Final = MaskOptions(MaskKind.SOLID)
_TRIES: Final = 4  # at masking what is still found
_AROUND: Final = 3.0  # times the face's box
_SIDE: Final = 160  # pixels of a thumbnail's longer side, at most
_QUALITY: Final = 80


@dataclass(frozen=True)
class Sample:
    """Where a track's face is seen best; ``track`` counts from 1, ``seconds`` from the start."""

    track: int
    frame: int
    seconds: float
    box: Box


@dataclass(frozen=True)
class Thumbnail:
    """A masked picture around a track's face: a JPEG in base64."""

    track: int
    jpeg: str


def samples(scan: Scan, tracks: Sequence[Track], form: Form) -> list[Sample]:
    """Give for each track its surest sighting."""
    found = []
    for number, track in enumerate(tracks, 1):
        seen = [one for here in sightings(scan, track) for one in here]
        best = max(seen, key=lambda one: one.score, default=None)
        frame = (track.start + track.end) // 2 if best is None else best.frame
        seconds = round(float(scan.ticks[frame] * form.clock), 3)
        box = track.box(frame)
        if box is not None:
            found.append(Sample(number, frame, seconds, tenths(box)))
    return found


def pictured(chosen: Sequence[Sample], tracks: Sequence[Track]) -> list[Sample]:
    """Give the samples that get a thumbnail: those of the tracks that were seen most."""
    by_sightings = sorted(chosen, key=lambda one: -tracks[one.track - 1].sightings)
    return by_sightings[:PREVIEW_THUMBNAILS_MAX]


def draw(
    reader: Reader, masks: PieceMasks, chosen: Sequence[Sample], detectors: Detectors
) -> Iterator[Thumbnail]:
    """Give the thumbnails of samples that lie in a piece, under its masks made solid."""
    wanted: dict[int, list[Sample]] = {}
    for one in chosen:
        wanted.setdefault(one.frame, []).append(one)
    for frame in reader.frames():
        here = wanted.pop(masks.first + frame.index, [])
        if here:
            covers = [(box, _SOLID) for box, _ in masks.of(masks.first + frame.index)]
            masked = _masked(frame.planes, covers, detectors)
            if masked is not None:
                yield from (Thumbnail(one.track, _jpeg(masked, one.box)) for one in here)
        if not wanted:
            return


def tracks_document(
    form: Form,
    scan: Scan,
    tracks: Sequence[Track],
    chosen: Sequence[Sample],
    thumbnails: Mapping[int, str],
) -> dict[str, Any]:
    """Describe the tracks of a video; ``thumbnails`` are JPEGs in base64, by track from 1."""
    return {
        "video": {
            "width": form.width,
            "height": form.height,
            "frames": scan.stage.frames,
            "seconds": round(scan.seconds, 3),
        },
        "tracks": [
            {
                "id": one.track,
                **track_entry(tracks[one.track - 1], float(form.rate)),
                "sample": {"seconds": one.seconds, "box": box_entry(one.box)},
                **({"thumbnail": thumbnails[one.track]} if one.track in thumbnails else {}),
            }
            for one in chosen
        ],
    }


def _masked(planes: Planes, covers: list[Cover], detectors: Detectors) -> Planes | None:
    """Mask all faces of a frame, those too that are found only then; None if one remains."""
    for _ in range(_TRIES):
        masked = painted(planes, covers)
        faces = remaining(masked, covers, detectors, Depth.CLOSE)
        if not faces:
            return masked
        covers = [*covers, *((face.box, _SOLID) for face in faces)]
    return None


def _jpeg(planes: Planes, box: Box) -> str:
    around = box.enlarged(_AROUND).clipped(planes.width, planes.height)
    place = Box(0, 0, planes.width, planes.height) if around is None else around
    picture = Image.fromarray(planes.rgb(planes.width, planes.height))
    left, top, right, bottom = map(round, place.corners)
    part = picture.crop((left, top, right, bottom))
    part.thumbnail((_SIDE, _SIDE))
    file = BytesIO()
    part.save(file, "JPEG", quality=_QUALITY)
    return base64.b64encode(file.getvalue()).decode()
