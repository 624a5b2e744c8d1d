"""Redaction measured on the sample photographs, and the arithmetic of its figures."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.command_line import Consentry
from tests.support.layer import layer_dir, sample, vision
from tests.support.reports import check_report

from consentry.evaluate.detection import average_precision, judged, largest_part_without
from consentry.evaluate.labels import LabelledFace
from consentry.vision import Box, Face

boxes = st.builds(
    Box, st.floats(-50, 500), st.floats(-50, 400), st.floats(1, 200), st.floats(1, 200)
)


def guess(left: float, score: float) -> Face:
    return Face(Box(left, 0, 10, 10), np.zeros((5, 2), np.float32), score)


def labelled(left: float, *, counts: bool = True) -> LabelledFace:
    return LabelledFace(Box(left, 0, 10, 10), counts)


def test_figures_of_the_samples(consentry: Consentry, tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    lines, demographics = [], ["file,perceived_skin,face"]
    for name in ("person_a_1.jpg", "impostor_2.jpg"):
        (images / name).write_bytes(sample(name))
        (face,) = vision().detect(vision().read(sample(name)))
        box = face.box
        lines += [name, "1", f"{box.left} {box.top} {box.width} {box.height}"]
        demographics.append(f"images/{name},II,0")
    (tmp_path / "boxes.txt").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "people.csv").write_text("\n".join(demographics), encoding="utf-8")

    ran = consentry(
        "evaluate", "detection", "--images", images, "--boxes", tmp_path / "boxes.txt",
        "--demographics", tmp_path / "people.csv", "--layer", layer_dir(), "--json",
        "--record", tmp_path / "measured.json", "--html", tmp_path / "report.html",
    )  # fmt: skip
    check_report(tmp_path / "report.html", plots=3)

    found = ran.document
    assert ran.code == 0
    assert found["pictures"] == found["faces"] == 2
    assert found["coverage"] == {"0": 1.0, "16": 1.0, "32": 1.0, "64": 1.0}
    assert found["coverage_by_group"]["perceived_skin"]["II"]["cases"] == 2
    assert found["average_precision"] == 1.0
    assert found["recall"]["32"]["share"] == 1.0
    recorded = json.loads((tmp_path / "measured.json").read_text(encoding="utf-8"))
    assert recorded.items() >= found.items()
    assert set(recorded["models"]) == {"detector", "second_detector"}
    assert len(recorded["ms_at_loads"]) == 2
    assert found["withheld"] == 0
    assert found["ms_per_picture"] > 0
    assert found["false_masks_per_picture"] >= 0


def test_label_where_no_face_is_counts_as_uncovered(consentry: Consentry, tmp_path: Path) -> None:
    (tmp_path / "one.jpg").write_bytes(sample("person_a_1.jpg"))
    (tmp_path / "boxes.txt").write_text("one.jpg\n1\n0 0 20 20\n", encoding="utf-8")

    ran = consentry(
        "evaluate", "detection", "--images", tmp_path, "--boxes", tmp_path / "boxes.txt",
        "--layer", layer_dir(),
    )  # fmt: skip

    assert ran.code == 0
    assert ">= 16 px 0.0000 0.0000 to 1.0000 1" in " ".join(ran.out.split())
    assert "one.jpg" not in ran.out


@given(taken=st.lists(boxes, max_size=4))
def test_part_without_faces_touches_none(taken: list[Box]) -> None:
    part = largest_part_without(taken, 512, 384)

    if part is not None:
        assert min(part.width, part.height) >= 128
        assert part.left >= 0
        assert part.top >= 0
        assert part.right <= 512
        assert part.bottom <= 384
        assert all(part.overlap(box) == 0 for box in taken)


def test_largest_part_is_found() -> None:
    assert largest_part_without([], 512, 384) == Box(0, 0, 512, 384)
    assert largest_part_without([Box(100, 0, 30, 384)], 512, 384) == Box(136, 0, 376, 384)
    assert largest_part_without([Box(0, 0, 512, 384)], 512, 384) is None


def test_a_labelled_face_makes_one_guess_right() -> None:
    judgements, found = judged(
        [guess(0, 0.5), guess(1, 0.9), guess(100, 0.7)], [labelled(0), labelled(50)]
    )

    assert judgements == [(0.9, True), (0.7, False), (0.5, False)]
    assert found == {0}


def test_guess_at_a_face_that_does_not_count_is_left_out() -> None:
    assert judged([guess(0, 0.9)], [labelled(0, counts=False)]) == ([], set())


@pytest.mark.parametrize(
    ("guesses", "faces", "precision"),
    [([(0.9, True), (0.8, True)], 2, 1.0), ([(0.9, True), (0.8, True)], 4, 0.5),
     ([(0.9, False), (0.8, True)], 1, 0.5), ([], 3, 0.0)],
)  # fmt: skip
def test_average_precision(guesses: list[tuple[float, bool]], faces: int, precision: float) -> None:
    assert average_precision(guesses, faces) == pytest.approx(precision)
