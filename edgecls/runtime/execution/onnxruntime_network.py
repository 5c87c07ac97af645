"""Networks opened in onnxruntime: on the CPU, or on another provider after checking that they really run there.

onnxruntime falls back to the CPU without an exception in several ways. So a session is opened with fallback switched
off, and asked afterwards where it put the nodes.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecls.errors import ModelFileError, ProviderError
from edgecls.modelfile import FAMILIARITY_NAME, ModelFile
from edgecls.runtime.execution.ort import load_onnxruntime, one_line, onnxruntime_errors
from edgecls.runtime.execution.providers import Provider

__all__ = ["RawNetwork", "count_nodes", "open_on_cpu", "open_on_provider", "open_raw_network", "put_elsewhere"]

_COMPUTING = ("Conv", "Gemm", "MatMul", "TreeEnsemble", "LinearClassifier", "LinearRegressor", "SVM")
"""Parts of the names of the operators that do the work; others move data, compute shapes or finish off."""


def open_on_cpu(onnx: bytes, *, intra_op_threads: int) -> Any:
    """Open a network on the CPU and return onnxruntime's session.

    Raises:
        BaseException: One of `onnxruntime_errors`.
    """
    session = _open(onnx, _session_options(intra_op_threads), [(Provider.CPU.onnxruntime_name, {})])
    session._model_bytes = None  # onnxruntime keeps the whole file to change providers with, which never happens here
    return session


def open_on_provider(
    model: ModelFile, provider: Provider, *, intra_op_threads: int, batch_sizes: tuple[int, ...]
) -> Any:
    """Open a network on any other provider of onnxruntime, and return onnxruntime's session.

    Args:
        model: The model file.
        provider: Not AUTO, CPU or OPENVINO.
        intra_op_threads: Threads that one run may use on the CPU.
        batch_sizes: All that will be used, the likeliest first.

    Raises:
        ProviderError: It cannot be opened there, or does not run there; the message is the reason and no more.
    """
    from edgecls.runtime.execution.provider_options import provider_options  # a CPU does not need it

    runtime = load_onnxruntime()
    if not hasattr(runtime.InferenceSession, "get_provider_graph_assignment_info"):
        raise ProviderError(
            f"onnxruntime {runtime.__version__} does not tell what really runs there; 1.24.1 or newer is needed"
        )
    options = _session_options(intra_op_threads)
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    if provider is Provider.DIRECTML:
        options.enable_mem_pattern = False  # it cannot have memory planned ahead
    settings = None if provider.plugin_module else provider_options(provider, model, batch_sizes=batch_sizes)
    try:
        if settings is None:
            from edgecls.runtime.execution.plugins import best_device

            options.add_provider_for_devices([best_device(provider)], {})
        session = _open(model.onnx, options, settings)
    except onnxruntime_errors() as error:
        raise ProviderError(one_line(error)) from error
    if provider.onnxruntime_name not in session.get_providers():
        raise ProviderError("onnxruntime cannot load its library, or finds no such device")
    lost = put_elsewhere(session, provider)
    if lost:
        raise ProviderError(lost)
    return session


def _session_options(intra_op_threads: int) -> Any:
    options = load_onnxruntime().SessionOptions()
    options.intra_op_num_threads = intra_op_threads  # or onnxruntime takes as many as the host has cores
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return options


def _open(onnx: bytes, options: Any, settings: list[tuple[str, dict[str, str]]] | None) -> Any:
    """Open a session that raises an exception where onnxruntime would fall back to the CPU, and say so on stdout.

    Args:
        onnx: The network.
        options: A SessionOptions.
        settings: Providers and their options; None if `options` name a device instead.
    """
    return load_onnxruntime().InferenceSession(onnx, options, providers=settings, enable_fallback=0)


def count_nodes(session: Any) -> dict[str, int]:
    """Return the number of nodes on each provider, by onnxruntime's names.

    Args:
        session: An onnxruntime session opened with "session.record_ep_graph_assignment_info".
    """
    nodes: Counter[str] = Counter()
    for subgraph in session.get_provider_graph_assignment_info():
        nodes[subgraph.ep_name] += len(subgraph.get_nodes())
    return dict(nodes)


def put_elsewhere(session: Any, provider: Provider) -> str | None:
    """Return why the network does not really run on a provider, or None if it does.

    It does if the provider and its helpers, except for the CPU, have all nodes that compute. Those for the familiarity
    do not count: they are small, and a provider may leave them out.

    Args:
        session: As for `count_nodes`.
        provider: What the network was to run on.
    """
    elsewhere: Counter[str] = Counter()
    own = 0
    for subgraph in session.get_provider_graph_assignment_info():
        nodes = [node for node in subgraph.get_nodes() if not node.name.startswith(FAMILIARITY_NAME)]
        if subgraph.ep_name == provider.onnxruntime_name:
            own += len(nodes)
        elif subgraph.ep_name == Provider.CPU.onnxruntime_name:
            operators = [node.op_type for node in nodes]
            elsewhere.update(name for name in operators if any(word in name for word in _COMPUTING))
    if not own:
        return "onnxruntime put no part of the network on it"
    if elsewhere:
        left = ", ".join(f"{count} {name}" for name, count in elsewhere.most_common())
        return f"onnxruntime left part of the network on the CPU ({left})"
    return None


@dataclass(frozen=True)
class RawNetwork:
    """A network on the CPU that is no model file yet, whatever its inputs and outputs.

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
    try:
        session = open_on_cpu(onnx, intra_op_threads=intra_op_threads)
    except onnxruntime_errors() as error:
        raise ModelFileError(
            f"onnxruntime cannot load {name!r}: {one_line(error)}; get a fresh copy or update onnxruntime"
        ) from error
    return RawNetwork(name, session)
