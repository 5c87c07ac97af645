"""Running an ONNX network as it is, whatever it takes and gives: one that is no model file yet."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecls.errors import ModelFileError, ProviderError
from edgecls.modelfile import ACTIVATION_NAME, INPUT_NAME, OUTPUT_NAME, ModelFile
from edgecls.runtime.execution.ort import one_line, onnxruntime_errors
from edgecls.runtime.execution.providers import Provider, load_onnxruntime

__all__ = ["RawNetwork", "check_signature", "open_raw_network"]


@dataclass(frozen=True)
class RawNetwork:
    """A network on the CPU that is ready to run.

    Attributes:
        name: What to call it in error messages.
    """

    name: str
    _session: Any

    def run(self, values: npt.NDArray[Any], *, input_name: str) -> dict[str, npt.NDArray[np.generic]]:
        """Return all outputs that are plain tensors, by name; sequences and maps are left out.

        Args:
            values: What the network's only input takes.
            input_name: The name of that input.

        Raises:
            ProviderError: onnxruntime failed while running.
        """
        names = [output.name for output in self._session.get_outputs()]
        try:
            found = self._session.run(names, {input_name: values})
        except onnxruntime_errors() as error:
            raise ProviderError(
                f"onnxruntime cannot run {self.name!r} on {values.dtype} {values.shape}: {one_line(error)}"
            ) from error
        return {name: value for name, value in zip(names, found, strict=True) if isinstance(value, np.ndarray)}


def open_raw_network(onnx: bytes, *, name: str, intra_op_threads: int = 1) -> RawNetwork:
    """Open any ONNX network on the CPU.

    Args:
        onnx: A serialised ONNX model with all its weights inside.
        name: What to call it in error messages.
        intra_op_threads: Threads that one run may use.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        ModelFileError: onnxruntime cannot load it.
    """
    onnxruntime = load_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = intra_op_threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(onnx, options, providers=[Provider.CPU.onnxruntime_name])
    except onnxruntime_errors() as error:
        raise ModelFileError(
            f"onnxruntime cannot load {name!r}: {one_line(error)}; get a fresh copy or update onnxruntime"
        ) from error
    return RawNetwork(name, session)


def check_signature(network: Any, model: ModelFile) -> None:
    """Refuse a network whose input or output is not what its document says.

    Args:
        network: An onnxruntime session, or what tells its inputs and outputs in the same way.
        model: The model file it was opened from.

    Raises:
        ModelFileError: They are not; the message says what both are.
    """
    spec = model.card.image
    inputs = [(node.name, node.type, tuple(node.shape[1:])) for node in network.get_inputs()]
    outputs = [(node.name, node.type, tuple(node.shape[1:])) for node in network.get_outputs()]
    if inputs != [(INPUT_NAME, "tensor(uint8)", spec.shape_hwc)]:
        raise ModelFileError(
            f"cannot use model {model.path!r}: its document promises one input {INPUT_NAME!r}, uint8 of shape "
            f"(N, {', '.join(map(str, spec.shape_hwc))}), its network takes {inputs}; export it again"
        )
    if (OUTPUT_NAME, "tensor(float)", (len(model.card.labels),)) not in outputs:
        raise ModelFileError(
            f"cannot use model {model.path!r}: its document names {len(model.card.labels)} labels, which takes an "
            f"output {OUTPUT_NAME!r}, float32 of shape (N, {len(model.card.labels)}); its network gives {outputs}; "
            "export it again"
        )
    for name, kind, shape in outputs:
        if name == ACTIVATION_NAME and (kind, len(shape), shape[-1:]) != (
            "tensor(float)",
            3,
            (len(model.card.labels),),
        ):
            raise ModelFileError(
                f"cannot use model {model.path!r}: its output {name!r} must be float32 of shape "
                f"(N, h, w, {len(model.card.labels)}), it is {kind} of shape (N, {', '.join(map(str, shape))}); "
                "export it again"
            )
