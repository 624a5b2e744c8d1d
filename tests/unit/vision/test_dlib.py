"""dlib's network is read as dlib wrote it, and joined as dlib joins it."""

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray

from consentry.errors import LayerError
from consentry.vision.layer.dlib import assemble
from consentry.vision.layer.lock import Tensor

Floats = NDArray[np.float32]

INPUTS = (Tensor("crop", ("batch", 3, 4, 4)),)
OUTPUTS = (Tensor("descriptor", ("batch", 3)),)
FIRST = np.array([[1, 0, 0], [0, 2, -1]], np.float32)  # two filters of one pixel
SHIFT = np.array([1, -2, 3, 0.5], np.float32)
LAST = np.arange(12, dtype=np.float32).reshape(4, 3)


def number(value: int) -> bytes:
    size = (value.bit_length() + 7) // 8 or 1
    return bytes([size]) + value.to_bytes(size, "little")


def layer(name: str, *parts: Floats | int) -> bytes:
    written = number(len(name)) + name.encode()
    for part in parts:
        if isinstance(part, int):
            written += number(part)
        else:
            written += number(2) + b"".join(map(number, (part.size, 1, 1, 1)))
            written += part.astype("<f4").tobytes()
    return written


def convolution(weights: Floats, stride: int, padding: int, gain: float, shift: Floats) -> bytes:
    """A convolution with biases of 1, and the affine layer after it."""
    filters, _, window, _ = weights.shape
    ones = np.ones(filters, np.float32)
    numbers = (filters, window, window, stride, stride, padding, padding)
    values = np.concatenate([weights.ravel(), ones])
    return layer("con_4", values, *numbers) + layer(
        "affine_", np.concatenate([ones * np.float32(gain), shift])
    )


def network() -> bytes:
    """A block that halves, of which the second convolution gives SHIFT whatever it sees."""
    return b"".join([
        layer("loss_metric_2", 3),
        convolution(FIRST.reshape(2, 3, 1, 1), 1, 0, 2.0, np.zeros(2, np.float32)),
        layer("relu_"),
        convolution(np.ones((4, 2, 3, 3), np.float32), 2, 0, 1.0, np.zeros(4, np.float32)),
        layer("relu_"),
        convolution(np.zeros((4, 4, 3, 3), np.float32), 1, 1, 1.0, SHIFT - 1),
        layer("avg_pool_2", 2, 2, 2, 2, 0, 0),
        layer("add_prev_"),
        layer("relu_"),
        layer("avg_pool_2", 0, 0, 1, 1, 0, 0),
        layer("fc_2", 3, 4, LAST),
    ])  # fmt: skip


def test_network_computes_what_dlib_would() -> None:
    session = ort.InferenceSession(assemble(network(), INPUTS, OUTPUTS))
    crops = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 4)).astype(np.float32)

    (given,) = session.run(["descriptor"], {"crop": crops})

    normal = (crops - np.array([122.782, 117.001, 104.298]).reshape(3, 1, 1)) / 256
    first = np.maximum((np.einsum("fc,bchw->bfhw", FIRST, normal) + 1) * 2, 0)
    block = np.zeros((2, 4, 2, 2))
    block[:, :2] = first.reshape(2, 2, 2, 2, 2, 2).mean(axis=(3, 5))
    block[:, :, 0, 0] += SHIFT
    expected = np.maximum(block, 0).mean(axis=(2, 3)) @ LAST
    assert given == pytest.approx(expected, rel=1e-4)


def test_equal_files_give_equal_bytes() -> None:
    assert assemble(network(), INPUTS, OUTPUTS) == assemble(network(), INPUTS, OUTPUTS)


@pytest.mark.parametrize(
    "source",
    [
        b"",
        b"no network",
        network()[:-9],
        network().replace(b"affine_", b"afine__"),
        network().replace(b"con_4\x01\x02", b"con_4\x01\x03"),
        network().replace(b"fc_2", b"fc_3"),
    ],
    ids=["empty", "rubbish", "cut", "no affine", "other tensor", "no output"],
)
def test_file_that_is_no_such_network_is_refused(source: bytes) -> None:
    with pytest.raises(LayerError, match="not dlib's"):
        assemble(source, INPUTS, OUTPUTS)
