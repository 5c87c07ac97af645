"""Which provider has which nodes."""

from dataclasses import dataclass

import pytest

from edgecls.modelfile import ModelFile
from edgecls.runtime.execution.ort import count_nodes, put_elsewhere
from edgecls.runtime.execution.providers import Provider, load_onnxruntime


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


@dataclass
class _Part:
    """A part of a network as onnxruntime describes it; no machine without a GPU has one on CUDA."""

    ep_name: str
    operators: str

    def get_nodes(self) -> list[_Node]:
        return [_Node(name) for name in self.operators.split()]


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
    ],
    ids=["shapes-on-cpu", "convolutions-on-cpu", "trees-on-cpu", "all-on-cpu", "helped-by-cuda", "all-on-cuda"],
)
def test_all_that_computes_has_to_be_on_the_provider(
    provider: Provider, parts: list[tuple[str, str]], lost: str | None
) -> None:
    session = _Session([_Part(f"{name}ExecutionProvider", operators) for name, operators in parts])

    reason = put_elsewhere(session, provider)

    assert reason is None if lost is None else lost in (reason or "")
