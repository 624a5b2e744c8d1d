"""Verification measured on the sample photographs, and its arithmetic on made-up cosines."""

import tomllib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from tests.support.command_line import Consentry
from tests.support.layer import layer_dir, sample, vision
from tests.support.pictures import encoded, gradient
from tests.support.reports import check_report

from consentry.errors import LayerError
from consentry.evaluate.verification import FMRS, _accuracies
from consentry.vision import TEMPLATE_VALUES, Role
from consentry.vision.calibrate import parse_calibration

PEOPLE = {
    "Ann": ["person_a_1.jpg", "person_a_2.jpg"],
    "Bob": ["person_b_1.jpg", "person_b_2.jpg"],
    "Eve": ["impostor_1.jpg"],
    "Mal": ["impostor_2.jpg"],
}


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    for person, names in PEOPLE.items():
        for number, name in enumerate(names, 1):
            path = folder / person / f"{person}_{number:04}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(sample(name))
    return folder


def pairs(folder: Path, *lines: str) -> Path:
    path = folder / "pairs.txt"
    path.write_text(f"1 {len(lines) // 2}\n" + "\n".join(lines), encoding="utf-8")
    return path


def test_figures_of_the_samples(consentry: Consentry, images: Path, tmp_path: Path) -> None:
    listed = pairs(images, "Ann 1 2", "Bob 1 2", "Ann 1 Eve 1", "Bob 2 Mal 1")
    group = tmp_path / "first.txt"
    group.write_text("Ann_0001.jpg\nAnn_0002.jpg\nEve_0001.jpg\n", encoding="utf-8")

    ran = consentry(
        "evaluate", "verification", "--images", images, "--pairs", listed, "--groups", group,
        "--html", tmp_path / "report.html", "--layer", layer_dir(), "--json",
    )  # fmt: skip

    found = ran.document
    assert ran.code == 0
    check_report(tmp_path / "report.html", PEOPLE, plots=6)
    assert found["pairs"] == 4
    assert found["pictures"] == 6
    assert found["people"] == 4
    assert found["impostor_pairs"] == 13
    assert found["failures_to_detect"] == 0
    assert found["accuracy"] == 1.0
    assert found["fnmr"] == dict.fromkeys(FMRS, 0.0)
    assert found["operating"]["1e-4"]["fnmr"]["interval"] == [0.0, 1.0]
    assert found["operating"]["1e-4"]["is_backed"] is False
    assert found["fnmr_by_group"]["first"]["cases"] == 1
    assert found["fmr_by_groups"]["first - first"] == {
        "share": 0.0, "cases": 2, "interval": [0.0, 1.0]
    }  # fmt: skip


def test_output_holds_aggregates_only(consentry: Consentry, images: Path) -> None:
    listed = pairs(images, "Ann 1 2", "Ann 1 Eve 1")

    for form in ([], ["--json"]):
        ran = consentry(
            "evaluate", "verification", "--images", images, "--pairs", listed,
            "--layer", layer_dir(), *form,
        )  # fmt: skip
        assert ran.code == 0
        assert not any(person in ran.out + ran.err for person in PEOPLE)


def test_picture_without_a_face_matches_nothing(consentry: Consentry, images: Path) -> None:
    (images / "Ann" / "Ann_0002.jpg").write_bytes(encoded(gradient(250, 250), "JPEG"))
    listed = pairs(images, "Ann 1 2", "Bob 1 2", "Ann 1 Eve 1", "Ann 2 Mal 1")

    found = consentry(
        "evaluate", "verification", "--images", images, "--pairs", listed,
        "--layer", layer_dir(), "--json",
    ).document  # fmt: skip

    assert found["failures_to_detect"] == 1
    assert found["fnmr"]["1e-4"] == 0.5
    assert found["accuracy"] == 0.75


def test_missing_picture_is_told_without_its_name(consentry: Consentry, images: Path) -> None:
    (images / "Ann" / "Ann_0002.jpg").unlink()
    listed = pairs(images, "Ann 1 2", "Ann 1 Eve 1")

    ran = consentry(
        "evaluate", "verification", "--images", images, "--pairs", listed,
        "--layer", layer_dir(), "--json",
    )  # fmt: skip

    assert ran.code == 4
    assert ran.document["error"]["code"] == "BadArgument"
    assert "Ann" not in ran.out


@pytest.mark.slow
def test_record_of_a_measurement_calibrates_confidences(
    consentry: Consentry, images: Path, tmp_path: Path
) -> None:
    listed = pairs(images, "Ann 1 2", "Ann 1 Eve 1")
    file = tmp_path / "verification.toml"

    ran = consentry(
        "evaluate", "verification", "--images", images, "--pairs", listed,
        "--data", 'the "samples"', "--record", file, "--layer", layer_dir(), "--json",
    )  # fmt: skip

    written = tomllib.loads(file.read_text(encoding="utf-8"))
    assert ran.code == 0
    assert written["data"] == 'the "samples"'
    assert written["template_version"] == vision().template_version()
    assert [entry["at"] for entry in written["threshold"]] == [float(fmr) for fmr in FMRS]
    assert [entry["similarity"] for entry in written["threshold"]] == list(
        ran.document["thresholds"].values()
    )
    # Two pairs of different people back no rate at all.
    with pytest.raises(LayerError, match="calibration"):
        parse_calibration(file.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_curve_falls_from_loose_thresholds_to_strict_ones(
    consentry: Consentry, images: Path
) -> None:
    listed = pairs(images, "Ann 1 2", "Bob 1 2", "Ann 1 Eve 1", "Bob 2 Mal 1")

    det = consentry(
        "evaluate", "verification", "--images", images, "--pairs", listed,
        "--layer", layer_dir(), "--json",
    ).document["det"]  # fmt: skip

    for looser, stricter in pairwise(det):
        assert looser["similarity"] <= stricter["similarity"]
        assert looser["fmr"] >= stricter["fmr"]
        assert looser["fnmr"] <= stricter["fnmr"]


def test_cohort_is_the_mean_of_people_and_names_nobody(
    consentry: Consentry, images: Path, tmp_path: Path
) -> None:
    listed = pairs(images, "Ann 1 2", "Ann 1 Eve 1")
    file = tmp_path / "cohort.toml"

    ran = consentry(
        "evaluate", "cohort", "--images", images, "--pairs", listed, "--data", "the samples",
        "--record", file, "--layer", layer_dir(), "--json",
    )  # fmt: skip

    text = file.read_text(encoding="utf-8")
    written = tomllib.loads(text)
    assert ran.document == {"people": 2}
    assert written["embedder"] == vision().models[Role.EMBEDDER].digest
    assert len(written["mean"]) == TEMPLATE_VALUES // 2
    assert 0.3 < np.linalg.norm(written["mean"]) < 1.0
    assert not any(person in text for person in PEOPLE)


def test_accuracy_of_a_fold_is_at_the_threshold_of_the_others() -> None:
    cosines = np.array([0.9, 0.1, 0.8, 0.2, 0.6, 0.7])
    same = np.array([True, False] * 3)
    folds = np.array([0, 0, 1, 1, 2, 2])

    assert _accuracies(cosines, same, folds) == [1.0, 1.0, 0.5]
