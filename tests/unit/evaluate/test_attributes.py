"""The errors of the face attributes, measured on the sample photographs."""

from pathlib import Path

from tests.support.command_line import Consentry
from tests.support.layer import layer_dir, sample, vision
from tests.support.reports import check_report

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
    )  # fmt: skip
    check_report(tmp_path / "report.html")

    found = ran.document
    assert ran.code == 0
    assert found["pictures"] == 2
    assert found["roll_error"]["15"][0] < 10
    assert found["blur"]["0.0"] < found["blur"]["2.0"] < found["blur"]["4.0"]
    assert found["noise"]["0"] < found["noise"]["20"]
    assert found["exposure"]["0.125"] < 0.5 < found["exposure"]["8.0"]
    assert found["masks"]["bare"]["faces"] == 2
    assert "faceMask" not in found["masks"]["bare"]


def test_folder_without_a_face_is_refused(consentry: Consentry, tmp_path: Path) -> None:
    ran = consentry("evaluate", "attributes", "--images", tmp_path, "--layer", layer_dir())
    assert ran.code != 0
    assert "no picture of the folder shows a face" in ran.err
