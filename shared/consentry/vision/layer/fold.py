"""Turn a block-quantised ONNX file into plain float32 that ONNX Runtime accepts.

OpenCV Zoo's int8bq files keep their weights as graph inputs and pass them through blocked
DequantizeLinear and Reshape nodes, which ONNX Runtime refuses for per-tensor biases. All of
these nodes have constant inputs, so they are computed here once. The arithmetic is IEEE float32
in a fixed order, so the result is the same on every machine.

A model that is plain float32 already keeps its nodes, but for PRelu, and gets the pinned shapes.

Only the build imports this module; ``onnx`` is not needed in production.
"""

from collections.abc import Iterable, MutableSequence
from typing import Final

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import numpy_helper

from consentry.errors import LayerError
from consentry.vision.layer.lock import Tensor
from consentry.vision.layer.prelu import without_prelu

# From this IR version on, an initializer need not be a graph input as well. (onnx/docs/IR.md)
_IR_VERSION: Final = 10
_FLOAT32: Final = onnx.TensorProto.FLOAT

Array = NDArray[np.generic]


def fold(source: bytes, inputs: Iterable[Tensor], outputs: Iterable[Tensor]) -> bytes:
    """Fold the constants of a model and give it the pinned shapes.

    Raises LayerError where the file is not ONNX or its tensors are not the pinned ones.
    """
    try:
        model = onnx.load_model_from_string(source)
    except DecodeError:
        raise LayerError("a pinned model file is not ONNX") from None
    graph = model.graph
    constants: dict[str, Array] = {
        tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer
    }
    unfolded = [node for node in graph.node if not _fold_node(node, constants)]
    kept = list(without_prelu(unfolded, constants))
    for node in kept:
        _free_batch(node, constants)
    needed = {name for node in kept for name in node.input}
    del graph.node[:]
    graph.node.extend(kept)
    del graph.initializer[:]
    graph.initializer.extend(
        numpy_helper.from_array(np.ascontiguousarray(constants[name]), name)
        for name in sorted(needed & constants.keys())
    )
    del graph.value_info[:]
    # The weights' old names are still graph inputs, which nothing reads any more.
    _declare(graph.input, inputs, needed - constants.keys())
    _declare(graph.output, outputs, {value.name for value in graph.output})
    model.ir_version = _IR_VERSION
    onnx.checker.check_model(model)
    assembled: bytes = model.SerializeToString(deterministic=True)
    return assembled


def _fold_node(node: onnx.NodeProto, constants: dict[str, Array]) -> bool:
    """Compute a node whose inputs are all constant; False where it has to stay."""
    if node.op_type not in {"DequantizeLinear", "Reshape"} or not set(node.input) <= set(constants):
        return False
    values = [constants[name] for name in node.input]
    if node.op_type == "Reshape":
        result: Array = values[0].reshape(tuple(int(size) for size in values[1]))
    else:
        attributes = {item.name: item.i for item in node.attribute}
        result = _dequantize(values, attributes.get("axis", 1), attributes.get("block_size", 0))
    constants[node.output[0]] = result
    return True


def _dequantize(values: list[Array], axis: int, block: int) -> NDArray[np.float32]:
    """DequantizeLinear of opset 21: (x - zero point) * scale, by blocks along ``axis``."""
    quantised = values[0].astype(np.float32)
    scale = values[1].astype(np.float32)
    zero_point = values[2].astype(np.float32) if len(values) > 2 else np.zeros_like(scale)
    if block:
        size = quantised.shape[axis]
        scale, zero_point = (
            part.repeat(block, axis).take(range(size), axis) for part in (scale, zero_point)
        )
    elif scale.ndim:
        shape = [-1 if index == axis else 1 for index in range(quantised.ndim)]
        scale, zero_point = scale.reshape(shape), zero_point.reshape(shape)
    return np.asarray((quantised - zero_point) * scale, dtype=np.float32)


def _free_batch(node: onnx.NodeProto, constants: dict[str, Array]) -> None:
    """Let Reshape to [1, -1, c] keep its batch: in ONNX a 0 copies the input's dimension."""
    if node.op_type == "Reshape":
        shape = np.array(constants[node.input[1]])
        if shape.size > 1 and shape[0] == 1:
            shape[0] = 0
            constants[node.input[1]] = shape


def _declare(
    declared: MutableSequence[onnx.ValueInfoProto], tensors: Iterable[Tensor], used: set[str]
) -> None:
    """Replace the declared tensors in use by the pinned ones, which must have the same names."""
    pinned = {tensor.name: tensor for tensor in tensors}
    names = [value.name for value in declared if value.name in used]
    if set(names) != set(pinned):
        raise LayerError("a model's inputs or outputs differ from the pinned ones")
    values = [
        onnx.helper.make_tensor_value_info(name, _FLOAT32, pinned[name].shape) for name in names
    ]
    del declared[:]
    declared.extend(values)
