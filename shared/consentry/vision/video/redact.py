"""The whole job on one video: look through it, follow faces, cover, write, look again.

    survey -> scan -> merge -> masks -> write and look again, round by round -> join

These steps take nothing but files and documents, so that pieces of one video can be scanned and
written on many machines; here the source itself is the only piece. What the second look finds is
covered too, by solid fill whatever was asked for, and the parts concerned are made and looked at
again. A face that is still found after the last round fails the job. Frames are never kept: memory
depends on their size, and on the video's length only by the sightings that are noted.
"""

from collections.abc import Sequence
from typing import Any, BinaryIO, Final

from consentry.errors import RedactionError
from consentry.vision.detect import Detectors
from consentry.vision.video.container import Limits
from consentry.vision.video.frames import Piece, Reader, Survey, survey
from consentry.vision.video.join import join
from consentry.vision.video.masks import Masks
from consentry.vision.video.merge import Scan, merge
from consentry.vision.video.options import RedactedVideo, Step, Tell, VideoOptions
from consentry.vision.video.preview import draw, pictured, samples, tracks_document
from consentry.vision.video.scan import scan_piece
from consentry.vision.video.sound import open_sound
from consentry.vision.video.spool import Spool
from consentry.vision.video.track import Track
from consentry.vision.video.write import write_piece

ROUNDS_MAX: Final = 6


def redact_video(
    source: BinaryIO,
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
    known = survey(source, limits)
    reader = Reader(source, Piece(0), known, limits, threads)
    scan = _look_through(reader, detectors, limits, tell)
    masks = Masks(scan, options)
    spool = Spool(scratch)
    looked, only = 0, None
    for rounds in range(1, ROUNDS_MAX + 1):
        residues = []
        for part, residue in write_piece(
            reader,
            masks.piece(0),
            options.codec,
            detectors,
            only=only,
            tell=lambda count: tell(Step.WRITE, count, scan.stage.frames),
        ):
            spool.put(part)
            residues.append(residue)
        looked += sum(residue.looked for residue in residues)
        touched = masks.add(residues)
        if not touched:
            sound = open_sound(source, known, options.sound, scan.seconds)
            join(spool.parts(), target, known.form.clock, scan, sound)
            return summary(known, scan, masks.tracks, looked=looked, rounds=rounds)
        only = touched[0]
    raise RedactionError("a face is still found after masking")


def preview_video(
    source: BinaryIO, detectors: Detectors, *, threads: int, limits: Limits, tell: Tell
) -> dict[str, Any]:
    """Describe the tracks of a video in a seekable file, with masked thumbnails in base64.

    Raises VideoError for a file that cannot be read, VideoSizeError for one beyond a limit.
    """
    known = survey(source, limits)
    reader = Reader(source, Piece(0), known, limits, threads)
    scan = _look_through(reader, detectors, limits, tell)
    masks = Masks(scan, VideoOptions())
    chosen = samples(scan, masks.tracks, known.form)
    drawn = draw(reader, masks.piece(0), pictured(chosen, masks.tracks), detectors)
    thumbnails = {one.track: one.jpeg for one in drawn}
    return tracks_document(known.form, scan, masks.tracks, chosen, thumbnails)


def _look_through(reader: Reader, detectors: Detectors, limits: Limits, tell: Tell) -> Scan:
    """Scan a whole video, and tell how many of its frames were read."""
    known = reader.known
    expected = int(known.probe.seconds * known.form.rate)
    scanned = scan_piece(
        reader, detectors, tell=lambda count: tell(Step.SCAN, count, max(expected, count))
    )
    return merge(known, [scanned], limits)


def summary(
    known: Survey, scan: Scan, tracks: Sequence[Track], *, looked: int, rounds: int
) -> RedactedVideo:
    """Say what was done once all pieces are proven."""
    clock = known.form.clock
    return RedactedVideo(
        probe=known.probe,
        form=known.form,
        frames=scan.stage.frames,
        times=tuple(float(ticks * clock) for ticks in scan.ticks),
        seconds=scan.seconds,
        tracks=tuple(tracks),
        examined=len(scan.seen),
        looked=looked,
        rounds=rounds,
        damaged=scan.damaged,
        repaired=scan.repaired,
    )
