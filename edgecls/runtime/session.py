"""A model opened on a provider, after verifying that it runs there and gives the right answers."""

import contextlib
import functools
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgecls.errors import InputShapeError, ModelFileError, ProviderError
from edgecls.model_card import ModelCard
from edgecls.modelfile import (
    ACTIVATION_NAME,
    FAMILIARITY_NAME,
    FEATURES_NAME,
    INPUT_NAME,
    OUTPUT_NAME,
    ModelFile,
)
from edgecls.onnx_container import DamagedContainerError
from edgecls.runtime.answers import Answers, Batch, Probabilities
from edgecls.runtime.execution.onnxruntime_network import count_nodes, open_on_cpu, open_on_provider
from edgecls.runtime.execution.ort import one_line, onnxruntime_errors, stdout_to_stderr
from edgecls.runtime.execution.providers import Provider, SkippedProvider, providers_to_try
from edgecls.runtime.machine.processor import may_overflow_here
from edgecls.runtime.optional_outputs import output_widths, without_outputs

if TYPE_CHECKING:  # loaded where a heat map is asked for
    from edgecls.runtime.receptive_field import CellAxis

__all__ = ["Activation", "Session", "open_session", "try_provider"]

Activation = npt.NDArray[np.float32]
"""How much each place of an image speaks for each label: float32, ``[N, h, w, labels]``."""


@dataclass(frozen=True)
class Session:
    """A network that is ready to run; safe to share between threads.

    Attributes:
        card: What the model file says about itself.
        provider: What the network really runs on.
        nodes: Number of nodes of the network on each provider, by onnxruntime's names; empty on the CPU and on
            OpenVINO, which run all of it.
        skipped: Providers that were tried before this one, with reason and remedy.
        is_explainable: The model file has a class activation; this session gives it only if it was opened so.
        feature_count: Features that the model file has for each image; this session gives them only if it was opened
            so. None if it has none.
        cell_axes: Where the rows and columns of that class activation look, if it was opened so and this is known.
    """

    card: ModelCard
    provider: Provider
    nodes: dict[str, int]
    skipped: tuple[SkippedProvider, ...]
    _session: Any
    is_explainable: bool = False
    feature_count: int | None = None
    cell_axes: "tuple[CellAxis, CellAxis] | None" = None
    _largest_batch: int | None = None
    _turn: contextlib.AbstractContextManager[object] = field(default_factory=contextlib.nullcontext)

    def gives(self, output: str) -> bool:
        """Return whether the network has an output as it was opened."""
        return output in self._output_names

    def run(self, batch: Batch) -> Probabilities:
        """Return the probabilities for a batch of images; arguments and errors as for `run_all`."""
        return self.run_all(batch).probabilities

    def run_all(self, batch: Batch) -> Answers:
        """Return what the network gives for a batch of images, from one run.

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
                f"of shape (N, {', '.join(map(str, shape))}); bring images there with edgecls.image.fit"
            )
        largest = self._largest_batch or len(batch)
        names = self._answer_names
        parts = [self._run(batch[start : start + largest], names) for start in range(0, len(batch), largest)]
        return self._answers(parts[0] if len(parts) == 1 else list(map(np.concatenate, zip(*parts, strict=True))))

    def run_explained(self, image: npt.NDArray[np.uint8]) -> tuple[Answers, Activation | None]:
        """Return what the network gives for one image, and the class activation.

        Args:
            image: uint8, ``[height, width, channels]`` at the model's size.

        Returns:
            As for a batch of one. The second is None if the session was opened without a class activation.

        Raises:
            ProviderError: The provider failed while running.
        """
        batch = image[np.newaxis]
        if ACTIVATION_NAME not in self._output_names:
            return self.run_all(batch), None
        *values, activation = self._run(batch, [*self._answer_names, ACTIVATION_NAME])
        return self._answers(values), activation

    def _answers(self, values: list[npt.NDArray[np.float32]]) -> Answers:
        found = dict(zip(self._answer_names, values, strict=True))
        return Answers(found[OUTPUT_NAME], found.get(FAMILIARITY_NAME), found.get(FEATURES_NAME))

    @functools.cached_property
    def _output_names(self) -> frozenset[str]:
        return frozenset(output.name for output in self._session.get_outputs())

    @functools.cached_property
    def _answer_names(self) -> list[str]:
        return [name for name in (OUTPUT_NAME, FAMILIARITY_NAME, FEATURES_NAME) if name in self._output_names]

    def _run(self, batch: Batch, outputs: list[str]) -> list[npt.NDArray[np.float32]]:
        try:
            with self._turn:
                found: list[npt.NDArray[np.float32]] = self._session.run(outputs, {INPUT_NAME: batch})
        except onnxruntime_errors() as error:
            raise ProviderError(
                f"running model {self.card.name!r} on {self.provider} failed: {one_line(error)}"
            ) from error
        return found


def open_session(
    model: ModelFile,
    provider: Provider,
    *,
    intra_op_threads: int,
    batch_sizes: Sequence[int] = (1,),
    class_activation: bool = False,
    features: bool = False,
) -> Session:
    """Open a model on a provider, and verify that it runs there.

    On anything but the CPU, the golden samples run in batches of every size in use: that takes the slow
    first run of each size away from later callers, and a provider that gives wrong answers is not used.

    Args:
        model: The model file.
        provider: One by name, which never falls back; or AUTO for the first that works.
        intra_op_threads: Threads that one run may use on the CPU.
        batch_sizes: All that will be used, the likeliest first, each at least 1. Others work too, but may be slow
            when they first come.
        class_activation: Keep the class activation of a model file that has one, for `Session.run_explained`. It is
            then computed in every run.
        features: Keep the features of a model file that has them, for `Answers.features`.

    Raises:
        ProviderError: The provider asked for, or with AUTO every one, cannot run the model.
        ModelFileError: The network does not match its document, or onnxruntime cannot load it.
    """
    skipped: list[SkippedProvider] = []
    for candidate in providers_to_try(provider):
        found = try_provider(
            model,
            candidate,
            intra_op_threads=intra_op_threads,
            batch_sizes=batch_sizes,
            skipped=tuple(skipped),
            class_activation=class_activation,
            features=features,
        )
        if provider is Provider.AUTO and candidate.plugin_module and isinstance(found, Session):
            from edgecls.runtime.execution.plugins import not_for_auto

            found = not_for_auto(candidate, found.nodes) or found
        if isinstance(found, Session):
            return found
        skipped.append(found)
    tried = "; ".join(map(str, skipped)) or "the installed onnxruntime has none that edgecls knows"
    raise ProviderError(f"cannot run model {model.path!r} on {provider}. {tried}")


def try_provider(
    model: ModelFile,
    provider: Provider,
    *,
    intra_op_threads: int,
    batch_sizes: Sequence[int] = (1,),
    skipped: tuple[SkippedProvider, ...] = (),
    class_activation: bool = False,
    features: bool = False,
) -> Session | SkippedProvider:
    """Open a model on a provider as `open_session` does, and return the session, or why it cannot be used.

    Args:
        model: The model file.
        provider: One by name.
        intra_op_threads: As for `open_session`.
        batch_sizes: As for `open_session`.
        skipped: Providers that were tried before, for the session's attribute.
        class_activation: As for `open_session`.
        features: As for `open_session`.

    Raises:
        ModelFileError: As `open_session`.
    """
    try:
        return _try_lean(provider, model, skipped, intra_op_threads, tuple(batch_sizes), class_activation, features)
    except DamagedContainerError as error:
        raise ModelFileError(f"cannot use model {model.path!r}: {error}; get a fresh copy") from error


def _try_lean(
    provider: Provider,
    model: ModelFile,
    skipped: tuple[SkippedProvider, ...],
    intra_op_threads: int,
    batch_sizes: tuple[int, ...],
    class_activation: bool,
    features: bool,
) -> Session | SkippedProvider:
    """Open a model without the outputs that are not wanted; raises also what damage within its file raises."""
    widths = output_widths(model.onnx)
    is_explainable, feature_count = ACTIVATION_NAME in widths, widths.get(FEATURES_NAME)
    unneeded = {ACTIVATION_NAME: not class_activation, FEATURES_NAME: not features}
    model = replace(model, onnx=without_outputs(model.onnx, *(name for name, left_out in unneeded.items() if left_out)))
    found = _open_on(provider, model, skipped, intra_op_threads, batch_sizes)
    if not isinstance(found, Session):
        return found
    axes = None
    if class_activation and is_explainable:
        from edgecls.runtime.receptive_field import cell_axes

        axes = cell_axes(model.onnx, height=model.card.image.height, width=model.card.image.width)
    return replace(found, is_explainable=is_explainable, feature_count=feature_count, cell_axes=axes)


def _open_on(
    provider: Provider,
    model: ModelFile,
    skipped: tuple[SkippedProvider, ...],
    intra_op_threads: int,
    batch_sizes: tuple[int, ...],
) -> Session | SkippedProvider:
    if provider is Provider.CPU:
        return _open_on_cpu(model, skipped, intra_op_threads)
    from edgecls.runtime.execution.probe import explained, probe  # a CPU does not need it

    with stdout_to_stderr():
        hindrance = probe(provider)
        if hindrance:
            return hindrance
        try:
            return _open_elsewhere(model, provider, skipped, intra_op_threads, batch_sizes)
        except ProviderError as error:
            return explained(provider, str(error))


def _open_on_cpu(model: ModelFile, skipped: tuple[SkippedProvider, ...], intra_op_threads: int) -> Session:
    try:
        inner = open_on_cpu(model.onnx, intra_op_threads=intra_op_threads)
    except onnxruntime_errors() as error:
        raise ModelFileError(
            f"cannot use model {model.path!r}: onnxruntime cannot load its network ({one_line(error)}); "
            "get a fresh copy or update onnxruntime"
        ) from error
    _check_signature(inner, model)
    session = Session(model.card, Provider.CPU, {}, skipped, inner)
    if may_overflow_here(model.card):
        from edgecls.runtime.golden import check_answers

        failed = [result for result in check_answers(model.card, session.run_all) if not result.passed]
        if failed:
            raise ModelFileError(
                f"cannot use model {model.path!r}: it was quantised for processors with VNNI, and on this one it gives "
                f"wrong answers ({failed[0]}); quantise it again with --cpu x86, which is right on all of them"
            )
    return session


def _open_elsewhere(
    model: ModelFile,
    provider: Provider,
    skipped: tuple[SkippedProvider, ...],
    intra_op_threads: int,
    batch_sizes: tuple[int, ...],
) -> Session:
    """Return a session that was verified to run the network on the provider, with the right answers.

    Raises:
        ProviderError: It does not; the message is the reason and no more.
    """
    from edgecls.runtime.golden import TOGETHER, check_answers

    sizes = (*batch_sizes, TOGETHER)  # which the golden samples run in
    nodes: dict[str, int] = {}
    if provider is Provider.OPENVINO:
        from edgecls.runtime.execution.openvino_network import open_openvino_network

        inner: Any = open_openvino_network(model.onnx, intra_op_threads=intra_op_threads)
    else:
        inner = open_on_provider(model, provider, intra_op_threads=intra_op_threads, batch_sizes=sizes)
        nodes = count_nodes(inner)
    _check_signature(inner, model)
    session = Session(
        model.card,
        provider,
        nodes,
        skipped,
        inner,
        # A larger batch would have TensorRT build a new engine while callers wait.
        _largest_batch=max(sizes) if provider is Provider.TENSORRT else None,
        # DirectML forbids runs of one session at the same time, and not every plugin promises to allow them.
        _turn=threading.Lock() if provider is Provider.DIRECTML or provider.plugin_module else contextlib.nullcontext(),
    )
    failed = [result for result in check_answers(model.card, session.run_all, batch_sizes=sizes) if not result.passed]
    if failed:
        raise ProviderError(f"it gives wrong answers ({failed[0]})")
    return session


def _check_signature(network: Any, model: ModelFile) -> None:
    """Refuse a network whose input or output is not what its document says.

    Args:
        network: An onnxruntime session, or an object with the same `get_inputs` and `get_outputs`.
        model: The model file it was opened from.

    Raises:
        ModelFileError: They are not; the message says what both are.
    """
    shape_hwc, labels = model.card.image.shape_hwc, len(model.card.labels)
    inputs = [(node.name, node.type, tuple(node.shape[1:])) for node in network.get_inputs()]
    outputs = [(node.name, node.type, tuple(node.shape[1:])) for node in network.get_outputs()]
    if inputs != [(INPUT_NAME, "tensor(uint8)", shape_hwc)]:
        raise ModelFileError(
            f"cannot use model {model.path!r}: its document promises one input {INPUT_NAME!r}, uint8 of shape "
            f"(N, {', '.join(map(str, shape_hwc))}), its network takes {inputs}; export it again"
        )
    if (OUTPUT_NAME, "tensor(float)", (labels,)) not in outputs:
        raise ModelFileError(
            f"cannot use model {model.path!r}: its document names {labels} labels, which takes an output "
            f"{OUTPUT_NAME!r}, float32 of shape (N, {labels}); its network gives {outputs}; export it again"
        )
    if model.card.familiarity is not None and FAMILIARITY_NAME not in [name for name, _, _ in outputs]:
        raise ModelFileError(
            f"cannot use model {model.path!r}: its document has thresholds of familiarity, which takes an output "
            f"{FAMILIARITY_NAME!r}; its network gives {outputs}; export it again"
        )
    sides = {ACTIVATION_NAME: ("h", "w", labels), FAMILIARITY_NAME: (), FEATURES_NAME: ("D",)}
    for name, kind, shape in outputs:
        wanted = sides.get(name, shape)
        fits = [isinstance(side, str) or side == found for side, found in zip(wanted, shape, strict=False)]
        if name in sides and (kind != "tensor(float)" or len(shape) != len(wanted) or not all(fits)):
            raise ModelFileError(
                f"cannot use model {model.path!r}: its output {name!r} must be float32 of shape "
                f"({', '.join(map(str, ('N', *wanted)))}), "
                f"it is {kind} of shape ({', '.join(map(str, ('N', *shape)))}); export it again"
            )
