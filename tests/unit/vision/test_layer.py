"""The layer: only pinned files are ever loaded."""

import shutil
from pathlib import Path

import pytest
from tests.support.layer import layer_dir
from tests.support.toy_layer import LOCK_TEXT, TOY_FOLDED, sha256, toy_lock

from consentry.errors import LayerError
from consentry.vision import Role, Vision
from consentry.vision.layer import describe, pinned, verify
from consentry.vision.layer.lock import Lock, parse_lock
from consentry.vision.sessions import Sessions


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
        38_741_892,
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
