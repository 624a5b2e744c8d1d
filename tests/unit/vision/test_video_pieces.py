"""One video on many machines: cut, scanned and written piece by piece, with JSON in between."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.support.layer import sample, vision
from tests.support.videos import Recipe, decoded, pan, plain, video

from consentry.errors import VideoError, VideoSizeError
from consentry.vision.video import (
    ROUNDS_MAX,
    WHOLE,
    Codec,
    Limits,
    Masks,
    Part,
    Piece,
    PieceMasks,
    PieceScan,
    Reader,
    RedactedVideo,
    Residue,
    Survey,
    VideoOptions,
    cut,
    from_json,
    join,
    merge,
    open_sound,
    plan_pieces,
    scan_piece,
    summary,
    survey,
    to_json,
    write_piece,
)

Pixels = NDArray[np.uint8]

LIMITS = Limits()
KEY_EVERY = (("g", "8"), ("preset", "ultrafast"))
IN_KEYS = Recipe(options=KEY_EVERY)


def sent[Document](document: Document) -> Document:
    """What arrives at another machine."""
    return from_json(type(document), to_json(document))


def pieces_of(data: bytes, seconds: float = 0.3) -> tuple[Survey, list[tuple[Piece, bytes]]]:
    known = sent(survey(BytesIO(data), LIMITS))
    plan = sent(plan_pieces(BytesIO(data), known, LIMITS, seconds=seconds))
    if plan == WHOLE:
        return known, [(Piece(0), data)]
    return known, [(sent(piece), file) for piece, file in cut(BytesIO(data), known, plan)]


def read(data: bytes, piece: Piece, known: Survey) -> list[tuple[int | None, Pixels]]:
    reader = Reader(BytesIO(data), piece, known, LIMITS, threads=1)
    frames = [(frame.told, frame.planes.packed) for frame in reader.frames()]
    assert reader.complete
    return frames


@dataclass
class Cluster:
    """Redacts a video by pieces, in any order, as often as told."""

    data: bytes
    options: VideoOptions = field(default_factory=VideoOptions)
    seconds: float = 0.3
    order: int = 1
    times: int = 1

    def redacted(self) -> tuple[bytes, RedactedVideo]:
        self.known, self.pieces = pieces_of(self.data, self.seconds)
        scans = [self.scan(*one) for one in self.deliveries()]
        scan = sent(merge(self.known, scans, LIMITS))
        masks = Masks(scan, self.options)
        parts: dict[int, Part] = {}
        touched = {piece.number: None for piece, _ in self.pieces}
        rounds = 0
        while touched and rounds < ROUNDS_MAX:
            rounds += 1
            residues: list[Residue] = []
            for piece, file in self.deliveries():
                if piece.number in touched:
                    for part, residue in self.write(piece, file, masks.piece(piece.number)):
                        parts[part.first] = part
                        residues.append(sent(residue))
            touched = dict.fromkeys(masks.add(residues))
        target = BytesIO()
        sound = open_sound(BytesIO(self.data), self.known, self.options.sound, scan.seconds)
        ordered = (parts[first] for first in sorted(parts))
        join(ordered, target, self.known.form.clock, scan, sound)
        return target.getvalue(), summary(self.known, scan, masks.tracks, looked=0, rounds=rounds)

    def deliveries(self) -> Sequence[tuple[Piece, bytes]]:
        return (self.pieces * self.times)[:: self.order]

    def scan(self, piece: Piece, file: bytes) -> PieceScan:
        reader = Reader(BytesIO(file), piece, self.known, LIMITS, threads=1)
        with vision().looking() as detectors:
            return sent(scan_piece(reader, detectors, tell=lambda _: None))

    def write(self, piece: Piece, file: bytes, masks: PieceMasks) -> list[tuple[Part, Residue]]:
        reader = Reader(BytesIO(file), piece, self.known, LIMITS, threads=1)
        codec = self.options.codec
        with vision().looking() as detectors:
            return list(write_piece(reader, sent(masks), codec, detectors, tell=lambda _: None))


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(options=(*KEY_EVERY, ("bf", "0"))),
        Recipe(options=(("g", "8"), ("preset", "veryfast"), ("bf", "3"))),
        Recipe("mpegts", options=(("g", "8"), ("preset", "veryfast"), ("bf", "2"))),
        Recipe("matroska", "libvpx-vp9", options=(("g", "8"), ("deadline", "realtime"))),
        Recipe("webm", "libsvtav1", options=(("g", "8"), ("preset", "12"))),
        Recipe("avi", "mpeg4", options=(("g", "8"),)),
        Recipe("avi", "mjpeg", "yuvj420p"),
        Recipe("mpegts", "mpeg2video", options=(("g", "8"), ("bf", "0"))),
        Recipe(
            "mov",
            "libx265",
            "yuv420p10le",
            options=(
                ("preset", "ultrafast"),
                ("x265-params", "log-level=0:keyint=8:open-gop=0:bframes=3"),
            ),
        ),
        Recipe("mp4", options=KEY_EVERY, rotation=90, mirrored=True),
        Recipe("matroska", options=KEY_EVERY, times=[n * n * 7 + 5 for n in range(40)]),
    ],
    ids=[
        *("mp4", "mp4-b-frames", "ts-b-frames", "mkv-vp9", "webm-av1", "avi-mpeg4", "avi-mjpeg"),
        *("ts-mpeg2", "mov-hevc-10-bit", "turned", "uneven"),
    ],
)
def test_pieces_hold_each_frame_of_the_whole_once_and_in_order(recipe: Recipe) -> None:
    data = video(plain(40), recipe)
    known, pieces = pieces_of(data)

    whole = read(data, Piece(0), known)
    parts = [frame for piece, file in pieces for frame in read(file, piece, known)]

    assert len(pieces) >= 3
    assert len(whole) == len(parts) == 40
    assert [told for told, _ in parts] == [told for told, _ in whole]
    for (_, one), (_, other) in zip(whole, parts, strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(options=(("preset", "veryfast"), ("x264-params", "open-gop=1:keyint=8:bframes=3"))),
        Recipe(
            options=(("preset", "veryfast"), ("x264-params", "intra-refresh=1:keyint=8:scenecut=0"))
        ),
        Recipe("webm", "libvpx", options=(("g", "8"), ("deadline", "realtime"))),
        Recipe("mp4", options=(("g", "250"), ("preset", "ultrafast"))),
    ],
    ids=["open groups", "intra refresh", "vp8", "one key frame"],
)
def test_what_cannot_be_cut_honestly_is_one_piece(recipe: Recipe) -> None:
    data = video(plain(40), recipe)

    known, pieces = pieces_of(data)

    assert pieces == [(Piece(0), data)]
    assert len(read(data, Piece(0), known)) == 40


def test_times_that_go_back_are_never_cut_apart() -> None:
    once = video(plain(40), Recipe("mpegts", options=(*KEY_EVERY, ("bf", "0"))))
    data = once + once

    known, pieces = pieces_of(data)

    parts = [frame for piece, file in pieces for frame in read(file, piece, known)]
    whole = read(data, Piece(0), known)
    assert len(parts) == len(whole)
    assert [told for told, _ in parts] == [told for told, _ in whole]


def test_more_packets_than_frames_may_be_are_refused() -> None:
    data = video(plain(40), IN_KEYS)
    known = survey(BytesIO(data), LIMITS)

    with pytest.raises(VideoSizeError):
        plan_pieces(BytesIO(data), known, Limits(frames_max=30), seconds=0.3)


@pytest.fixture(scope="module")
def walk() -> bytes:
    """A face that is there from the first frame to the last, across several seams."""
    return video(pan(sample("person_a_2.jpg"), 40, 320, 240, step=1), IN_KEYS)


@pytest.fixture(scope="module")
def apart(walk: bytes) -> tuple[bytes, RedactedVideo]:
    return Cluster(walk).redacted()


def test_face_stays_covered_across_every_seam(
    walk: bytes, apart: tuple[bytes, RedactedVideo]
) -> None:
    data, done = apart

    frames, times = decoded(data)
    track = max(done.tracks, key=lambda track: track.sightings)
    assert len(pieces_of(walk)[1]) >= 4
    assert (track.start, track.end) == (0, 40)
    assert len(frames) == 40
    assert times == pytest.approx([index / 25 for index in range(40)])
    for index, pixels in enumerate(frames):
        box = track.box(index)
        assert box is not None
        x, y = int(box.left + box.width / 2), int(box.top + box.height / 2)
        assert pixels[y, x].max() <= 32


def test_pieces_give_what_the_whole_gives(walk: bytes, apart: tuple[bytes, RedactedVideo]) -> None:
    target = BytesIO()
    whole = vision().redact_video(BytesIO(walk), target, BytesIO(), VideoOptions())
    data, done = apart

    frames, times = decoded(target.getvalue())
    by_pieces, by_pieces_times = decoded(data)
    assert by_pieces_times == times
    assert len(done.tracks) == len(whole.tracks)
    filled = np.array(frames).max(axis=3) <= 40
    filled_by_pieces = np.array(by_pieces).max(axis=3) <= 40
    assert (filled != filled_by_pieces).mean() < 0.02


def test_pieces_in_any_order_and_twice_give_the_same_video(
    walk: bytes, apart: tuple[bytes, RedactedVideo]
) -> None:
    data, _ = Cluster(walk, order=-1, times=2).redacted()

    assert data == apart[0]


def test_missing_piece_and_missing_part_are_told(walk: bytes) -> None:
    cluster = Cluster(walk)
    cluster.known, cluster.pieces = pieces_of(walk)
    scans = [cluster.scan(*one) for one in cluster.pieces]
    scan = merge(cluster.known, scans, LIMITS)
    masks = Masks(scan, VideoOptions())
    parts = [part for part, _ in cluster.write(*cluster.pieces[0], masks.piece(0))]

    with pytest.raises(VideoError, match="a piece of the video is missing"):
        merge(cluster.known, scans[1:], LIMITS)
    with pytest.raises(VideoError, match="a part of the video is missing"):
        join(parts, BytesIO(), cluster.known.form.clock, scan, None)


def test_piece_that_loses_a_frame_is_not_complete(walk: bytes) -> None:
    cluster = Cluster(walk)
    cluster.known, cluster.pieces = pieces_of(walk)
    piece, file = cluster.pieces[0]
    longer = Piece(piece.number, (*piece.times, piece.times[-1] + 1))

    scan = cluster.scan(longer, file)

    assert not scan.complete
    with pytest.raises(VideoError):
        merge(cluster.known, [scan], LIMITS)


def test_what_is_no_document_is_refused() -> None:
    with pytest.raises(VideoError):
        from_json(PieceScan, b"{}")


def test_no_frame_is_read_beyond_the_last_part_that_is_wanted() -> None:
    data = video(plain(60))
    known = survey(BytesIO(data), LIMITS)
    reader = Reader(BytesIO(data), Piece(0), known, LIMITS, threads=1)
    told: list[int] = []
    with vision().looking() as detectors:
        scan = merge(known, [scan_piece(reader, detectors, tell=lambda _: None)], LIMITS)
        masks = Masks(scan, VideoOptions()).piece(0)
        written = write_piece(reader, masks, Codec.H264, detectors, tell=told.append, only={24})
        parts = [(part.first, part.frames) for part, _ in written]

    assert parts == [(24, 24)]
    assert told == list(range(1, 49))
