"""A layer of one small model, for tests that damage what is pinned."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from consentry.vision.layer.fold import fold
from consentry.vision.layer.lock import Lock, Package, Tensor, parse_lock

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


def everything(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and file.name != ".lock"
    }
