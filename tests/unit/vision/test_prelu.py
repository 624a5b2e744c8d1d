"""PReLU said in other operations is the same function; what cannot be said so stays as it is."""

from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

from consentry.vision.layer.fold import fold
from consentry.vision.layer.lock import Tensor

SHAPE: tuple[int | str, ...] = ("batch", 3, 4, 5)
IMAGES = np.random.default_rng(7).normal(size=(2, 3, 4, 5)).astype(np.float32) * 100


def source(slopes: NDArray[Any]) -> ModelProto:
    """A model that is one PReLU with these slopes."""
    node = helper.make_node("PRelu", ["x", "slopes"], ["y"])
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, list(SHAPE)) for name in ("x", "y")
    ]
    graph = helper.make_graph(
        [node], "toy", values[:1], values[1:], [numpy_helper.from_array(slopes, "slopes")]
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)


def folded(model: ModelProto) -> bytes:
    return fold(model.SerializeToString(), [Tensor("x", SHAPE)], [Tensor("y", SHAPE)])


def kinds(data: bytes) -> set[str]:
    return {node.op_type for node in ModelProto.FromString(data).graph.node}


def run(data: bytes) -> NDArray[Any]:
    session = ort.InferenceSession(data, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"x": IMAGES})
    return np.asarray(found)


def test_images_come_out_as_before_for_slopes_of_every_kind() -> None:
    # Below zero, at one, and above one: SFace has slopes from -0.81 to 1.12.
    model = source(np.array([-0.8, 1.0, 1.1], np.float32).reshape(3, 1, 1))
    made = folded(model)

    assert kinds(made) == {"Relu", "Conv", "Add"}
    assert run(made) == pytest.approx(run(model.SerializeToString()), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("shape", [(1,), (3, 4, 5)], ids=["one for all", "one for each pixel"])
def test_slopes_that_are_not_one_a_channel_are_left_alone(shape: tuple[int, ...]) -> None:
    model = source(np.full(shape, 0.25, np.float32))
    made = folded(model)

    assert kinds(made) == {"PRelu"}
    assert (run(made) == run(model.SerializeToString())).all()
