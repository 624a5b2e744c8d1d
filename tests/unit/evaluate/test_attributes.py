"""The errors of the face attributes, measured on the sample photographs."""

import json
from pathlib import Path

from tests.support.command_line import Consentry
from tests.support.interrupted import left_behind
from tests.support.layer import layer_dir, sample, vision
from tests.support.reports import check_report

from consentry.evaluate.attributes import BLURS, GAINS, NOISES, TURNS, evaluate

LABEL = """<annotation><object><name>{kind}</name><bndbox><xmin>{left}</xmin><ymin>{top}</ymin>
<xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox></object></annotation>"""


def test_figures_of_the_samples(consentry: Consentry, tmp_path: Path) -> None:
    images, annotations = tmp_path / "images", tmp_path / "annotations"
    images.mkdir()
    annotations.mkdir()
    for name in ("person_a_1.jpg", "impostor_2.jpg"):
        (images / name).write_bytes(sample(name))
        box = vision().detect(vision().read(sample(name)))[0].box
        (annotations / name).with_suffix(".xml").write_text(
            LABEL.format(
                kind="bare", left=box.left, top=box.top, right=box.right, bottom=box.bottom
            ),
            encoding="utf-8",
        )

    ran = consentry(
        "evaluate", "attributes", "--images", images, "--masks", tmp_path,
        "--html", tmp_path / "report.html", "--layer", layer_dir(), "--json",
        "--record", tmp_path / "attributes.json",
        "--resume", tmp_path / "sealed", "--resume-key", tmp_path / "key",
    )  # fmt: skip
    check_report(tmp_path / "report.html")

    found = ran.document
    assert ran.code == 0
    assert found["pictures"] == 2
    assert found["roll_error"]["15"][0] < 10
    assert found["blur"]["0.0"] < found["blur"]["2.0"] < found["blur"]["4.0"]
    assert found["noise"]["0"] < found["noise"]["20"]
    assert found["exposure"]["0.125"] < 0.5 < found["exposure"]["8.0"]
    assert {answer: share["cases"] for answer, share in found["masks"]["bare"].items()} == {
        "faceMask": 2, "noMask": 2, "uncertain": 2
    }  # fmt: skip
    assert found["masks"]["bare"]["faceMask"]["share"] == 0.0
    record = json.loads((tmp_path / "attributes.json").read_text(encoding="utf-8"))
    assert record.pop("writtenBy") == "consentry evaluate attributes --record"
    assert record.pop("data") == "unnamed"
    assert record == found
    assert not (tmp_path / "sealed").exists()


def test_attributes_go_on_from_what_an_interrupted_run_kept(tmp_path: Path) -> None:
    """Both stages are taken from the file: of the pictures there is nothing left to read."""
    images, labels = tmp_path / "images", tmp_path / "annotations"
    images.mkdir()
    labels.mkdir()
    picture, label = images / "a.jpg", labels / "a.xml"
    picture.write_bytes(b"no picture")
    label.write_text("no label", encoding="utf-8")
    values = {"yaw": 1.0, "pitch": 2.0, "yaw mirrored": 0.5, "pitch mirrored": 0.5}
    values |= {f"turn {turn}": 3.0 for turn in TURNS} | {f"blur {each}": 0.5 for each in BLURS}
    values |= {f"noise {each}": 0.5 for each in NOISES} | {f"gain {each}": 0.5 for each in GAINS}
    kept = {str(picture): values, str(label): [("worn", "faceMask")]}
    with left_behind(tmp_path / "sealed", kept) as resume:
        found = evaluate(vision(), images, 1, tmp_path, iter, resume)
    assert found.roll_error[15] == (3.0, 3.0)
    assert found.masks["worn"]["faceMask"].share == 1.0


def test_folder_without_a_face_is_refused(consentry: Consentry, tmp_path: Path) -> None:
    ran = consentry("evaluate", "attributes", "--images", tmp_path, "--layer", layer_dir())
    assert ran.code != 0
    assert "no picture of the folder shows a face" in ran.err
