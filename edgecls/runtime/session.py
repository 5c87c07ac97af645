"""An onnxruntime session that runs where it says it runs."""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecls.errors import InputShapeError, ModelFileError, ProviderError
from edgecls.model_card import ModelCard
from edgecls.modelfile import INPUT_NAME, OUTPUT_NAME, ModelFile
from edgecls.runtime import providers
from edgecls.runtime.golden import check_golden
from edgecls.runtime.providers import Provider, SkippedProvider

__all__ = ["Batch", "Probabilities", "Session", "open_session"]

Batch = npt.NDArray[np.uint8]
"""Pictures: uint8, ``[N, height, width, channels]``."""

Probabilities = npt.NDArray[np.float32]
"""float32, ``[N, labels]``; every row sums to 1."""


@dataclass(frozen=True)
class Session:
    """A network that is ready to run; safe to share between threads.

    Attributes:
        card: What the model file says about itself.
        provider: What the network really runs on.
        nodes: Number of nodes of the network on each provider, by onnxruntime's names; empty on the CPU,
            where there is nothing to tell.
        skipped: Providers that were tried before this one, with reason and remedy.
    """

    card: ModelCard
    provider: Provider
    nodes: dict[str, int]
    skipped: tuple[SkippedProvider, ...]
    _session: Any

    def run(self, batch: Batch) -> Probabilities:
        """Return the probabilities for a batch of pictures.

        Args:
            batch: uint8, ``[N, height, width, channels]`` at the model's size, N at least 1.

        Raises:
            InputShapeError: The batch has another shape or dtype.
            ProviderError: The provider failed while running.
        """
        shape = self.card.image.shape_hwc
        if batch.dtype != np.uint8 or batch.ndim != 4 or batch.shape[1:] != shape or not len(batch):
            raise InputShapeError(
                f"cannot classify an array of {batch.dtype} {batch.shape}: model {self.card.name!r} takes uint8 "
                f"of shape (N, {', '.join(map(str, shape))}); bring pictures there with edgecls.image.fit"
            )
        try:
            (probabilities,) = self._session.run([OUTPUT_NAME], {INPUT_NAME: batch})
        except _errors() as error:
            raise ProviderError(f"running model {self.card.name!r} on {self.provider} failed: {error}") from error
        result: Probabilities = probabilities
        return result


def open_session(model: ModelFile, provider: Provider, *, intra_op_threads: int) -> Session:
    """Open a model on a provider, and prove that it runs there.

    Args:
        model: The model file.
        provider: One by name, which never falls back; or AUTO for the first that works.
        intra_op_threads: Threads that one run may use on the CPU.

    Raises:
        ProviderError: The provider asked for, or with AUTO every one, cannot run the model.
        ModelFileError: The network does not match its document, or onnxruntime cannot load it.
    """
    skipped: list[SkippedProvider] = []
    for candidate in providers.candidates(provider):
        reason = providers.missing(candidate)
        if reason is None:
            session, reason = _try_provider(model, candidate, tuple(skipped), intra_op_threads)
            if session is not None:
                return session
        skipped.append(providers.skipped(candidate, reason))
    tried = "; ".join(map(str, skipped)) or "the installed onnxruntime has none that edgecls knows"
    raise ProviderError(f"cannot run model {model.path!r} on {provider}. {tried}")


def _try_provider(
    model: ModelFile, provider: Provider, skipped: tuple[SkippedProvider, ...], intra_op_threads: int
) -> tuple[Session | None, str]:
    """Return the session, or None and the reason why the provider cannot be used."""
    onnxruntime = providers.load_onnxruntime()
    on_gpu = provider is not Provider.CPU
    missing_libraries = providers.preload_gpu_libraries() if on_gpu else ()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = intra_op_threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    if on_gpu:
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    try:
        inner = onnxruntime.InferenceSession(
            model.onnx, options, providers=provider.onnxruntime_names, enable_fallback=0
        )
    except _errors() as error:
        if on_gpu:
            return None, _one_line(error)
        raise ModelFileError(
            f"cannot use model {model.path!r}: onnxruntime cannot load its network ({_one_line(error)}); "
            "get a fresh copy or update onnxruntime"
        ) from error
    inner._model_bytes = None  # onnxruntime keeps the whole file to change providers with, which never happens here
    _check_signature(inner, model)
    if provider.onnxruntime_name not in inner.get_providers():
        if missing_libraries:
            return None, f"cannot load {', '.join(missing_libraries)}"
        return None, "its libraries cannot be loaded, or there is no such device"
    session = Session(model.card, provider, _count_nodes(inner) if on_gpu else {}, skipped, inner)
    if on_gpu:
        if not session.nodes.get(provider.onnxruntime_name):
            return None, "onnxruntime put no part of the network on it"
        failed = [result for result in check_golden(model.card, session.run) if not result.passed]
        if failed:
            return None, f"it gives wrong answers ({failed[0]})"
    return session, ""


def _count_nodes(inner: Any) -> dict[str, int]:
    nodes: Counter[str] = Counter()
    for subgraph in inner.get_provider_graph_assignment_info():
        nodes[subgraph.ep_name] += len(subgraph.get_nodes())
    return dict(nodes)


def _check_signature(inner: Any, model: ModelFile) -> None:
    """Refuse a network whose input or output is not what its document says."""
    spec = model.card.image
    inputs = [(node.name, node.type, tuple(node.shape[1:])) for node in inner.get_inputs()]
    outputs = [(node.name, node.type, tuple(node.shape[1:])) for node in inner.get_outputs()]
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


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return re.sub(r"^/\S+:\d+ .*?\) ", "", text)  # without the place in onnxruntime's source


def _errors() -> tuple[type[BaseException], ...]:
    """The exceptions of onnxruntime, which have no base class of their own, and those of its Python layer."""
    state = providers.load_onnxruntime().capi.onnxruntime_pybind11_state
    names = (
        "EPFail",
        "EngineError",
        "Fail",
        "InvalidArgument",
        "InvalidGraph",
        "InvalidProtobuf",
        "ModelRequiresCompilation",
        "NoModel",
        "NotImplemented",
        "RuntimeException",
    )
    return (*(getattr(state, name) for name in names if hasattr(state, name)), RuntimeError, ValueError)
