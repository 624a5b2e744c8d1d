"""Faces in videos: found, followed, covered, and the result looked at again.

``redact_video`` is the whole job on files that are already open, and ``preview_video`` tells of the
tracks instead; nothing here opens a file by name, and nothing leads to a service. The same job on
many machines is the same functions, with nothing but files (F) and JSON (``to_json``,
``from_json``) between them. Each is safe to repeat: the same input gives the same result, but for
the encoder's bytes when its threads differ.

One machine, at first::

    survey(F source, limits) -> Survey                      headers and form; refuses what is none
    plan_pieces(F source, survey, limits) -> Plan           reads packets, decodes none
    cut(F source, survey, plan) -> Iterator[(Piece, bytes)] not where plan == WHOLE

Any machine, for each piece; where ``plan == WHOLE`` the file is the source, and ``Piece(0)`` all::

    reader = Reader(F piece, piece, survey, limits, threads)
    scan_piece(reader, detectors, tell=...) -> PieceScan

One machine, when all are scanned. Where a ``PieceScan`` is not ``complete``, the video was cut
where it must not be: all pieces are dropped, and the source is scanned as ``Piece(0)``::

    merge(survey, scans, limits) -> Scan
    masks = Masks(scan, options)                            tracks are made here, once
    masks.piece(number) -> PieceMasks

Where faces are claimed, some of those tracks may stay visible. One machine names them, any machine
compares their faces piece by piece, and one judges; a doubt of any piece masks the whole track::

    inspect(scan, tracks, claims, clock) -> list[Errand | Verdict]
    look(reader, first frame, errands within the piece, ...) -> list[Looked]
    judge(looks wanted, looked) -> Verdict
    masks = Masks(scan, options, kept)

Instead of the video, a document of its tracks can be made, with thumbnails drawn by any machine::

    samples(scan, masks.tracks, form) -> list[Sample]
    draw(reader, PieceMasks, samples, detectors) -> Iterator[Thumbnail]
    tracks_document(form, scan, masks.tracks, samples, thumbnails) -> dict

Any machine, for each piece: all its parts, or ``only`` those to be written again::

    write_piece(reader, PieceMasks, codec, detectors, tell=..., only=...)
        -> Iterator[(Part, Residue)]                        Part.data is an MP4 of about a second

One machine, when all are written. ``add`` takes the residues of one round, and gives by piece the
first frames of the parts to write again with ``masks.piece(number)`` as it is then; nothing to
write again means that no face was found. ``Masks(scan, options)`` and ``add`` with the residues of
each round, in order, make the same masks again on any machine. After ROUNDS_MAX rounds the job has
failed::

    masks.add(residues) -> dict[int, frozenset[int]]

One machine, at last, with the newest Part of each ``first``, in that order; the sound is read from
the source meanwhile::

    sound = open_sound(F source, survey, options.sound, scan.seconds)
    join(parts, F target, survey.form.clock, scan, sound)
    summary(survey, scan, masks.tracks, looked=..., rounds=...) -> RedactedVideo
    description(redacted, options) -> dict                  its part of the manifest
"""

from consentry.vision.video.claims import Errand, Looked, TrackClaim, inspect, judge, look
from consentry.vision.video.container import Limits, Probe, is_video
from consentry.vision.video.describe import description
from consentry.vision.video.encode import Codec, Part
from consentry.vision.video.frames import Piece, Reader, Survey, survey
from consentry.vision.video.join import join
from consentry.vision.video.masks import Masks, PieceMasks
from consentry.vision.video.merge import Scan, merge
from consentry.vision.video.options import RedactedVideo, Region, Step, Tell, VideoOptions
from consentry.vision.video.pieces import WHOLE, Plan, cut, plan_pieces
from consentry.vision.video.preview import (
    Sample,
    Thumbnail,
    draw,
    pictured,
    samples,
    tracks_document,
)
from consentry.vision.video.proof import Residue
from consentry.vision.video.redact import ROUNDS_MAX, preview_video, redact_video, summary
from consentry.vision.video.scan import PieceScan, scan_piece
from consentry.vision.video.sheet import contact_sheet
from consentry.vision.video.sound import SoundKind, SoundOptions, open_sound
from consentry.vision.video.track import Track, make_tracks
from consentry.vision.video.wire import from_json, to_json
from consentry.vision.video.write import write_piece

__all__ = [
    "ROUNDS_MAX",
    "WHOLE",
    "Codec",
    "Errand",
    "Limits",
    "Looked",
    "Masks",
    "Part",
    "Piece",
    "PieceMasks",
    "PieceScan",
    "Plan",
    "Probe",
    "Reader",
    "RedactedVideo",
    "Region",
    "Residue",
    "Sample",
    "Scan",
    "SoundKind",
    "SoundOptions",
    "Step",
    "Survey",
    "Tell",
    "Thumbnail",
    "Track",
    "TrackClaim",
    "VideoOptions",
    "contact_sheet",
    "cut",
    "description",
    "draw",
    "from_json",
    "inspect",
    "is_video",
    "join",
    "judge",
    "look",
    "make_tracks",
    "merge",
    "open_sound",
    "pictured",
    "plan_pieces",
    "preview_video",
    "redact_video",
    "samples",
    "scan_piece",
    "summary",
    "survey",
    "to_json",
    "tracks_document",
    "write_piece",
]
