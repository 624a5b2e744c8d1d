"""Building the layer: it is whole or not there, and the same bytes every time."""

import errno
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from tests.support.toy_layer import (
    INPUTS,
    OUTPUTS,
    TOY,
    TOY_FOLDED,
    everything,
    fetch_never,
    fetch_toy,
    sha256,
    toy_lock,
)

from consentry.errors import LayerError
from consentry.vision import Role
from consentry.vision.layer import verify
from consentry.vision.layer.build import build
from consentry.vision.layer.fold import fold
from consentry.vision.layer.lock import Lock, Package
from consentry.vision.sessions import Sessions


def test_folded_model_computes_what_the_quantised_one_says() -> None:
    folded = onnx.load_model_from_string(TOY_FOLDED)
    (weights,) = (
        numpy_helper.to_array(item) for item in folded.graph.initializer if item.name == "w"
    )
    quantised = np.arange(-8, 8).reshape(4, 4)
    expected = np.concatenate([(quantised[:, :2] - 1) * 0.5, quantised[:, 2:] * 2.0], axis=1)

    assert weights.dtype == np.float32
    assert (weights == expected).all()
    assert [node.op_type for node in folded.graph.node] == ["MatMul", "Reshape"]
    assert [value.name for value in folded.graph.input] == ["x"]


def test_folded_model_takes_batches(built: Path, lock: Lock) -> None:
    model = Sessions(built, 1, lock).get(Role.DETECTOR)

    assert model.run(np.ones((3, 4), np.float32))["y"].shape == (3, 2, 2)


@pytest.mark.parametrize("source", [b"", b"not a model", TOY[:-20]])
def test_file_that_is_no_model_is_not_folded(source: bytes) -> None:
    with pytest.raises(LayerError):
        fold(source, INPUTS, OUTPUTS)


def test_build_writes_the_layer_its_manifest_and_its_zip(built: Path, lock: Lock) -> None:
    digest = lock.digest
    assert set(everything(built)) == {
        f"{digest}/manifest.json", f"{digest}/toy.onnx", f"{digest}.zip",
    }  # fmt: skip
    manifest = (built / digest / "manifest.json").read_bytes()
    assert sha256(manifest) == digest
    assert json.loads(manifest)["models"][0]["sha256"] == sha256(TOY_FOLDED)
    verify(built, lock=lock)


def test_two_builds_give_the_same_bytes(built: Path, lock: Lock, tmp_path: Path) -> None:
    build(tmp_path / "again", lock=lock, fetch=fetch_toy)

    first = {name: data for name, data in everything(built).items() if "again" not in name}
    assert first == everything(tmp_path / "again")


def test_zip_unpacks_to_the_layer(built: Path, lock: Lock, tmp_path: Path) -> None:
    with zipfile.ZipFile(built / f"{lock.digest}.zip") as opened:
        opened.extractall(tmp_path / "unpacked")

    verify(tmp_path / "unpacked", lock=lock)


def test_second_build_fetches_nothing(built: Path, lock: Lock) -> None:
    said: list[str] = []
    before = everything(built)

    build(built, said.append, lock=lock, fetch=fetch_never)

    assert said == ["the layer is already there"]
    assert everything(built) == before


def test_damaged_layer_is_built_anew(built: Path, lock: Lock) -> None:
    before = everything(built)
    (built / lock.digest / "toy.onnx").write_bytes(b"damaged")

    build(built, lock=lock, fetch=fetch_toy)

    assert everything(built) == before


def failing(error: BaseException) -> Callable[[Package, list[str]], dict[str, bytes]]:
    def fetch(_: Package, __: list[str]) -> dict[str, bytes]:
        raise error

    return fetch


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), LayerError("no network")], ids=["key", "net"]
)
def test_interrupted_build_leaves_nothing(tmp_path: Path, lock: Lock, error: BaseException) -> None:
    with pytest.raises(type(error)):
        build(tmp_path, lock=lock, fetch=failing(error))

    assert [file.name for file in tmp_path.iterdir()] == [".lock"]


def test_leavings_of_a_killed_build_are_swept_away(tmp_path: Path, lock: Lock) -> None:
    (tmp_path / ".building-killed").mkdir()
    (tmp_path / ".building-killed" / "toy.onnx").write_bytes(b"half")

    build(tmp_path, lock=lock, fetch=fetch_toy)

    assert not (tmp_path / ".building-killed").exists()
    verify(tmp_path, lock=lock)


def test_full_disk_is_named(tmp_path: Path, lock: Lock) -> None:
    with pytest.raises(LayerError, match="the disk is full"):
        build(tmp_path, lock=lock, fetch=failing(OSError(errno.ENOSPC, "No space left on device")))


def test_place_that_cannot_be_written_is_named(tmp_path: Path, lock: Lock) -> None:
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(LayerError, match="cannot be written"):
        build(tmp_path / "file", lock=lock, fetch=fetch_toy)


def test_source_with_another_hash_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LayerError, match="the source file of toy is not the pinned one"):
        build(tmp_path, lock=toy_lock(source="0" * 64), fetch=fetch_toy)

    assert [file.name for file in tmp_path.iterdir()] == [".lock"]


def test_assembled_file_with_another_hash_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LayerError, match="the assembled file of toy is not the pinned one"):
        build(tmp_path, lock=toy_lock(assembled="0" * 64), fetch=fetch_toy)

    assert [file.name for file in tmp_path.iterdir()] == [".lock"]


def test_source_with_other_inputs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LayerError, match="inputs or outputs differ"):
        build(tmp_path, lock=toy_lock(inputs='z = ["batch", 4]'), fetch=fetch_toy)
