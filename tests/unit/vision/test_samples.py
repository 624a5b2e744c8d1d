"""Sample photographs come by hash, with their credits, all or none."""

from pathlib import Path

import pytest
from tests.support.layer import sample

from consentry.errors import LayerError
from consentry.localhost.samples import fetch_samples, samples
from consentry.vision.layer.lock import Package


def fetch_copies(_: Package, members: list[str]) -> dict[str, bytes]:
    return {member: sample(Path(member).name) for member in members}


def fetch_rubbish(_: Package, members: list[str]) -> dict[str, bytes]:
    return dict.fromkeys(members, b"rubbish")


def fetch_never(package: Package, _: list[str]) -> dict[str, bytes]:
    raise AssertionError(f"{package.name} was fetched again")


def test_samples_are_written_with_a_credit_for_each(tmp_path: Path) -> None:
    folder = fetch_samples(tmp_path / "samples", fetch=fetch_copies)

    credited = (folder / "CREDITS.md").read_text(encoding="utf-8")
    assert {file.name for file in folder.iterdir()} == {
        "CREDITS.md", *(wanted.name for wanted in samples()),
    }  # fmt: skip
    assert all(f"- {wanted.name}: {wanted.credit}\n" in credited for wanted in samples())


def test_samples_that_are_there_are_not_fetched_again(tmp_path: Path) -> None:
    folder = fetch_samples(tmp_path / "samples", fetch=fetch_copies)

    assert fetch_samples(folder, fetch=fetch_never) == folder


def test_damaged_samples_are_fetched_again(tmp_path: Path) -> None:
    folder = fetch_samples(tmp_path / "samples", fetch=fetch_copies)
    (folder / "city.jpg").write_bytes(b"damaged")

    fetch_samples(folder, fetch=fetch_copies)

    assert (folder / "city.jpg").read_bytes() == sample("city.jpg")


def test_photograph_with_another_hash_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(LayerError, match="is not the pinned one"):
        fetch_samples(tmp_path / "samples", fetch=fetch_rubbish)

    assert list(tmp_path.iterdir()) == []
