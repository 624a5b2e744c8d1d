"""Tracks from sightings: bridged, extended, ended at cuts, and never made of doubt alone."""

from collections.abc import Iterator
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from tests.support.layer import sample

from consentry.vision import Box
from consentry.vision.video.motion import STILL, Move
from consentry.vision.video.planes import Planes
from consentry.vision.video.scan import SURE, agree
from consentry.vision.video.sightings import Sighting, Sightings
from consentry.vision.video.track import Stage, Track, make_tracks
from consentry.vision.video.watch import Watch
from consentry.vision.workers import in_order

RATE = 25.0


def seen(frame: int, left: float, score: float = 0.9, top: float = 50.0) -> Sighting:
    return Sighting(frame, Box(left, top, 40, 50), score, sure=score >= SURE)


def tracks(
    frames: int, *sightings: Sighting, cuts: tuple[int, ...] = (), moves: tuple[Move, ...] = ()
) -> list[Track]:
    """Tracks of a video of which every fourth frame and every sighting's was examined."""
    examined = sorted({*range(0, frames, 4), *(one.frame for one in sightings)})
    by_frame = [(frame, [one for one in sightings if one.frame == frame]) for frame in examined]
    return make_tracks(Stage(frames, RATE, moves or (STILL,) * frames, cuts), by_frame)


def test_moving_face_is_one_track_without_a_gap() -> None:
    [track] = tracks(60, *(seen(frame, 3.0 * frame) for frame in range(20, 41, 4)))

    assert track.sightings == 6
    for frame in range(20, 41):
        box = track.box(frame)
        assert box is not None
        assert box.left <= 3.0 * frame + 1
        assert box.right >= 3.0 * frame + 39


def test_track_reaches_beyond_its_sightings_along_its_motion() -> None:
    [track] = tracks(100, *(seen(frame, 400 - 4.0 * frame) for frame in range(20, 41, 4)))

    assert (track.start, track.end) == (0, 71)
    early, late = track.box(10), track.box(50)
    assert early is not None
    assert late is not None
    assert early.left < 400 - 4.0 * 10 < early.right
    assert late.left < 400 - 4.0 * 50 + 20 < late.right


def test_gap_is_bridged_and_a_longer_one_is_not() -> None:
    bridged = tracks(200, seen(20, 100), seen(24, 100), seen(48, 100))
    apart = tracks(200, seen(20, 100), seen(24, 100), seen(120, 100))

    assert [(track.start, track.end) for track in bridged] == [(0, 79)]
    assert [track.sightings for track in apart] == [2, 1]


def test_doubtful_sighting_carries_a_track_on_but_begins_none() -> None:
    carried = tracks(60, seen(20, 100), seen(40, 102, score=0.25))
    doubtful = tracks(60, seen(20, 100, 0.3), seen(24, 100, 0.3))

    assert [(track.start, track.end) for track in carried] == [(0, 60)]
    assert doubtful == []


def test_surer_sighting_takes_the_doubtful_ones_before_it_along() -> None:
    [track] = tracks(80, *(seen(frame, 100, 0.3) for frame in (20, 24, 28)), seen(32, 100))

    assert track.start == 0


def test_face_is_followed_with_a_camera_that_pans_and_zooms() -> None:
    zoom, right = 1.01, -5.0
    moves = ((zoom, right, 0.0),) * 40
    box = np.array([300.0, 60.0, 40.0, 50.0])
    where = []
    for _ in range(40):
        where.append(box)
        box = box * zoom + np.array([right, 0.0, 0.0, 0.0])
    sightings = [
        Sighting(frame, Box(*(float(side) for side in where[frame])), 0.9, sure=True)
        for frame in (0, 12)
    ]

    [track] = tracks(40, *sightings, moves=(STILL, *moves[1:]))

    assert (track.start, track.end) == (0, 40)
    for frame, (left, top, width, height) in enumerate(where):
        found = track.box(frame)
        assert found is not None
        assert found.overlap(Box(left, top, width, height)) > 0.8


def test_slow_jitter_at_the_end_of_a_track_is_no_motion() -> None:
    [track] = tracks(60, *(seen(frame, 100 + frame % 3) for frame in range(10, 31)))

    box = track.box(59)
    assert box is not None
    assert abs(box.left - 100) < 3


def test_cut_ends_every_track() -> None:
    found = tracks(60, seen(16, 100), seen(19, 100), seen(20, 100), cuts=(20,))

    assert [(track.start, track.end) for track in found] == [(0, 20), (20, 51)]


def test_two_faces_that_pass_each_other_are_two_tracks() -> None:
    ways = [
        (seen(frame, 5.0 * frame), seen(frame, 300 - 5.0 * frame, top=130))
        for frame in range(0, 61, 4)
    ]

    found = tracks(61, *(one for pair in ways for one in pair))

    assert sorted(track.sightings for track in found) == [16, 16]


def test_sightings_come_back_as_they_were_kept_and_counted_from_where_a_piece_begins() -> None:
    faces = (seen(7, 12.3, 0.815), seen(7, -4.1, 0.2))
    first, second = Sightings.of([(0, ()), (7, faces)]), Sightings.of([(0, (seen(0, 5.7),))])

    assert list(first) == [(0, ()), (7, faces)]
    first.extend(second, 8)
    assert list(first)[2] == (8, (seen(8, 5.7),))
    assert len(first) == 3
    assert list(first.between(7, 8)) == [(7, faces)]
    assert list(first.between(1, 9)) == list(first)[1:]
    assert list(first.between(9, 20)) == []


def test_sightings_of_a_crowd_take_few_bytes() -> None:
    crowd = Sightings.of(
        (frame, [seen(frame, 0.1 * left) for left in range(50)]) for frame in range(200)
    )

    held = sum(len(column) * column.itemsize for column in (crowd.frames, crowd.faces))

    assert held <= 30 * 50 * 200


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ([], [], False),
        ([(10, 0.9)], [(14, 0.3)], True),
        ([(10, 0.9)], [], False),
        ([(10, 0.9)], [(12, 0.9), (200, 0.9)], False),
        ([(10, 0.9), (200, 0.3)], [(12, 0.9)], True),
    ],
)
def test_frames_are_passed_over_only_between_the_same_sure_faces(
    before: list[tuple[float, float]], after: list[tuple[float, float]], *, same: bool
) -> None:
    sightings = [[seen(0, left, score) for left, score in some] for some in (before, after)]

    assert agree(sightings[0], sightings[1]) is same


def test_cut_is_told_from_motion_and_from_noise() -> None:
    noise = np.random.default_rng(0)
    scene = noise.integers(0, 200, (96, 64)).cumsum(axis=1) % 200
    other = np.full((96, 64), 230)
    watch = Watch()

    told = [
        watch.next(Planes(np.clip(view + noise.integers(0, 5, (96, 64)), 0, 255).astype(np.uint8)))[
            0
        ]
        for view in (scene, scene, scene, other, other, scene)
    ]

    assert told == [False, False, False, True, False, True]


@pytest.mark.parametrize(
    ("zoom", "right", "down"), [(1.0, 0.0, 0.0), (1.0, 14.0, -6.0), (1.02, -12.0, 3.0)]
)
def test_camera_is_told_from_what_it_shows(zoom: float, right: float, down: float) -> None:
    photograph = Image.open(BytesIO(sample("city.jpg"))).convert("L")

    def shown(grown: float, x: float, y: float) -> Planes:
        corner, size = (100 - x / grown, 50 - y / grown), (640 / grown, 480 / grown)
        box = (*corner, corner[0] + size[0], corner[1] + size[1])
        view = photograph.resize((640, 480), Image.Resampling.BICUBIC, box)
        return Planes(np.concatenate([np.asarray(view), np.full((240, 640), 128, np.uint8)]))

    watch = Watch()
    watch.next(shown(1.0, 0.0, 0.0))
    begins, move = watch.next(shown(zoom, right, down))

    assert not begins
    assert move[0] == pytest.approx(zoom, abs=0.003)
    assert move[1:] == pytest.approx((right, down), abs=1.0)


def test_flat_picture_tells_no_motion() -> None:
    watch = Watch()
    for grey in (120, 125):
        told = watch.next(Planes(np.full((96, 64), grey, np.uint8)))

    assert told == (False, STILL)


def test_work_is_taken_in_no_faster_than_it_is_done() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(50):
            taken.append(item)
            yield item

    results = in_order(lambda item: item * 2, items(), threads=2)

    assert [next(results) for _ in range(3)] == [0, 2, 4]
    assert len(taken) <= 3 + 2 * 2
    assert list(results) == [item * 2 for item in range(3, 50)]
