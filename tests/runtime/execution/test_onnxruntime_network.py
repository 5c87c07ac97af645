"""Networks in onnxruntime: run as they are, and which provider has which nodes."""

from dataclasses import dataclass

import numpy as np
import pytest
from onnx import TensorProto, helper
from tiny_model import tiny_answer, tiny_onnx

from edgecls.errors import ModelFileError, ProviderError
from edgecls.modelfile import ModelFile
from edgecls.runtime.execution.onnxruntime_network import (
    count_nodes,
    open_on_provider,
    open_raw_network,
    put_elsewhere,
)
from edgecls.runtime.execution.ort import load_onnxruntime
from edgecls.runtime.execution.providers import Provider

ASKED = "get_provider_graph_assignment_info"
IMAGES = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)


def test_every_output_comes_under_its_name() -> None:
    network = open_raw_network(tiny_onnx(), name="tiny")

    found = network.run(IMAGES, input_name="image")

    assert list(found) == ["probabilities"]
    np.testing.assert_allclose(found["probabilities"], tiny_answer(IMAGES), atol=1e-6)


def test_what_is_no_tensor_is_left_out() -> None:
    sequence = helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, None))
    graph = helper.make_graph(
        [helper.make_node("SequenceConstruct", ["x"], ["list"]), helper.make_node("Relu", ["x"], ["y"])],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])],
        [helper.make_value_info("list", sequence), helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

    found = open_raw_network(model.SerializeToString(), name="lists").run(np.float32([-1, 2]), input_name="x")

    assert {name: values.tolist() for name, values in found.items()} == {"y": [0, 2]}


@pytest.mark.parametrize("content", [b"", b"no network", tiny_onnx()[:-40]])
def test_what_onnxruntime_cannot_load_is_refused(content: bytes) -> None:
    with pytest.raises(ModelFileError, match="onnxruntime cannot load 'broken'"):
        open_raw_network(content, name="broken")


@pytest.mark.parametrize("values", [IMAGES.astype(np.float32), IMAGES[0]], ids=["dtype", "rank"])
def test_what_the_network_does_not_take_is_refused(values: np.ndarray) -> None:
    network = open_raw_network(tiny_onnx(), name="tiny")

    with pytest.raises(ProviderError, match="onnxruntime cannot run 'tiny' on"):
        network.run(values, input_name="image")


def test_an_onnxruntime_that_does_not_tell_where_the_nodes_are_runs_on_the_cpu_only(
    tiny_model: ModelFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_onnxruntime(), "InferenceSession", object)

    with pytest.raises(ProviderError, match=r"onnxruntime \S+ does not tell .* 1\.24\.1 or newer is needed"):
        open_on_provider(tiny_model, Provider.CUDA, intra_op_threads=1, batch_sizes=(1,))


@pytest.mark.skipif(not hasattr(load_onnxruntime().InferenceSession, ASKED), reason="needs onnxruntime 1.24.1")
def test_onnxruntime_tells_where_the_nodes_are(tiny_model: ModelFile) -> None:
    onnxruntime = load_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    session = onnxruntime.InferenceSession(tiny_model.onnx, options, providers=["CPUExecutionProvider"])

    assert count_nodes(session) == {"CPUExecutionProvider": 4}
    assert put_elsewhere(session, Provider.CPU) is None
    assert put_elsewhere(session, Provider.CUDA) == "onnxruntime put no part of the network on it"


@dataclass
class _Node:
    op_type: str
    name: str


@dataclass
class _Part:
    """A part of a network as onnxruntime describes it; no machine without a GPU has one on CUDA."""

    ep_name: str
    operators: str  # with the name of a node behind a colon, where it has one

    def get_nodes(self) -> list[_Node]:
        pairs = [text.partition(":") for text in self.operators.split()]
        return [_Node(operator, name) for operator, _, name in pairs]


@dataclass
class _Session:
    parts: list[_Part]

    def get_provider_graph_assignment_info(self) -> list[_Part]:
        return self.parts


@pytest.mark.parametrize(
    ("provider", "parts", "lost"),
    [
        (Provider.CUDA, [("CUDA", "Conv Relu Gemm"), ("CPU", "Shape Gather Cast")], None),
        (Provider.CUDA, [("CUDA", "Cast Relu"), ("CPU", "Conv Conv FusedGemm")], "2 Conv, 1 FusedGemm"),
        (Provider.CUDA, [("CUDA", "Cast"), ("CPU", "TreeEnsembleClassifier")], "1 TreeEnsembleClassifier"),
        (Provider.CUDA, [("CPU", "Softmax")], "no part of the network"),
        (Provider.TENSORRT, [("Tensorrt", "Conv"), ("CUDA", "Gemm"), ("CPU", "Shape")], None),
        (Provider.TENSORRT, [("CUDA", "Conv Gemm")], "no part of the network"),
        (Provider.CUDA, [("CUDA", "Conv"), ("CPU", "MatMul:familiarity_products")], None),
        (Provider.CUDA, [("CUDA", "Cast:familiarity_directions"), ("CPU", "Conv")], "no part of the network"),
    ],
    ids=[
        *("shapes-on-cpu", "convolutions-on-cpu", "trees-on-cpu", "all-on-cpu", "helped-by-cuda", "all-on-cuda"),
        *("familiarity-on-cpu", "familiarity-alone"),
    ],
)
def test_all_that_computes_has_to_be_on_the_provider(
    provider: Provider, parts: list[tuple[str, str]], lost: str | None
) -> None:
    session = _Session([_Part(f"{name}ExecutionProvider", operators) for name, operators in parts])

    reason = put_elsewhere(session, provider)

    assert reason is None if lost is None else lost in (reason or "")
