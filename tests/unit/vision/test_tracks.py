"""Tracks from sightings: bridged, extended, ended at cuts, and never made of doubt alone."""

from collections.abc import Iterator

import numpy as np
import pytest

from consentry.vision import Box
from consentry.vision.video.cuts import Cuts
from consentry.vision.video.planes import Planes
from consentry.vision.video.scan import SURE, agree
from consentry.vision.video.track import Sighting, Stage, Track, make_tracks
from consentry.vision.workers import in_order

RATE = 25.0


def seen(frame: int, left: float, score: float = 0.9, top: float = 50.0) -> Sighting:
    return Sighting(frame, Box(left, top, 40, 50), score, sure=score >= SURE)


def tracks(frames: int, *sightings: Sighting, cuts: tuple[int, ...] = ()) -> list[Track]:
    """Tracks of a video of which every fourth frame and every sighting's was examined."""
    examined = sorted({*range(0, frames, 4), *(one.frame for one in sightings)})
    by_frame = [(frame, [one for one in sightings if one.frame == frame]) for frame in examined]
    return make_tracks(Stage(frames, RATE, 640, 480, cuts), by_frame)


def test_moving_face_is_one_track_without_a_gap() -> None:
    [track] = tracks(60, *(seen(frame, 3.0 * frame) for frame in range(20, 41, 4)))

    assert len(track.sightings) == 6
    for frame in range(20, 41):
        box = track.box(frame)
        assert box is not None
        assert box.left <= 3.0 * frame + 1
        assert box.right >= 3.0 * frame + 39


def test_track_reaches_beyond_its_sightings_along_its_motion() -> None:
    [track] = tracks(100, *(seen(frame, 400 - 4.0 * frame) for frame in range(20, 41, 4)))

    assert (track.start, track.end) == (10, 51)
    early, late = track.box(10), track.box(50)
    assert early is not None
    assert late is not None
    assert early.left < 400 - 4.0 * 10 < early.right
    assert late.left < 400 - 4.0 * 50 + 20 < late.right


def test_gap_is_bridged_and_a_longer_one_is_not() -> None:
    bridged = tracks(200, seen(20, 100), seen(24, 100), seen(48, 100))
    apart = tracks(200, seen(20, 100), seen(24, 100), seen(120, 100))

    assert [(track.start, track.end) for track in bridged] == [(10, 59)]
    assert [len(track.sightings) for track in apart] == [2, 1]


def test_doubtful_sighting_carries_a_track_on_but_begins_none() -> None:
    carried = tracks(60, seen(20, 100), seen(40, 102, score=0.25))
    doubtful = tracks(60, seen(20, 100, 0.3), seen(24, 100, 0.3))

    assert [(track.start, track.end) for track in carried] == [(10, 51)]
    assert doubtful == []


def test_surer_sighting_takes_the_doubtful_ones_before_it_along() -> None:
    [track] = tracks(80, *(seen(frame, 100, 0.3) for frame in (20, 24, 28)), seen(32, 100))

    assert track.start == 10


def test_face_cut_by_the_border_is_followed_until_it_has_left() -> None:
    [track] = tracks(200, *(seen(frame, 80 - 4.0 * frame) for frame in range(0, 21, 4)))

    assert track.end == 46
    [apart] = tracks(200, *(seen(frame, 180) for frame in range(0, 21, 4)))
    assert apart.end == 31


def test_cut_ends_every_track() -> None:
    found = tracks(60, seen(16, 100), seen(19, 100), seen(20, 100), cuts=(20,))

    assert [(track.start, track.end) for track in found] == [(6, 20), (20, 31)]


def test_two_faces_that_pass_each_other_are_two_tracks() -> None:
    ways = [
        (seen(frame, 5.0 * frame), seen(frame, 300 - 5.0 * frame, top=130))
        for frame in range(0, 61, 4)
    ]

    found = tracks(61, *(one for pair in ways for one in pair))

    assert sorted(len(track.sightings) for track in found) == [16, 16]


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
    watch = Cuts()

    told = [
        watch.begins(
            Planes(np.clip(view + noise.integers(0, 5, (96, 64)), 0, 255).astype(np.uint8))
        )
        for view in (scene, scene, scene, other, other, scene)
    ]

    assert told == [False, False, False, True, False, True]


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
