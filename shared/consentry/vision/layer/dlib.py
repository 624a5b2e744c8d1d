"""Turn dlib's serialised face descriptor into plain float32 ONNX.

The file holds a network as dlib's ``serialize`` writes it (dlib/dnn/core.h and layers.h): the
layers from input to output, each with its name, its parameters and its settings. Integers are a
byte that counts the bytes that follow, and those, least significant first; a tensor is a version,
four dimensions and its float32 values. What the file does not say is how blocks are joined; that
is dlib's example of metric learning: a block is two convolutions, and what enters it is added to
what leaves it, halved by an average pool where the block halves. dlib adds tensors of different
size as if the smaller one went on in zeros.

Each convolution takes in the affine layer after it: a product and a sum of two float32 each, so
the result is the same on every machine.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import prod
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from consentry.errors import LayerError
from consentry.vision.layer.lock import Tensor

Floats = NDArray[np.float32]

# dlib's input_rgb_image_sized: what it takes from red, green and blue, before it divides by 256.
_MEAN: Final = np.array([122.782, 117.001, 104.298], np.float32).reshape(1, 3, 1, 1)
_SCALE: Final = np.float32(1 / 256)
_CHANNELS: Final = 3
_TENSOR_VERSION: Final = 2
_OPSET: Final = 17
_IR_VERSION: Final = 8
_NAME: Final = re.compile(
    rb"\x01(?:\x05con_4|\x07affine_|\x05relu_|\x0amax_pool_2|\x0aavg_pool_2|\x09add_prev_|\x04fc_2)"
)
# What reading, joining and checking a file raises that is cut, or no such network.
_DAMAGES: Final = (
    ValueError,
    IndexError,
    onnx.checker.ValidationError,
    onnx.shape_inference.InferenceError,
)


@dataclass
class _Reader:
    """Reads dlib's numbers and tensors one after the other."""

    data: bytes
    at: int = 0

    def name(self) -> str:
        """Go to the next layer and give its name; nothing where there is none."""
        found = _NAME.search(self.data, self.at)
        if found is None:
            return ""
        self.at = found.end()
        return found.group()[2:].decode()

    def number(self) -> int:
        size = self.data[self.at]
        self.at += 1 + size
        return int.from_bytes(self.data[self.at - size : self.at], "little")

    def numbers(self, count: int) -> list[int]:
        return [self.number() for _ in range(count)]

    def tensor(self) -> Floats:
        if self.number() != _TENSOR_VERSION:
            raise LayerError("a pinned model file is not dlib's")
        count = prod(self.numbers(4))
        values = np.frombuffer(self.data, "<f4", count, self.at).astype(np.float32)
        self.at += values.nbytes
        return values


@dataclass
class _Stream:
    """What flows between two layers: a tensor's name, its channels and its side in pixels."""

    name: str
    channels: int
    side: int


@dataclass
class _Graph:
    """ONNX nodes and their constants, in order."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def constant(self, value: NDArray[Any]) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, kind: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        output = output or f"layer_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output


def assemble(source: bytes, inputs: Iterable[Tensor], outputs: Iterable[Tensor]) -> bytes:
    """Make ONNX of the descriptor: crops (batch, 3, side, side), RGB, 0 to 255, to (batch, 128).

    Raises LayerError where the file is not such a network.
    """
    (crop,), (descriptor,) = inputs, outputs
    graph = _Graph()
    centred = graph.add("Sub", [crop.name, graph.constant(_MEAN)])
    scaled = graph.add("Mul", [centred, graph.constant(np.array(_SCALE))])
    entering = _Stream(scaled, _CHANNELS, int(crop.shape[3]))
    try:
        _translate(_Reader(source), graph, entering, descriptor)
        model = helper.make_model(
            helper.make_graph(
                graph.nodes,
                "descriptor",
                [_declared(crop)],
                [_declared(descriptor)],
                graph.constants,
            ),
            opset_imports=[helper.make_opsetid("", _OPSET)],
            ir_version=_IR_VERSION,
        )
        onnx.checker.check_model(model, full_check=True)
    except _DAMAGES:
        raise LayerError("a pinned model file is not dlib's") from None
    assembled: bytes = model.SerializeToString(deterministic=True)
    return assembled


def _translate(reader: _Reader, graph: _Graph, stream: _Stream, descriptor: Tensor) -> None:
    """Add the layers of the file, from input to output."""
    entering = stream
    convolutions = 0
    while name := reader.name():
        match name:
            case "con_4":
                # After the first convolution every odd one begins a block.
                if convolutions % 2:
                    entering = stream
                convolutions += 1
                stream = _convolution(reader, graph, stream)
            case "relu_":
                stream = _Stream(graph.add("Relu", [stream.name]), stream.channels, stream.side)
            case "max_pool_2":
                stream = _pool("MaxPool", graph, stream, *reader.numbers(3))
            case "avg_pool_2":
                window, _, stride = reader.numbers(3)
                if window:
                    entering = _pool("AveragePool", graph, entering, window, window, stride)
                else:
                    name = graph.add("GlobalAveragePool", [stream.name])
                    stream = _Stream(name, stream.channels, 1)
            case "add_prev_":
                stream = _sum(graph, stream, entering)
            case "fc_2":
                _, channels = reader.numbers(2)
                weights = graph.constant(reader.tensor().reshape(channels, -1))
                flat = graph.add("Flatten", [stream.name])
                graph.add("MatMul", [flat, weights], descriptor.name)


def _convolution(reader: _Reader, graph: _Graph, stream: _Stream) -> _Stream:
    """Add a convolution together with the affine layer after it."""
    values = reader.tensor()
    filters, window, _, stride, _, padding, _ = reader.numbers(7)
    if reader.name() != "affine_":
        raise LayerError("a pinned model file is not dlib's")
    gain, shift = np.split(reader.tensor(), 2)
    weights = values[:-filters].reshape(filters, stream.channels, window, window)
    name = graph.add(
        "Conv",
        [
            stream.name,
            graph.constant(weights * gain[:, None, None, None]),
            graph.constant(values[-filters:] * gain + shift),
        ],
        strides=[stride, stride],
        pads=[padding] * 4,
    )
    return _Stream(name, filters, (stream.side + 2 * padding - window) // stride + 1)


def _pool(
    kind: str, graph: _Graph, stream: _Stream, window: int, height: int, stride: int
) -> _Stream:
    name = graph.add(kind, [stream.name], kernel_shape=[height, window], strides=[stride, stride])
    return _Stream(name, stream.channels, (stream.side - window) // stride + 1)


def _sum(graph: _Graph, one: _Stream, other: _Stream) -> _Stream:
    channels, side = max(one.channels, other.channels), max(one.side, other.side)
    names = [_padded(graph, each, channels, side) for each in (one, other)]
    return _Stream(graph.add("Add", names), channels, side)


def _padded(graph: _Graph, stream: _Stream, channels: int, side: int) -> str:
    """Let a stream go on in zeros behind, below and to the right."""
    more = side - stream.side
    if channels == stream.channels and not more:
        return stream.name
    pads = np.array([0, 0, 0, 0, 0, channels - stream.channels, more, more], np.int64)
    return graph.add("Pad", [stream.name, graph.constant(pads)])


def _declared(tensor: Tensor) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(tensor.name, onnx.TensorProto.FLOAT, tensor.shape)
