"""Put what was seen of all pieces together, before anything is followed or masked.

Tracks are made once, over the sightings of the whole video, and not piece by piece with their ends
matched afterwards: where a video was cut makes no difference to a track, and no face can be lost
at a seam.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from consentry.errors import VideoError, VideoSizeError
from consentry.vision.video.clock import Clock
from consentry.vision.video.container import Limits
from consentry.vision.video.frames import Survey
from consentry.vision.video.scan import PieceScan
from consentry.vision.video.sightings import Sightings
from consentry.vision.video.track import Stage


@dataclass(frozen=True, repr=False)
class Scan:
    """What was seen of a video, which is ``seconds`` long.

    ``starts`` are the first frames of its pieces, ``ticks`` the times of its frames; ``seen`` has
    an entry for every examined frame, in order. ``damaged`` counts packets that could not be
    decoded, ``repaired`` times that made no sense.
    """

    stage: Stage
    starts: tuple[int, ...]
    ticks: tuple[int, ...]
    seen: Sightings
    seconds: float
    damaged: int
    repaired: int


def merge(known: Survey, scans: Iterable[PieceScan], limits: Limits) -> Scan:
    """Merge the scans of all pieces, in whatever order and however often each was made.

    Raises VideoError where a piece is missing, does not give its frames or none has any, and
    VideoSizeError where they are too many or too long together.
    """
    by_number = {scan.number: scan for scan in scans}
    ordered = [by_number[number] for number in sorted(by_number)]
    if [scan.number for scan in ordered] != list(range(len(ordered))):
        raise VideoError("a piece of the video is missing")
    if not all(scan.complete for scan in ordered):
        raise VideoError("the packets of a piece do not give a frame each")
    starts = [0]
    for scan in ordered:
        starts.append(starts[-1] + len(scan.times))
    frames = starts.pop()
    if frames == 0:
        raise VideoError("the video has no frame")
    clock = Clock(known.form.clock, known.form.rate)
    ticks = tuple(clock.next(told) for scan in ordered for told in scan.times)
    if frames > limits.frames_max or ticks[-1] * known.form.clock > limits.seconds_max:
        raise VideoSizeError("the video is too long")
    cuts = [start + cut for start, scan in zip(starts, ordered, strict=True) for cut in scan.cuts]
    moves = [move for scan in ordered for move in scan.moves]
    for start, (one, other) in zip(starts[1:], pairwise(ordered), strict=True):
        if one.view is not None and other.view is not None:
            begins, moves[start] = one.view.to(other.view)
            cuts += [start] * begins
    seen = Sightings()
    for start, scan in zip(starts, ordered, strict=True):
        seen.extend(scan.seen, start)
    form = known.form
    return Scan(
        stage=Stage(frames, float(form.rate), tuple(moves), tuple(sorted(cuts))),
        starts=tuple(starts),
        ticks=ticks,
        seen=seen,
        seconds=float(ticks[-1] * form.clock + 1 / form.rate),
        damaged=sum(scan.damaged for scan in ordered),
        repaired=clock.repaired,
    )
