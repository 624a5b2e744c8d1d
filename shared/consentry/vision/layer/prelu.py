"""Say PReLU in operations that ONNX Runtime runs in its blocked layout.

Its kernel for PRelu knows plain layouts only, so that every tensor is turned around before and
after, and is slow besides: of SFace's time it took half. With slopes a, one for each channel,

    prelu(x) = (1 - a) * relu(x) + a * x

and both products are convolutions of 1 x 1 of each channel with itself, which stay in the layout
and are fused with the sum. The result is the same but for the last bits of float32.
"""

from collections.abc import Iterable, Iterator, MutableMapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

Array = NDArray[Any]


def without_prelu(
    nodes: Iterable[onnx.NodeProto], constants: MutableMapping[str, Array]
) -> Iterator[onnx.NodeProto]:
    """Give the nodes with every PRelu on images, of one constant slope a channel, replaced.

    ``constants`` are the values by name, and get those of the new weights.
    """
    for node in nodes:
        slopes = constants.get(node.input[1]) if node.op_type == "PRelu" else None
        if slopes is None or slopes.shape != (slopes.size, 1, 1):
            yield node
        else:
            yield from _replacement(node, slopes.reshape(-1, 1, 1, 1), constants)


def _replacement(
    node: onnx.NodeProto, slopes: Array, constants: MutableMapping[str, Array]
) -> Iterator[onnx.NodeProto]:
    """Give what says the same as one PRelu; ``slopes`` are (channels, 1, 1, 1)."""
    (out,) = node.output
    above, beyond, along = f"{out}/above", f"{out}/beyond", f"{out}/along"
    constants[f"{beyond}/weights"] = (1 - slopes).astype(np.float32)
    constants[f"{along}/weights"] = slopes.astype(np.float32)
    each: dict[str, Any] = {"group": len(slopes), "kernel_shape": [1, 1]}
    yield helper.make_node("Relu", [node.input[0]], [above])
    yield helper.make_node("Conv", [above, f"{beyond}/weights"], [beyond], **each)
    yield helper.make_node("Conv", [node.input[0], f"{along}/weights"], [along], **each)
    yield helper.make_node("Add", [beyond, along], [out])
