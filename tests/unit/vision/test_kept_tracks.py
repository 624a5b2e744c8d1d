"""Claimed tracks: kept only where every look says the same; any doubt masks all of them."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from io import BytesIO

import numpy as np
import pytest
from tests.support.claimants import duo, place
from tests.support.jobs import RATE
from tests.support.layer import sample, vision
from tests.support.videos import video

from consentry.vision import Box, Template, Verdict, similarity
from consentry.vision.video import (
    Errand,
    Limits,
    Looked,
    Masks,
    Piece,
    Reader,
    Scan,
    Survey,
    Track,
    TrackClaim,
    VideoOptions,
    inspect,
    judge,
    look,
    make_tracks,
    merge,
    scan_piece,
    survey,
)
from consentry.vision.video.masks import PieceMasks
from consentry.vision.video.sightings import Sighting, Sightings

SAME = 0.55  # similarity; the two people of the samples are below it, each with themselves above
AT = 30


@cache
def reference(name: str = "person_a_1.jpg") -> Template:
    picture = vision().read(sample(name))
    [face] = vision().detect(picture)
    return vision().template(picture, face)


def scanned(data: bytes) -> tuple[Survey, Reader, Scan]:
    file = BytesIO(data)
    known = survey(file, Limits())
    reader = Reader(file, Piece(0), known, Limits(), 2)
    with vision().looking() as detectors:
        seen = scan_piece(reader, detectors, tell=lambda _: None)
    return known, reader, merge(known, [seen], Limits())


@cache
def known_film() -> tuple[Survey, Reader, Scan]:
    return scanned(video(duo(seconds=2)))


def claim(left: bool = True) -> TrackClaim:
    return TrackClaim(place(duo()[AT], left), AT / RATE)


def errand_of(scan: Scan, known: Survey, claims: Sequence[TrackClaim]) -> list[Errand | Verdict]:
    return inspect(scan, make_tracks(scan.stage, scan.seen), claims, known.form.clock)


def looked(reader: Reader, errand: Errand, expected: Template) -> Looked:
    [result] = look(
        reader,
        0,
        [errand],
        faces=vision().detect,
        template=vision().template,
        recognise=lambda _, probe: similarity(probe, expected) > SAME,
    )
    return result


def verdict(data: bytes, left: bool = True) -> Verdict:
    """What comes of a claim that the person on one side of a film is person A."""
    known, reader, scan = scanned(data)
    [errand] = errand_of(scan, known, [claim(left)])
    if isinstance(errand, Verdict):
        return errand
    return judge(len(errand.looks), [looked(reader, errand, reference())])


def test_track_is_kept_when_every_look_recognises_its_face() -> None:
    known, reader, scan = known_film()
    [errand] = errand_of(scan, known, [claim()])
    assert isinstance(errand, Errand)
    assert (errand.looks[0], errand.looks[-1] + 1) == (errand.track.start, errand.track.end)
    result = looked(reader, errand, reference())
    assert result == Looked(0, len(errand.looks), len(errand.looks), None)
    assert judge(len(errand.looks), [result]) is Verdict.KEPT


def test_somebody_else_is_not_kept_and_no_more_templates_are_made_of_her() -> None:
    known, reader, scan = known_film()
    [errand] = errand_of(scan, known, [claim(left=False)])
    assert isinstance(errand, Errand)
    result = looked(reader, errand, reference())
    assert result == Looked(0, 1, 0, Verdict.NOT_RECOGNISED)


def test_doubt_of_one_piece_or_a_piece_that_is_missing_masks_all() -> None:
    good = Looked(0, 3, 3, None)
    assert judge(6, [good, good]) is Verdict.KEPT
    assert judge(6, [good]) is not Verdict.KEPT
    assert judge(6, [good, good, Looked(0, 0, 0, Verdict.UNSTEADY)]) is Verdict.UNSTEADY
    assert judge(0, []) is not Verdict.KEPT


def test_other_person_in_the_same_place_for_a_moment_is_noticed() -> None:
    frames = [pixels.copy() for pixels in duo(seconds=2)]
    strangers = duo("person_b_1.jpg", "person_b_1.jpg", seconds=2)
    for index in (21, 22):
        box = place(frames[index]).enlarged(1.5)
        left, top, right, bottom = (max(int(side), 0) for side in box.corners)
        frames[index][top:bottom, left:right] = strangers[index][top:bottom, left:right]
    assert verdict(video(frames)) in (Verdict.UNSTEADY, Verdict.CROSSED)


def test_who_takes_the_place_of_the_person_is_not_kept() -> None:
    """Frame after frame she becomes somebody else, so that nothing jumps."""
    frames = list(duo(seconds=2))
    strangers = duo("person_b_1.jpg", "person_b_1.jpg", seconds=2)
    for index in range(len(frames)):
        share = min(max((index - 20) / 12, 0.0), 1.0)
        mixed = (1 - share) * frames[index].astype(np.float32) + share * strangers[index]
        frames[index] = mixed.astype(np.uint8)
    assert verdict(video(frames)) is not Verdict.KEPT


def test_face_that_is_away_for_a_second_is_not_kept() -> None:
    frames = [pixels.copy() for pixels in duo(seconds=2)]
    for pixels in frames[12:28]:
        pixels[:, : pixels.shape[1] // 2] = 128
    assert verdict(video(frames)) is Verdict.INTERRUPTED


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_track_that_another_touches_is_not_kept(shift: float) -> None:
    known, _, scan = known_film()
    [errand] = errand_of(scan, known, [claim()])
    assert isinstance(errand, Errand)
    tracks = make_tracks(scan.stage, scan.seen)
    other = tracks[errand.index]
    boxes = other.boxes.copy()
    boxes[:, 0] += (0.6 + shift) * boxes[:, 2]
    beside = Track(other.start, boxes, other.score, other.sightings)
    [after] = inspect(scan, [*tracks, beside], [claim()], known.form.clock)
    assert (after is Verdict.CROSSED) == (shift == 0.0)


def test_claims_that_name_no_track_or_one_track_twice_keep_nothing() -> None:
    known, _, scan = known_film()
    nowhere = TrackClaim(Box(200, 10, 30, 30), 1.0)
    late = replace(claim(), seconds=60.0)
    assert errand_of(scan, known, [nowhere, late]) == [Verdict.NO_FACE, Verdict.NO_FACE]
    assert errand_of(scan, known, [claim(), claim()]) == [Verdict.TWICE, Verdict.TWICE]


def test_track_that_is_hardly_seen_is_not_kept() -> None:
    known, _, scan = known_film()
    seen = list(scan.seen)
    few = replace(scan, seen=Sightings.of(seen[:2]))
    early = TrackClaim(place(duo()[0]), 0.0)
    assert errand_of(few, known, [early]) == [Verdict.TOO_SHORT]
    rare = replace(scan, seen=Sightings.of(entry for entry in seen if entry[0] % 16 == 0))
    assert errand_of(rare, known, [early]) == [Verdict.INTERRUPTED]


def test_two_faces_seen_in_one_place_are_not_kept() -> None:
    known, _, scan = known_film()
    seen = list(scan.seen)
    frame, faces = seen[2]
    box = place(duo()[AT])
    near = [face for face in faces if face.box.overlap(box) > 0.3]
    double = (*faces, Sighting(frame, near[0].box, 0.5, sure=False))
    twice = replace(scan, seen=Sightings.of([*seen[:2], (frame, double), *seen[3:]]))
    tracks = make_tracks(scan.stage, scan.seen)
    assert inspect(twice, tracks, [claim()], known.form.clock) == [Verdict.CROSSED]


def masks_of(kept: range) -> tuple[PieceMasks, int]:
    known, _, scan = known_film()
    [errand] = errand_of(scan, known, [claim()])
    assert isinstance(errand, Errand)
    return Masks(scan, VideoOptions(), {errand.index: kept}).piece(0), errand.index


def test_kept_track_is_masked_before_and_after_its_kept_frames() -> None:
    masks, index = masks_of(range(10, 40))
    for frame in (0, 9, 10, 39, 40, 49):
        track = make_tracks(known_film()[2].stage, known_film()[2].seen)[index]
        covered = [box for box, _ in masks.of(frame) if box == track.box(frame)]
        shown = masks.visible(frame)
        assert (len(covered), len(shown)) == ((0, 1) if 10 <= frame < 40 else (1, 0))
    assert len(masks.of(20)) == 1  # the other person
