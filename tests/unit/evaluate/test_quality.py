"""What refusing bad pictures is worth, measured on the samples and on made-up templates."""

import tomllib
from pathlib import Path

import numpy as np
import pytest
from tests.support.command_line import Consentry
from tests.support.layer import layer_dir, vision
from tests.support.reports import check_report
from tests.unit.evaluate.test_verification import PEOPLE, images, pairs

from consentry.evaluate.listed import Listed
from consentry.evaluate.quality import FMRS, Discard, curves
from consentry.vision import Role
from consentry.vision.quality import parse_scale

__all__ = ["images"]


def test_figures_of_the_samples_and_their_record(
    consentry: Consentry, images: Path, tmp_path: Path
) -> None:
    listed = pairs(images, "Ann 1 2", "Bob 1 2", "Ann 1 Eve 1", "Bob 2 Mal 1")
    file = tmp_path / "quality.toml"

    ran = consentry(
        "evaluate", "quality", "--images", images, "--pairs", listed, "--jobs", 1,
        "--data", 'the "samples"', "--record", file, "--html", tmp_path / "report.html",
        "--layer", layer_dir(), "--json",
    )  # fmt: skip
    check_report(tmp_path / "report.html", PEOPLE, plots=6)

    found, text = ran.document, file.read_text(encoding="utf-8")
    assert ran.code == 0
    assert found["pictures"] == 6
    assert found["listed"]["pairs"] == found["every"]["pairs"] == 2
    assert found["strengths"] == sorted(found["strengths"])
    assert parse_scale(text).embedder == vision().models[Role.EMBEDDER].source
    assert tomllib.loads(text)["data"] == 'the "samples"'
    assert not any(person in ran.out + ran.err + text for person in PEOPLE)


def twenty() -> Listed:
    """Twenty people, two pictures each; of the first two, the first picture is weak and unlike."""
    templates = np.repeat(np.eye(20, 40, dtype=np.float32), 2, axis=0)
    templates[0], templates[2] = np.eye(40, dtype=np.float32)[[30, 31]]
    strengths = np.arange(40.0) + 10
    strengths[[0, 2]] = 1, 2
    return Listed(
        pictures=tuple(f"{place}" for place in range(40)),
        people=np.repeat([f"{person:02}" for person in range(20)], 2),
        templates=templates,
        strengths=strengths,
        seen=np.ones(40, np.bool_),
        cpu_ms=1.0,
    )


def at(curve: list[Discard], discarded: float) -> Discard:
    (found,) = (each for each in curve if (each.fmr, each.discarded) == (FMRS[0], discarded))
    return found


def test_worst_pictures_take_their_false_non_matches_with_them() -> None:
    listed = twenty()
    found = curves(listed, listed.of_one_person(), dict.fromkeys(FMRS, 0.5))

    none, some, most = (at(list(found.by_picture), share) for share in (0.0, 0.05, 0.5))
    assert found.pairs == 20
    assert (none.removed.share, none.removed.cases, none.fnmr.share) == (0.0, 2, 0.1)
    assert (some.comparisons, some.removed.share, some.fnmr.share) == (0.1, 1.0, 0.0)
    assert most.comparisons > 0.5 - 1e-9
    half = at(list(found.by_comparison), 0.05)
    assert (half.comparisons, half.removed.share) == (0.05, 0.5)
    assert found.levels["low"].share == pytest.approx(2 / found.levels["low"].cases)
    assert found.levels["high"].share == 0.0


def test_picture_without_a_face_is_the_worst_and_matches_nothing() -> None:
    whole = twenty()
    listed = Listed(
        whole.pictures, whole.people, whole.templates,
        strengths=np.where(np.arange(40) == 39, 0.0, whole.strengths),
        seen=np.arange(40) != 39,
        cpu_ms=1.0,
    )  # fmt: skip
    found = curves(listed, listed.of_one_person(), dict.fromkeys(FMRS, 0.5))
    assert at(list(found.by_picture), 0.0).removed.cases == 3
    assert at(list(found.by_picture), 0.02).comparisons == 0.05
