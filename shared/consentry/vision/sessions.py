"""ONNX Runtime sessions: one per model and process, made on first use, thread-safe."""

import os
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, Final

import numpy as np

# ONNX Runtime's published builds tell Microsoft of each process, model and error, and leave an
# identifier of the machine on its disk, unless this stands in the environment when they load.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as state

from consentry.errors import LayerError
from consentry.vision.layer import Role
from consentry.vision.layer.lock import Lock as ModelLock
from consentry.vision.layer.lock import ModelPin
from consentry.vision.layer.store import Layer
from consentry.vision.stages import MODEL, stage

Floats = NDArray[np.float32]

_FLOAT32: Final = "tensor(float)"
_AS_REQUESTED: Final = 1  # and not the next power of two; as ONNX Runtime numbers it
_PROVIDERS: Final = ["CPUExecutionProvider"]
# ONNX Runtime's errors have no common base.
_LOAD_ERRORS: Final = (
    state.Fail,
    state.InvalidArgument,
    state.InvalidGraph,
    state.InvalidProtobuf,
    state.NotImplemented,
    state.RuntimeException,
)


@cache
def _share_memory() -> None:
    """Let all models of the process work in one arena, which grows by what is asked for.

    An arena of its own for each, which doubles whenever it grows, takes half as much again for two
    detectors that look at pictures of many sizes.
    """
    memory = ort.OrtMemoryInfo(
        "Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT
    )
    arena = ort.OrtArenaCfg({"arena_extend_strategy": _AS_REQUESTED})
    ort.create_and_register_allocator(memory, arena)


class Model:
    """A loaded model with the inputs and outputs that its pin names."""

    def __init__(self, data: bytes, pin: ModelPin, threads: int) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        # A pattern is one block for all that a run needs, kept for every size of picture ever seen.
        options.enable_mem_pattern = False
        _share_memory()
        options.add_session_config_entry("session.use_env_allocators", "1")
        # Idle threads sleep: the host's other work needs the same cores.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = ort.InferenceSession(data, options, providers=_PROVIDERS)
        except _LOAD_ERRORS as error:
            raise LayerError(f"{pin.name} cannot be loaded: {type(error).__name__}") from None
        _check(self._session.get_inputs(), pin.inputs, pin)
        _check(self._session.get_outputs(), pin.outputs, pin)
        self._stage = MODEL + pin.name
        self._input = pin.inputs[0].name
        self._outputs = [tensor.name for tensor in pin.outputs]

    def run(self, batch: Floats) -> dict[str, Floats]:
        """Run on a batch shaped like the pinned input; gives the outputs by name."""
        with stage(self._stage):
            values = self._session.run(self._outputs, {self._input: batch})
        return dict(zip(self._outputs, values, strict=True))


class Sessions:
    """The models of a layer, each loaded once, when it is first asked for."""

    def __init__(self, layer: Path, threads: int, lock: ModelLock | None = None) -> None:
        self._layer = Layer(layer, lock)
        self._threads = threads
        self._models: dict[Role, Model] = {}
        self._loading = Lock()
        self.models = self._layer.models

    def get(self, role: Role) -> Model:
        """Give the model of a role; raises LayerError unless it is exactly what is pinned."""
        with self._loading:
            if role not in self._models:
                pin = self._layer.lock.pin(role)
                self._models[role] = Model(self._layer.read(role), pin, self._threads)
            return self._models[role]


def _check(actual: list[Any], pinned: tuple[Any, ...], pin: ModelPin) -> None:
    """Refuse a model whose tensors differ in name, shape or type from the pinned ones."""
    found = {(node.name, tuple(node.shape), node.type) for node in actual}
    wanted = {(tensor.name, tensor.shape, _FLOAT32) for tensor in pinned}
    if found != wanted:
        raise LayerError(f"the inputs or outputs of {pin.name} are not the pinned ones")
