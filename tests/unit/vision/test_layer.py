"""The layer: only pinned files are ever loaded, and a build is whole or not there."""

import errno
import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from tests.support.layer import layer_dir

from consentry.errors import LayerError
from consentry.vision import Role, Vision
from consentry.vision.layer import describe, pinned, verify
from consentry.vision.layer.build import build
from consentry.vision.layer.fold import fold
from consentry.vision.layer.lock import Lock, Package, Tensor, parse_lock
from consentry.vision.sessions import Sessions

SOURCE = "toy/toy.onnx"
LOCK_TEXT = """
version = 1
[package.toy]
name = "toy"
version = "1.0"
kind = "wheel"
sha256 = "{package}"
[[model]]
role = "{role}"
name = "{name}"
licence = "MIT"
package = "toy"
source_format = "{source_format}"
source_path = "toy/toy.onnx"
source_sha256 = "{source}"
sha256 = "{assembled}"
normalisation = "none"
[model.inputs]
{inputs}
[model.outputs]
{outputs}
"""


def toy_source() -> bytes:
    """A block-quantised model as OpenCV Zoo makes them: y = x @ dequantised, reshaped."""
    weights = np.arange(-8, 8, dtype=np.int8).reshape(4, 4)
    constants: dict[str, NDArray[Any]] = {
        "w_quantized": weights,
        "w_scales": np.array([[0.5, 2.0]] * 4, np.float32),
        "w_zero_point": np.array([[1, 0]] * 4, np.int8),
        "w_shape": np.array([4, 4], np.int64),
        "y_shape": np.array([1, -1, 2], np.int64),
    }
    nodes = [
        helper.make_node(
            "DequantizeLinear", ["w_quantized", "w_scales", "w_zero_point"], ["w_dequantized"],
            axis=1, block_size=2,
        ),
        helper.make_node("Reshape", ["w_dequantized", "w_shape"], ["w"]),
        helper.make_node("MatMul", ["x", "w"], ["flat"]),
        helper.make_node("Reshape", ["flat", "y_shape"], ["y"]),
    ]  # fmt: skip
    graph = helper.make_graph(
        nodes,
        "toy",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4]),
            helper.make_tensor_value_info("w", TensorProto.FLOAT, [4, 4]),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2, 2])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    data: bytes = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=6
    ).SerializeToString()
    return data


TOY = toy_source()
INPUTS = (Tensor("x", ("batch", 4)),)
OUTPUTS = (Tensor("y", ("batch", 2, 2)),)
TOY_FOLDED = fold(TOY, INPUTS, OUTPUTS)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def toy_lock(
    *,
    role: str = "detector",
    name: str = "toy",
    source_format: str = "int8bq",
    source: str = "",
    assembled: str = "",
    inputs: str = 'x = ["batch", 4]',
    outputs: str = 'y = ["batch", 2, 2]',
) -> Lock:
    return parse_lock(
        LOCK_TEXT.format(
            package="0" * 64,
            role=role,
            name=name,
            source_format=source_format,
            source=source or sha256(TOY),
            assembled=assembled or sha256(TOY_FOLDED),
            inputs=inputs,
            outputs=outputs,
        )
    )


def fetch_toy(package: Package, members: list[str]) -> dict[str, bytes]:
    assert (package.name, members) == ("toy", [SOURCE])
    return {SOURCE: TOY}


def fetch_never(package: Package, _: list[str]) -> dict[str, bytes]:
    raise AssertionError(f"{package.name} was fetched again")


@pytest.fixture(name="lock")
def _lock() -> Lock:
    return toy_lock()


@pytest.fixture(name="built")
def _built(tmp_path: Path, lock: Lock) -> Path:
    build(tmp_path, lock=lock, fetch=fetch_toy)
    return tmp_path


def everything(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and file.name != ".lock"
    }


# What is pinned.


def test_pinned_layer_verifies_and_describes_itself() -> None:
    verify(layer_dir())
    told = describe(layer_dir())

    assert told["digest"] == pinned().digest
    assert [model["role"] for model in told["models"]] == [
        "detector",
        "second_detector",
        "embedder",
        "second_embedder",
    ]
    assert [model["bytes"] for model in told["models"]] == [
        231_107,
        7_293_570,
        38_689_366,
        22_436_887,
    ]


def test_roles_are_a_closed_list_without_traits() -> None:
    assert {role.value for role in Role} == {
        "detector",
        "second_detector",
        "embedder",
        "second_embedder",
        "landmarks",
    }


@pytest.mark.parametrize("role", ["emotion", "gender", "age", "Detector", ""])
def test_role_outside_of_the_list_is_refused(role: str) -> None:
    with pytest.raises(LayerError, match="role or format outside the list"):
        toy_lock(role=role)


def test_format_outside_of_the_list_is_refused() -> None:
    with pytest.raises(LayerError, match="role or format outside the list"):
        toy_lock(source_format="pickle")


@pytest.mark.parametrize("name", ["../toy", "Toy", "", "toy.onnx", "a/b", "tôy"])
def test_name_that_is_no_plain_file_name_is_refused(name: str) -> None:
    with pytest.raises(LayerError, match="model's name"):
        toy_lock(name=name)


@pytest.mark.parametrize("digest", ["abc", "G" * 64, "A" * 64])
def test_hash_that_is_none_is_refused(digest: str) -> None:
    with pytest.raises(LayerError, match="SHA-256"):
        toy_lock(assembled=digest)


def test_two_models_for_a_role_are_refused() -> None:
    text = LOCK_TEXT.format(
        package="0" * 64, role="detector", name="toy", source_format="int8bq", source="0" * 64,
        assembled="0" * 64, inputs="", outputs="",
    )  # fmt: skip
    with pytest.raises(LayerError, match="two models for one role"):
        parse_lock(text + text[text.index("[[model]]") :])


@pytest.mark.parametrize(
    "text", ["", "version = 2", "version = 1", "version = ", "version = 1\nmodel = 3"]
)
def test_malformed_lock_file_is_refused(text: str) -> None:
    with pytest.raises(LayerError, match="lock file"):
        parse_lock(text)


# Building.


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


# Loading.


def test_missing_layer_says_how_to_build_it(tmp_path: Path) -> None:
    with pytest.raises(LayerError, match="consentry layer build"):
        Vision(tmp_path, threads=1)


def test_changed_file_is_not_loaded(built: Path, lock: Lock) -> None:
    file = built / lock.digest / "toy.onnx"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)

    with pytest.raises(LayerError, match="the file of toy is not the pinned one"):
        Sessions(built, 1, lock).get(Role.DETECTOR)
    with pytest.raises(LayerError, match="the file of toy is not the pinned one"):
        verify(built, lock=lock)


def test_another_pinned_looking_file_is_refused(built: Path, lock: Lock) -> None:
    (built / lock.digest / "emotion.onnx").write_bytes(TOY_FOLDED)

    with pytest.raises(LayerError, match="one that is not pinned"):
        Sessions(built, 1, lock)


def test_missing_file_is_refused(built: Path, lock: Lock) -> None:
    (built / lock.digest / "toy.onnx").unlink()

    with pytest.raises(LayerError, match="lacks a pinned file"):
        Sessions(built, 1, lock)


def test_file_that_is_a_folder_is_refused(built: Path, lock: Lock) -> None:
    (built / lock.digest / "toy.onnx").unlink()
    (built / lock.digest / "toy.onnx").mkdir()

    with pytest.raises(LayerError, match="cannot be read"):
        verify(built, lock=lock)


def test_changed_manifest_is_refused(built: Path, lock: Lock) -> None:
    manifest = built / lock.digest / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b"detector", b"embedder"))

    with pytest.raises(LayerError, match="manifest"):
        Sessions(built, 1, lock)


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [('x = ["batch", 5]', 'y = ["batch", 2, 2]'), ('x = ["batch", 4]', 'y = ["batch", 4]'),
     ('x = ["batch", 4]', 'y = ["batch", 2, 2]\nz = [1]'), ('data = ["batch", 4]', 'y = [1]')],
    ids=["input shape", "output shape", "extra output", "input name"],
)  # fmt: skip
def test_model_with_other_inputs_or_outputs_is_refused(
    tmp_path: Path, inputs: str, outputs: str
) -> None:
    lock = toy_lock(inputs=inputs, outputs=outputs)
    folder = tmp_path / lock.digest
    folder.mkdir()
    (folder / "toy.onnx").write_bytes(TOY_FOLDED)
    (folder / "manifest.json").write_bytes(lock.manifest())
    verify(tmp_path, lock=lock)

    with pytest.raises(LayerError, match="inputs or outputs of toy are not the pinned ones"):
        Sessions(tmp_path, 1, lock).get(Role.DETECTOR)


def test_pinned_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    lock = toy_lock(assembled=sha256(b"rubbish"))
    folder = tmp_path / lock.digest
    folder.mkdir()
    (folder / "toy.onnx").write_bytes(b"rubbish")
    (folder / "manifest.json").write_bytes(lock.manifest())

    with pytest.raises(LayerError, match="cannot be loaded"):
        Sessions(tmp_path, 1, lock).get(Role.DETECTOR)


def test_layer_of_other_pins_is_another_directory(built: Path) -> None:
    other = toy_lock(name="other")

    with pytest.raises(LayerError, match="missing"):
        Sessions(built, 1, other)


def test_copied_layer_is_as_good(built: Path, lock: Lock, tmp_path: Path) -> None:
    shutil.copytree(built / lock.digest, tmp_path / "copy" / lock.digest)

    assert Sessions(tmp_path / "copy", 1, lock).get(Role.DETECTOR)
