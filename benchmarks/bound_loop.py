"""onnxruntime without edgecls: run as its guides show it, bound to the device, or replayed as a CUDA graph."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecls.modelfile import ACTIVATION_NAME, FEATURES_NAME, INPUT_NAME, OUTPUT_NAME, read_model
from edgecls.runtime.execution.ort import load_onnxruntime
from edgecls.runtime.execution.plugins import best_device, hindrance_of_plugin
from edgecls.runtime.execution.provider_options import provider_options
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.optional_outputs import without_outputs

__all__ = ["graph_run", "plain_runs", "plain_session"]


def plain_session(model: Path, provider: Provider, batches: Sequence[int] = (1,)) -> Any:
    """Open the network of a model file without edgecls, with one thread a run.

    Args:
        model: The model file.
        provider: What it runs on. TensorRT gets edgecls's options, as it would build an engine for every batch size.
        batches: All sizes that will be run.

    Raises:
        SystemExit: The provider is a plugin, and cannot run anything here.
    """
    onnxruntime = load_onnxruntime()
    read = read_model(model)
    network, settings = without_outputs(read.onnx, ACTIVATION_NAME, FEATURES_NAME), [provider.onnxruntime_name]
    if provider.plugin_module:
        hindrance, options = hindrance_of_plugin(provider), _options()
        if hindrance:
            raise SystemExit(str(hindrance))
        options.add_provider_for_devices([best_device(provider)], {})
        return onnxruntime.InferenceSession(network, options)
    if provider is Provider.TENSORRT:
        settings = provider_options(provider, read, batch_sizes=tuple(sorted(batches, reverse=True)))
    return onnxruntime.InferenceSession(network, _options(), providers=settings)


def _options() -> Any:
    options = load_onnxruntime().SessionOptions()
    options.intra_op_num_threads = 1
    return options


def graph_run(model: Path, pixels: npt.NDArray[np.uint8]) -> Callable[[], object]:
    """Return a way to run a batch that CUDA has recorded once and replays; pixels are copied there and answers back.

    Args:
        model: The model file.
        pixels: uint8, ``[N, height, width, channels]``.

    Raises:
        Exception: Of onnxruntime's, where the network cannot be recorded; CUDA then has to run all its nodes.
    """
    onnxruntime = load_onnxruntime()
    read = read_model(model)
    options = _options()
    outer = onnxruntime.InferenceSession(read.onnx, _options(), providers=["CPUExecutionProvider"])
    for name in {size for value in outer.get_inputs() for size in value.shape if isinstance(size, str)}:
        options.add_free_dimension_override_by_name(name, len(pixels))  # or shapes are computed on the CPU
    session = onnxruntime.InferenceSession(
        without_outputs(read.onnx, ACTIVATION_NAME, FEATURES_NAME),
        options,
        providers=[(Provider.CUDA.onnxruntime_name, {"enable_cuda_graph": "1"})],
    )
    there = onnxruntime.OrtValue.ortvalue_from_numpy(pixels, "cuda", 0)
    answers = onnxruntime.OrtValue.ortvalue_from_shape_and_type(
        [len(pixels), len(read.card.labels)], np.float32, "cuda", 0
    )
    binding = session.io_binding()
    binding.bind_ortvalue_input(INPUT_NAME, there)  # at the same addresses in every run
    binding.bind_ortvalue_output(OUTPUT_NAME, answers)

    def run() -> object:
        there.update_inplace(pixels)
        session.run_with_iobinding(binding)
        return answers.numpy()

    run()  # records
    return run


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
