"""Running an ONNX network that is no model file: a part of one, while it is being made."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from edgecls.modelfile import INPUT_NAME
from edgecls.runtime.providers import Provider, load_onnxruntime

__all__ = ["open_bare_network"]


def open_bare_network(
    onnx: bytes, *, intra_op_threads: int
) -> Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]:
    """Return a function from pictures to what the network gives for them, on the CPU.

    Args:
        onnx: A serialised ONNX model with input "image" and one output.
        intra_op_threads: Threads that one run may use.

    Raises:
        MissingExtraError: onnxruntime is not installed.
    """
    onnxruntime = load_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = intra_op_threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(onnx, options, providers=Provider.CPU.onnxruntime_names)

    def run(pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        (values,) = session.run(None, {INPUT_NAME: pictures})
        result: npt.NDArray[np.float32] = values
        return result

    return run
