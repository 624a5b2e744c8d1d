"""Verification measured on the sample photographs, and its arithmetic on made-up cosines."""

from pathlib import Path

import numpy as np
import pytest
from tests.support.command_line import Consentry
from tests.support.layer import layer_dir, sample
from tests.support.pictures import encoded, gradient

from consentry.evaluate.verification import FMRS, _accuracies, _thresholds

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
        "--layer", layer_dir(), "--json",
    )  # fmt: skip

    found = ran.document
    assert ran.code == 0
    assert found["pairs"] == 4
    assert found["pictures"] == 6
    assert found["people"] == 4
    assert found["impostor_pairs"] == 13
    assert found["failures_to_detect"] == 0
    assert found["accuracy"] == 1.0
    assert found["fnmr"] == dict.fromkeys(FMRS, 0.0)
    assert found["fnmr_detail"]["1e-4"]["interval"] == [0.0, 1.0]
    assert found["fnmr_by_group"]["first"]["cases"] == 1
    assert found["fmr_by_groups"]["first - first"] == {"fmr": 0.0, "pairs": 2}


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


def test_at_most_the_stated_share_of_impostors_reach_a_threshold() -> None:
    generator = np.random.default_rng(3)
    vectors = generator.normal(size=(400, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    people = np.array([str(index // 2) for index in range(400)])

    thresholds, impostors = _thresholds(vectors, people)

    cosines = (vectors @ vectors.T)[np.triu_indices(400, 1)]
    others = cosines[(people[:, None] != people)[np.triu_indices(400, 1)]]
    assert impostors == len(others) == 400 * 399 // 2 - 200
    for fmr, threshold in thresholds.items():
        assert (others >= threshold).mean() <= float(fmr)
    assert (others >= thresholds["1e-2"] - 2e-4).mean() > 0.01


def test_accuracy_of_a_fold_is_at_the_threshold_of_the_others() -> None:
    cosines = np.array([0.9, 0.1, 0.8, 0.2, 0.6, 0.7])
    same = np.array([True, False] * 3)
    folds = np.array([0, 0, 1, 1, 2, 2])

    assert _accuracies(cosines, same, folds) == [1.0, 1.0, 0.5]
