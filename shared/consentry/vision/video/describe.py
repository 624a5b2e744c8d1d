"""Say in a document what was done to a video: the part of its manifest that the core knows."""

from typing import Any

from consentry.vision.geometry import Box
from consentry.vision.video.options import RedactedVideo, VideoOptions
from consentry.vision.video.track import Track

_BOX_EVERY_SECONDS = 0.5  # of a track, between the boxes that are told


def description(done: RedactedVideo, options: VideoOptions) -> dict[str, Any]:
    """Describe tracks with spans and boxes, settings, and what became of each stream."""
    rate = float(done.form.rate)
    return {
        "video": {
            "width": done.form.width,
            "height": done.form.height,
            "frames": done.frames,
            "seconds": round(done.seconds, 3),
            "codec": options.codec.value,
        },
        "input": {
            "container": done.probe.container.name.lower(),
            "codec": done.probe.codec,
            "damagedPackets": done.damaged,
            "repairedTimes": done.repaired,
        },
        "mask": {
            "kind": options.mask.kind.value,
            "shape": options.mask.shape.value,
            "strength": options.mask.kind.strength,
        },
        "streams": {
            "sound": options.sound.kind.value if done.probe.sound else "none",
            "mutedSeconds": [list(span) for span in options.sound.spans],
            "dropped": done.probe.dropped,
        },
        "regions": [
            {"box": box_entry(region.box), "start": region.start, "end": region.end}
            for region in options.regions
        ],
        "framesExamined": done.examined,
        "framesCheckedInOutput": done.looked,
        "rounds": done.rounds,
        "tracks": [
            {"id": number, **track_entry(track, rate)}
            for number, track in enumerate(done.tracks, 1)
        ],
    }


def track_entry(track: Track, rate: float) -> dict[str, Any]:
    """Describe a track: its span in frames, and its box at its ends and twice a second."""
    step = max(int(_BOX_EVERY_SECONDS * rate), 1)
    told = sorted({*range(track.start, track.end, step), track.end - 1})
    return {
        "firstFrame": track.start,
        "lastFrame": track.end - 1,
        "score": round(track.score, 3),
        "sightings": track.sightings,
        "boxes": [
            {"frame": frame, **box_entry(box)}
            for frame in told
            if (box := track.box(frame)) is not None
        ],
    }


def box_entry(box: Box) -> dict[str, float]:
    """Tell a box in tenths of a pixel."""
    return {
        "left": round(box.left, 1),
        "top": round(box.top, 1),
        "width": round(box.width, 1),
        "height": round(box.height, 1),
    }
