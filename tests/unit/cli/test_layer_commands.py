"""``layer`` and ``samples`` on what set-up made."""

from pathlib import Path

from tests.support.command_line import Consentry


def test_the_layer_is_whole_and_listed_with_source_licence_and_hash(consentry: Consentry) -> None:
    verified = consentry("layer", "verify", "--json").document
    shown = consentry("layer", "show", "--json").document
    assert verified == {"digest": shown["digest"], "whole": True}
    for model in shown["models"]:
        assert model["licence"] in {"MIT", "Apache-2.0", "CC0-1.0"}
        assert len(model["sha256"]) == 64
    text = consentry("layer", "show").out
    assert all(model["name"] in text and model["sha256"] in text for model in shown["models"])


def test_building_a_whole_layer_again_changes_nothing(consentry: Consentry) -> None:
    first = consentry("layer", "build", "--json")
    folder = Path(first.document["folder"])
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert consentry("layer", "build").code == 0
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert Path(first.document["zip"]).is_file()


def test_a_missing_layer_is_named_with_its_cure(consentry: Consentry, tmp_path: Path) -> None:
    for command in ("verify", "show"):
        ran = consentry("layer", command, "--layer", tmp_path)
        assert ran.code == 5
        assert ran.err.startswith("ModelLayer: ")
        assert "consentry layer build" in ran.err
    assert list(tmp_path.iterdir()) == []


def test_samples_come_with_their_credits(consentry: Consentry, samples: Path) -> None:
    ran = consentry("samples", "--json")
    assert ran.code == 0
    assert ran.document["folder"] == str(samples)
    assert "CREDITS.md" in ran.document["files"]
    assert "city.jpg" in ran.document["files"]
