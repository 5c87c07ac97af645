"""A network that OpenVINO runs on the CPU, asked in the way in which an onnxruntime session is.

onnxruntime's own build with OpenVINO, the wheel onnxruntime-openvino, is no longer made; the plugin that takes its
place offers Intel's processors only. The package openvino can be installed next to any wheel of onnxruntime.
"""

import collections
import sys
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecls.errors import ProviderError
from edgecls.extras import import_from_extra
from edgecls.modelfile import ACTIVATION_NAME, FAMILIARITY_NAME, FEATURES_NAME, INPUT_NAME, OUTPUT_NAME
from edgecls.runtime.machine.cores import usable_cores

__all__ = ["OpenVinoNetwork", "Tensor", "open_openvino_network"]

_NAMES = (INPUT_NAME, OUTPUT_NAME, ACTIVATION_NAME, FAMILIARITY_NAME, FEATURES_NAME)
_TYPES = {"u8": "tensor(uint8)", "f32": "tensor(float)"}  # as onnxruntime calls them


@dataclass(frozen=True)
class Tensor:
    """An input or output of a network.

    Attributes:
        name: Its name.
        type: What it holds, as onnxruntime calls it.
        shape: Its sides, as the network gives them for one image; None where that differs from run to run.
    """

    name: str
    type: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class OpenVinoNetwork:
    """A network that is ready to run; may be shared between threads.

    It is made for one image, as one for any number of them is slower; several run one after the other.
    """

    _compiled: Any
    _idle: collections.deque[Any] = field(default_factory=collections.deque)
    """Requests that no thread uses; each holds memory for one run. There are as many as there were runs at once."""

    def get_inputs(self) -> list[Tensor]:
        """Return what the network takes."""
        return [_tensor(one) for one in self._compiled.inputs]

    def get_outputs(self) -> list[Tensor]:
        """Return what the network gives."""
        return [_tensor(one) for one in self._compiled.outputs]

    def run(self, names: list[str], values: dict[str, npt.NDArray[np.uint8]]) -> list[npt.NDArray[np.float32]]:
        """Return outputs, by their names, for a batch of images under the name of the input.

        Raises:
            RuntimeError: OpenVINO failed.
        """
        try:
            request = self._idle.pop()
        except IndexError:
            request = self._compiled.create_infer_request()
        rows = [self._run_one(request, image, names) for image in values[INPUT_NAME]]
        self._idle.append(request)  # not after a failure, which may have left it unusable
        return rows[0] if len(rows) == 1 else [np.concatenate(parts) for parts in zip(*rows, strict=True)]

    def _run_one(self, request: Any, image: npt.NDArray[np.uint8], names: list[str]) -> list[npt.NDArray[np.float32]]:
        request.get_input_tensor().data[0] = image
        request.infer()
        return [request.get_tensor(name).data.copy() for name in names]  # the next run writes to the same place


def open_openvino_network(onnx: bytes, *, intra_op_threads: int) -> OpenVinoNetwork:
    """Open a network on the CPU, for as many runs at once as the usable cores allow.

    Its threads are shared by all callers, where onnxruntime's own work for the caller.

    Args:
        onnx: A serialised ONNX model with all its weights inside, whose only input is a batch of images.
        intra_op_threads: Threads that one run may use.

    Raises:
        MissingExtraError: OpenVINO is not installed.
        ProviderError: It is damaged, or cannot open the network; the message is the reason and no more.
    """
    # Importing openvino reports that to its makers, unless this module is missing.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        openvino = import_from_extra("openvino", extra="openvino", purpose="the provider openvino")
    except (ImportError, AttributeError, OSError) as error:
        raise ProviderError(f"cannot load OpenVINO: it is damaged or incomplete ({error})") from error
    streams = max(1, usable_cores() // intra_op_threads)
    settings = {
        "NUM_STREAMS": streams,
        "INFERENCE_NUM_THREADS": streams * intra_op_threads,
        "INFERENCE_PRECISION_HINT": "f32",  # or it takes bfloat16 where the processor has it, and answers otherwise
        "ENABLE_CPU_PINNING": False,  # or several processes take the same cores
    }
    try:
        core = openvino.Core()
        network = core.read_model(onnx)
        network.reshape([1, *list(network.inputs[0].partial_shape)[1:]])
        return OpenVinoNetwork(core.compile_model(network, "CPU", settings))
    except (RuntimeError, ValueError, TypeError) as error:
        raise ProviderError(" ".join(str(error).split())) from error


def _tensor(port: Any) -> Tensor:
    kind = port.element_type.get_type_name()
    sides = tuple(side.get_length() if side.is_static else None for side in port.partial_shape)
    # Where a node was found to be unneeded, its output is also called by the name of its input.
    name = next((name for name in _NAMES if name in port.names), port.any_name)
    return Tensor(name, _TYPES.get(kind, f"tensor({kind})"), sides)
