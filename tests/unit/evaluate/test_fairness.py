"""How unequally errors fall on groups: on made-up cases, and on the samples by command."""

import json
from pathlib import Path

import numpy as np
import pytest
from tests.support.command_line import Consentry
from tests.support.layer import layer_dir, sample, vision
from tests.support.reports import check_report
from tests.unit.evaluate.test_verification import PEOPLE, images, pairs

from consentry.errors import ArgumentError
from consentry.evaluate.crossed import Crossed
from consentry.evaluate.fairness import of_cases
from consentry.evaluate.listed import Listed

__all__ = ["images"]


def grouped(*errors: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A hundred people of each group, of whom so many have an error."""
    missed = np.concatenate([np.arange(100) < 100 * share for share in errors])
    groups = np.repeat([f"group {place}" for place in range(len(errors))], 100)
    return missed, groups, np.array([f"{place}" for place in range(len(groups))])


def test_worst_group_difference_and_ratio_have_intervals_around_them() -> None:
    found = of_cases(*grouped(0.1, 0.4, 0.2))
    assert found.worst == "group 1"
    assert found.difference.value == pytest.approx(0.3)
    assert found.ratio.value == pytest.approx(0.25)
    for extent in (found.difference, found.ratio):
        low, high = extent.interval
        assert 0 < low < extent.value < high < 1


def test_groups_that_fare_alike_differ_by_chance_only() -> None:
    found = of_cases(*grouped(0.3, 0.3))
    assert (found.difference.value, found.ratio.value) == (0.0, 1.0)
    assert found.difference.interval[0] < 0.02


def test_without_errors_there_is_no_ratio() -> None:
    found = of_cases(*grouped(0.0, 0.0))
    assert np.isnan(found.ratio.value)
    assert found.difference.value == 0.0


def test_who_is_of_no_group_is_not_compared_and_few_cases_are_named() -> None:
    errors, _, people = grouped(0.5, 0.1, 0.1)
    groups = np.repeat(["Not Sure", "", "group 1", "group 2"], [100, 80, 20, 100])
    found = of_cases(errors, groups, people)
    assert set(found.groups) == {"group 1", "group 2"}
    assert found.few == ["group 1"]


def test_one_group_alone_cannot_be_compared() -> None:
    with pytest.raises(ArgumentError, match="fewer than two groups"):
        of_cases(*grouped(0.5))


def crossed(threshold: float) -> Crossed:
    """Two women and three men with a picture each, and one of no group; two men look alike."""
    templates = np.eye(6, dtype=np.float32)
    templates[3] = templates[2]
    listed = Listed(
        pictures=tuple("abcdef"),
        people=np.array(list("abcdef")),
        templates=templates,
        strengths=np.ones(6),
        seen=np.ones(6, np.bool_),
        cpu_ms=1.0,
    )
    return Crossed(listed, np.array(["women"] * 2 + ["men"] * 3 + [""]), threshold)


def test_false_matches_are_counted_by_both_peoples_groups() -> None:
    rates = crossed(0.5).rates()
    assert {name: (each.share, each.cases) for name, each in rates.items()} == {
        "men - men": (pytest.approx(1 / 3), 3),
        "men - women": (0.0, 6),
        "women - women": (0.0, 1),
    }
    assert rates["men - women"].interval == (0.0, 0.5)


def test_somebody_drawn_twice_is_not_his_own_impostor() -> None:
    errors, cases = crossed(0.5).count(np.array([0, 0, 2, 1, 0]))
    assert errors.tolist() == [2.0, 0.0, 0.0]
    assert cases.tolist() == [2.0, 0.0, 0.0]


def test_command_compares_verification_by_group(
    consentry: Consentry, images: Path, tmp_path: Path
) -> None:
    listed = pairs(images, "Ann 1 2", "Bob 1 2", "Ann 1 Eve 1", "Bob 2 Mal 1")
    women, men, record = (tmp_path / name for name in ("women.txt", "men.txt", "fair.json"))
    women.write_text("Ann_0001.jpg\nAnn_0002.jpg\nEve_0001.jpg\n", encoding="utf-8")
    men.write_text("Bob_0001.jpg\nBob_0002.jpg\nMal_0001.jpg\n", encoding="utf-8")

    ran = consentry(
        "evaluate", "fairness", "--images", images, "--pairs", listed, "--groups", women,
        "--groups", men, "--record", record, "--html", tmp_path / "report.html",
        "--profile", "fast", "--jobs", 1, "--layer", layer_dir(), "--json",
    )  # fmt: skip
    check_report(tmp_path / "report.html", PEOPLE, plots=2)

    found = ran.document
    assert ran.code == 0
    assert "profile fast" in found["errors"]
    assert set(found["error_by_group"]["false matches"]) == {
        "men - men", "men - women", "women - women"
    }  # fmt: skip
    assert [each["difference"] for each in found["disparities"]] == [0.0, 0.0]
    assert json.loads(record.read_text())["writtenBy"] == "consentry evaluate fairness --record"
    assert not any(person in ran.out + ran.err for person in PEOPLE)


def test_command_compares_redaction_by_what_is_perceived(
    consentry: Consentry, tmp_path: Path
) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(sample("person_a_1.jpg"))
    box = vision().detect(vision().read(sample("person_a_1.jpg")))[0].box
    shown = f"{box.left:.0f} {box.top:.0f} {box.width:.0f} {box.height:.0f} 0 0 0 0 0 0"
    boxes, perceived = tmp_path / "boxes.txt", tmp_path / "perceived.csv"
    boxes.write_text(f"a.jpg\n2\n{shown}\n0 0 20 20 0 0 0 0 0 0\n", encoding="utf-8")
    perceived.write_text("file,face,skin\na.jpg,0,I\na.jpg,1,II\n", encoding="utf-8")

    found = consentry(
        "evaluate", "fairness", "--images", folder, "--boxes", boxes, "--demographics", perceived,
        "--layer", layer_dir(), "--json",
    ).document  # fmt: skip

    (skin,) = found["disparities"]
    assert (skin["of"], skin["worst"], skin["difference"]) == ("skin", "II", 1.0)
    assert skin["groups_of_few_cases"] == "I, II"


def test_command_wants_people_or_faces(consentry: Consentry, images: Path) -> None:
    ran = consentry("evaluate", "fairness", "--images", images, "--json")
    assert ran.code == 4
    assert "--pairs and --groups" in ran.document["error"]["message"]
