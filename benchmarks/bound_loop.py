"""onnxruntime without edgecls: run as its guides show it, and with its input and output bound to the device."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecls.modelfile import INPUT_NAME, OUTPUT_NAME, read_model
from edgecls.runtime.class_activation import without_class_activation
from edgecls.runtime.execution.ort import load_onnxruntime
from edgecls.runtime.execution.providers import Provider

__all__ = ["plain_runs", "plain_session"]


def plain_session(model: Path, provider: Provider) -> Any:
    """Open the network of a model file without edgecls, with one thread a run."""
    onnxruntime = load_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    network = without_class_activation(read_model(model).onnx)
    return onnxruntime.InferenceSession(network, options, providers=[provider.onnxruntime_name])


def plain_runs(session: Any, provider: Provider, pixels: npt.NDArray[np.uint8]) -> dict[str, Callable[[], object]]:
    """Return three ways to run a batch.

    Args:
        session: As `plain_session` gives it.
        provider: What it runs on.
        pixels: uint8, ``[N, height, width, channels]``.

    Returns:
        "plain": `session.run` on an array. "copied": bound to memory of the device, pixels copied there and answers
        back in every run, as a user needs it. "bound": pixels lie on the device already and answers stay there.
    """
    onnxruntime = load_onnxruntime()
    device = "cuda" if provider.runs_on_nvidia else "cpu"

    def binding() -> tuple[Any, Any]:
        there = onnxruntime.OrtValue.ortvalue_from_numpy(pixels, device, 0)
        bound = session.io_binding()
        bound.bind_ortvalue_input(INPUT_NAME, there)
        bound.bind_output(OUTPUT_NAME, device, 0)
        return there, bound

    held, resting = binding()  # the binding does not keep the value alive
    refilled, travelling = binding()

    def run_bound() -> object:
        session.run_with_iobinding(resting)
        resting.synchronize_outputs()
        return held

    def run_copied() -> object:
        refilled.update_inplace(pixels)
        session.run_with_iobinding(travelling)
        return travelling.copy_outputs_to_cpu()

    return {
        "plain": lambda: session.run([OUTPUT_NAME], {INPUT_NAME: pixels}),
        "copied": run_copied,
        "bound": run_bound,
    }
