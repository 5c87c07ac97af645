"""Sessions: right answers, honest providers, networks that do not match their documents."""

from dataclasses import replace

import numpy as np
import pytest
from tiny_model import TINY_SPEC, tiny_answer, tiny_card, tiny_golden, tiny_onnx

from edgecls import modelfile
from edgecls.errors import InputShapeError, ModelFileError, ProviderError
from edgecls.image_spec import Color, Fit, ImageSpec
from edgecls.model_card import ModelCard
from edgecls.modelfile import ModelFile
from edgecls.runtime.execution.providers import Provider, providers_to_try
from edgecls.runtime.session import Session, open_session


def _open(onnx: bytes, card: ModelCard, provider: Provider = Provider.CPU) -> Session:
    return open_session(ModelFile("m.onnx", card, modelfile.describe(onnx, card)), provider, intra_op_threads=1)


@pytest.mark.parametrize("batch_size", [1, 2, 7])
def test_a_batch_of_any_size_gives_the_known_answers(tiny_model: ModelFile, batch_size: int) -> None:
    batch = np.random.default_rng(batch_size).integers(0, 256, (batch_size, *TINY_SPEC.shape_hwc), dtype=np.uint8)

    probabilities = open_session(tiny_model, Provider.CPU, intra_op_threads=1).run(batch)

    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities, tiny_answer(batch), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "batch",
    [
        np.zeros((1, 8, 8, 3), np.float32),
        np.zeros((8, 8, 3), np.uint8),
        np.zeros((1, 9, 8, 3), np.uint8),
        np.zeros((1, 8, 8, 1), np.uint8),
        np.zeros((0, 8, 8, 3), np.uint8),
    ],
    ids=["float", "no-batch", "wrong-height", "gray", "empty"],
)
def test_an_array_of_another_shape_or_type_is_refused(tiny_model: ModelFile, batch: np.ndarray) -> None:
    session = open_session(tiny_model, Provider.CPU, intra_op_threads=1)

    with pytest.raises(InputShapeError, match=r"takes uint8 of shape \(N, 8, 8, 3\); .*edgecls\.image\.fit"):
        session.run(batch)


@pytest.mark.skipif(
    providers_to_try(Provider.AUTO) != [Provider.CPU], reason="this onnxruntime has more than the CPU built in"
)
class TestWithThePlainWheel:
    @pytest.mark.parametrize("provider", [Provider.CUDA, Provider.TENSORRT])
    def test_a_provider_asked_for_by_name_never_falls_back(self, tiny_model: ModelFile, provider: Provider) -> None:
        with pytest.raises(ProviderError, match=rf"on {provider}\..*built without it.*edgecls\[gpu\]"):
            open_session(tiny_model, provider, intra_op_threads=1)

    def test_auto_takes_the_cpu_and_has_nothing_to_explain(self, tiny_model: ModelFile) -> None:
        session = open_session(tiny_model, Provider.AUTO, intra_op_threads=1)

        assert (session.provider, session.skipped, session.nodes) == (Provider.CPU, (), {})


@pytest.mark.gpu
@pytest.mark.parametrize("batch_size", [1, 2, 7, 32])
def test_cuda_agrees_with_the_cpu_and_runs_the_nodes(tiny_model: ModelFile, batch_size: int) -> None:
    batch = np.random.default_rng(batch_size).integers(0, 256, (batch_size, *TINY_SPEC.shape_hwc), dtype=np.uint8)
    cuda = open_session(tiny_model, Provider.CUDA, intra_op_threads=1)
    cpu = open_session(tiny_model, Provider.CPU, intra_op_threads=1)

    assert cuda.provider is Provider.CUDA
    assert cuda.nodes["CUDAExecutionProvider"] > 0
    # TF32 keeps 10 bits of the mantissa.
    np.testing.assert_allclose(cuda.run(batch), cpu.run(batch), rtol=0, atol=2e-3)


def test_fewer_labels_than_outputs_are_refused() -> None:
    card = tiny_card(labels=("red", "green", "blue"))

    with pytest.raises(ModelFileError, match=r"names 3 labels.*shape \(N, 3\); its network gives .*4"):
        _open(tiny_onnx(labels=4), card)


def test_an_input_of_another_size_is_refused() -> None:
    card = tiny_card(image=ImageSpec(16, 8, Color.RGB, Fit.CROP))

    with pytest.raises(ModelFileError, match=r"promises one input 'image', uint8 of shape \(N, 16, 8, 3\)"):
        _open(tiny_onnx(), card)


def test_a_network_that_onnxruntime_cannot_load_is_refused() -> None:
    onnx = tiny_onnx().replace(b"Softmax", b"Softmux")

    with pytest.raises(ModelFileError, match=r"onnxruntime cannot load its network.*Softmux"):
        _open(onnx, tiny_card(golden=tiny_golden()))


def test_a_batch_beyond_what_an_engine_was_built_for_runs_in_parts(tiny_model: ModelFile) -> None:
    batch = np.random.default_rng(6).integers(0, 256, (5, *TINY_SPEC.shape_hwc), dtype=np.uint8)
    session = replace(open_session(tiny_model, Provider.CPU, intra_op_threads=1), _largest_batch=2)

    np.testing.assert_allclose(session.run(batch), tiny_answer(batch), rtol=0, atol=1e-6)
