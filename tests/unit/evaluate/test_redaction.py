"""What masks leave of a face, measured on the sample photographs."""

import json
from pathlib import Path

import numpy as np
import pytest
from tests.support.command_line import Consentry
from tests.support.interrupted import left_behind
from tests.support.layer import layer_dir, sample, vision
from tests.support.reports import check_report

from consentry.evaluate.rates import Rate
from consentry.evaluate.redaction import Kind, Masked, _compared, evaluate
from consentry.vision import MaskKind

PEOPLE = {"Ann": "person_a_1.jpg", "Bob": "person_b_1.jpg"}


def test_solid_fill_leaves_no_face_to_recognise(consentry: Consentry, tmp_path: Path) -> None:
    for person, name in PEOPLE.items():
        (tmp_path / person).mkdir()
        (tmp_path / person / f"{person}_0001.jpg").write_bytes(sample(name))
    pairs = tmp_path / "pairs.txt"
    pairs.write_text("1 1\nAnn 1 1\nAnn 1 Bob 1\n", encoding="utf-8")

    ran = consentry(
        "evaluate", "redaction", "--images", tmp_path, "--pairs", pairs,
        "--record", tmp_path / "redaction.json", "--html", tmp_path / "report.html",
        "--layer", layer_dir(), "--json",
        "--resume", tmp_path / "sealed", "--resume-key", tmp_path / "key",
    )  # fmt: skip
    check_report(tmp_path / "report.html", PEOPLE)
    assert not (tmp_path / "sealed").exists()

    found = ran.document
    assert ran.code == 0
    assert (found["pictures"], found["people"], found["withheld"]) == (2, 2, 0)
    assert set(found["kinds"]) == {"solid", "pixelate", "blur"}
    assert found["kinds"]["solid"]["reidentified"]["share"] == 0.0
    assert not found["kinds"]["solid"]["above_chance"]
    record = (tmp_path / "redaction.json").read_text(encoding="utf-8")
    assert json.loads(record)["kinds"] == found["kinds"]
    assert json.loads(record)["writtenBy"] == "consentry evaluate redaction --record"
    assert "Ann" not in ran.out + record


def test_redaction_goes_on_from_what_an_interrupted_run_kept(tmp_path: Path) -> None:
    kinds = ["none", *MaskKind]
    ann, bob = (Masked(dict.fromkeys(kinds, each)) for each in np.eye(2, 256, dtype=np.float32))
    made = {"Ann/a": ann, "Bob/b": bob, "Eve/e": Masked({}), "Zoe/z": Masked({}, withheld=True)}
    kept = {name: each.packed() for name, each in made.items()}
    with left_behind(tmp_path / "sealed", kept) as resume:
        found = evaluate(vision(), tmp_path, list(made), iter, resume)
    assert (found.pictures, found.people, found.withheld) == (2, 2, 1)
    assert {each.reidentified.share for each in found.kinds.values()} == {1.0}


def test_masked_faces_are_compared_with_their_own_and_with_other_originals() -> None:
    known = np.eye(3, 128, dtype=np.float32)
    masked = known[[0, 0, 2]]

    kind = _compared(masked, known, ["Ann", "Bob", "Eve"], 0.5)

    assert kind.reidentified.share == pytest.approx(2 / 3)
    assert kind.chance == pytest.approx(1 / 6)


@pytest.mark.parametrize(("low", "above"), [(0.02, True), (0.001, False)])
def test_kind_is_above_chance_if_its_whole_interval_is(low: float, *, above: bool) -> None:
    assert Kind(Rate(0.05, 100, (low, 0.1)), 0.001).above_chance is above
