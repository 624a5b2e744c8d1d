"""The whole job on one video: look through it, follow faces, cover, write, look again.

    scan -> tracks -> paint and encode part by part -> decode each part and look again -> join

The input is decoded once to look through it, and once more for every round of painting. What the
second look finds is covered too, by solid fill whatever was asked for, and the parts concerned
are made and looked at again. A face that is still found after the last round fails the job.
Frames are never kept: memory depends on their size, not on the video's length.
"""

from collections.abc import Iterator, Set
from itertools import groupby
from typing import BinaryIO, Final

from consentry.errors import RedactionError, VideoError
from consentry.vision.detect import Detectors
from consentry.vision.video.container import Limits
from consentry.vision.video.encode import Part, encode_part
from consentry.vision.video.frames import Frame, Source
from consentry.vision.video.join import join
from consentry.vision.video.masks import PART_FRAMES, Masks
from consentry.vision.video.options import RedactedVideo, Step, Tell, VideoOptions
from consentry.vision.video.paint import painted
from consentry.vision.video.proof import Residue, prove
from consentry.vision.video.scan import scan
from consentry.vision.video.sound import open_sound
from consentry.vision.video.spool import Spool
from consentry.vision.video.workers import in_order

ROUNDS_MAX: Final = 6


def redact_video(
    source_file: BinaryIO,
    target: BinaryIO,
    scratch: BinaryIO,
    options: VideoOptions,
    detectors: Detectors,
    *,
    threads: int,
    limits: Limits,
    tell: Tell,
) -> RedactedVideo:
    """Redact a video from one seekable file into another; ``scratch`` holds parts meanwhile.

    Raises VideoError for a file that cannot be read, VideoSizeError for one beyond a limit, and
    RedactionError when a face is still found after ROUNDS_MAX rounds. ``target`` is written last
    and is worth nothing unless this returns.
    """
    source = Source(source_file, limits, threads)
    told = int(source.probe.seconds * source.form.rate)
    seen = scan(
        source.frames(),
        source.form,
        detectors,
        threads,
        lambda index: tell(Step.SCAN, index + 1, max(told, index + 1)),
    )
    if seen.frames == 0:
        raise VideoError("the video has no frame")
    seconds = float(source.last * source.form.clock + 1 / source.form.rate)
    masks = Masks(options.mask, options.regions, seen)
    work = _Work(source, options, detectors, threads, Spool(scratch), masks, seen.frames, tell)
    rounds = work.until_proven()
    join(
        work.spool.parts(),
        target,
        frames=seen.frames,
        seconds=seconds,
        clock=source.form.clock,
        sound=open_sound(source, options.sound, seconds),
    )
    return RedactedVideo(
        probe=source.probe,
        form=source.form,
        frames=seen.frames,
        seconds=seconds,
        tracks=tuple(masks.tracks),
        examined=len(seen.seen),
        looked=work.looked,
        rounds=rounds,
        damaged=source.damaged,
        repaired=source.repaired,
    )


class _Work:
    """The parts of one video, made and looked at until no face is found in any."""

    def __init__(
        self,
        source: Source,
        options: VideoOptions,
        detectors: Detectors,
        threads: int,
        spool: Spool,
        masks: Masks,
        frames: int,
        tell: Tell,
    ) -> None:
        self._source = source
        self._codec = options.codec
        self._frames = frames
        self._detectors = detectors
        self._threads = threads
        self._tell = tell
        self.spool = spool
        self.masks = masks
        self.looked = 0

    def until_proven(self) -> int:
        """Make all parts, then again those in which a face remains; give the number of rounds."""
        wanted: Set[int] = set(range(-(-self._frames // PART_FRAMES)))
        for rounds in range(1, ROUNDS_MAX + 1):
            touched: set[int] = set()
            made = 0
            for part, residue in in_order(self._prove, self._make(wanted), self._threads):
                self.spool.put(part.first // PART_FRAMES, part)
                self.looked += residue.looked
                touched |= self.masks.add(residue.faces)
                made += part.frames
                self._tell(Step.WRITE, min(made, self._frames), self._frames)
            if not touched:
                return rounds
            wanted = touched
        raise RedactionError("a face is still found after masking")

    def _make(self, wanted: Set[int]) -> Iterator[Part]:
        """Decode the input once more and encode those parts that are wanted, masked."""
        every = self._source.frames()
        for number, group in groupby(every, lambda frame: frame.index // PART_FRAMES):
            if number in wanted:
                masked = map(self._masked, group)
                yield encode_part(masked, self._source.form, self._codec, self._threads)
            else:
                for _ in group:
                    pass
        if self._source.count != self._frames:
            raise VideoError("the video does not decode to the same frames each time")

    def _masked(self, frame: Frame) -> Frame:
        seconds = float(frame.ticks * self._source.form.clock)
        covers = self.masks.of(frame.index) + self.masks.by_hand(seconds)
        return Frame(frame.index, frame.ticks, painted(frame.planes, covers))

    def _prove(self, part: Part) -> tuple[Part, Residue]:
        return part, prove(part, self.masks.of, self._detectors.yunet)
