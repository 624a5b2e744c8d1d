"""A measurement that was interrupted goes on: from sealed results, of its own only."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from tests.support.command_line import Consentry
from tests.support.interrupted import ABOUT, KEY, KilledError
from tests.support.layer import layer_dir
from tests.unit.evaluate.test_verification import images, pairs

from consentry.errors import ArgumentError
from consentry.evaluate.detection import Case, Seen
from consentry.evaluate.resume import Resume, results, resume_key
from consentry.evaluate.templates import Made
from consentry.vision import Embedded

__all__ = ["images"]

PICTURES = ["Ann/1.jpg", "Bob/1.jpg", "Eve/1.jpg"]


def run(file: Path, until: int = 9, key: bytes = KEY, about: str = ABOUT) -> list[str]:
    """Measure the pictures until one is killed; gives those that had to be looked at."""
    looked: list[str] = []

    def make(names: Sequence[str]) -> Iterator[int]:
        for name in names:
            if len(looked) == until:
                raise KilledError
            looked.append(name)
            yield len(name)

    with Resume(file, key, about) as resume:
        found = results(PICTURES, make, iter, resume, str, int)
    assert found == [9, 9, 9]
    return looked


def interrupted(file: Path, until: int = 2) -> None:
    with pytest.raises(KilledError):
        run(file, until)


def test_run_goes_on_where_it_was_interrupted_and_its_file_dies_with_it(tmp_path: Path) -> None:
    file = tmp_path / "sealed"
    interrupted(file)
    assert b"Ann" not in file.read_bytes()
    assert file.stat().st_mode & 0o077 == 0
    assert run(file) == PICTURES[2:]
    assert not file.exists()


@pytest.mark.parametrize("left", [1, 3, 4, 20, -1])
def test_half_written_end_is_made_again(tmp_path: Path, left: int) -> None:
    file = tmp_path / "sealed"
    interrupted(file)
    sealed = file.read_bytes()
    size = 4 + int.from_bytes(sealed[:4])
    file.write_bytes(sealed[:size] + sealed[size:][:left])
    interrupted(file, until=0)
    assert file.read_bytes() == sealed[:size]
    assert run(file) == PICTURES[1:]


@pytest.mark.parametrize(("key", "about"), [(bytes(32), "this"), (KEY, "other")])
def test_results_of_another_key_or_measurement_are_refused_and_kept(
    tmp_path: Path, key: bytes, about: str
) -> None:
    file = tmp_path / "sealed"
    interrupted(file)
    before = file.read_bytes()
    with pytest.raises(ArgumentError, match="another measurement or key"):
        run(file, key=key, about=about)
    assert file.read_bytes() == before


def test_record_that_was_moved_or_changed_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "sealed"
    interrupted(file)
    sealed = file.read_bytes()
    size = 4 + int.from_bytes(sealed[:4])
    for changed in (sealed[size:] + sealed[:size], sealed[:-1] + bytes([sealed[-1] ^ 1])):
        file.write_bytes(changed)
        with pytest.raises(ArgumentError, match="another measurement or key"):
            run(file)


def test_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "key"
    key = resume_key(file)
    assert (len(key), resume_key(file), file.stat().st_mode & 0o077) == (32, key, 0)
    file.write_bytes(key[:-1])
    with pytest.raises(ArgumentError, match="32 bytes"):
        resume_key(file)


def test_results_come_back_bit_by_bit() -> None:
    template = np.random.default_rng(0).normal(size=256).astype(np.float32)
    back = Made.unpack(Made(Embedded(template, 12.5), 0.25).packed())
    assert back.embedded is not None
    assert back.embedded.template.tobytes() == template.tobytes()
    assert (back.embedded.strength, back.seconds) == (12.5, 0.25)
    assert Made.unpack(Made(None, 0.5).packed()) == Made(None, 0.5)
    seen = Seen((Case("a", 9.0, found=True, covered=False, groups={}),), ((0.5, True),), None,
                0.1, 1.0, withheld=False)  # fmt: skip
    assert Seen.unpack(asdict(seen)) == seen


def test_command_takes_both_options_or_none_and_leaves_nothing(
    consentry: Consentry, images: Path, tmp_path: Path
) -> None:
    listed = pairs(images, "Ann 1 2", "Ann 1 Eve 1")
    words = [
        "evaluate", "quality", "--images", images, "--pairs", listed, "--layer", layer_dir(),
        "--jobs", 1, "--resume", tmp_path / "sealed",
    ]  # fmt: skip
    alone = consentry(*words)
    both = consentry(*words, "--resume-key", tmp_path / "key")
    assert (alone.code, both.code) == (4, 0)
    assert "--resume-key" in alone.err
    assert not (tmp_path / "sealed").exists()
