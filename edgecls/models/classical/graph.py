"""Writing an ONNX network node by node."""

from typing import Any

import numpy as np
import numpy.typing as npt

from edgecls.extras import import_from_extra
from edgecls.image_spec import ImageSpec
from edgecls.modelfile import INPUT_NAME

__all__ = ["DOUBLE", "FLOAT", "INCLUDED_PREFIX", "OPSET", "OPSET_ML", "Graph"]

OPSET = 18
"""Version of the ONNX operators, the same as that of exported Keras networks."""

OPSET_ML = 3
"""Version of the operators for trees (ai.onnx.ml). onnxruntime reads it since 1.11."""

FLOAT, DOUBLE = 1, 11
"""What the attribute `to` of a Cast calls them (onnx.TensorProto)."""

INCLUDED_PREFIX = "backbone_"
"""Of the names of all tensors of a network that was included."""

IR_VERSION = 8  # of the file's outer format; the one that came with OPSET


class Graph:
    """An ONNX network under construction, from images to one output.

    Tensors are known by their names, which the methods hand out.

    Args:
        spec: The image that the network takes, as uint8 ``[N, H, W, C]``.
    """

    def __init__(self, spec: ImageSpec) -> None:
        self._onnx = import_from_extra("onnx", extra="classical", purpose="a classical model")
        self._spec = spec
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    @property
    def image(self) -> str:
        """The name of the input."""
        return INPUT_NAME

    def constant(self, values: npt.ArrayLike, dtype: type[np.generic] = np.float32) -> str:
        """Add a constant and return its name."""
        name = f"constant_{len(self._constants)}"
        self._constants.append(self._onnx.numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def node(self, operator: str, *inputs: str, **attributes: object) -> str:
        """Add a node with one output and return the output's name."""
        name = self._next_name()
        self._nodes.append(self._onnx.helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def include(self, network: Any, output: str) -> str:
        """Add another network of the same input, and return the new name of one of its tensors.

        Args:
            network: An onnx.ModelProto of the opset OPSET without subgraphs, whose input is called as this one's.
            output: The tensor.
        """

        def renamed(name: str) -> str:
            return name if name in ("", INPUT_NAME) else f"{INCLUDED_PREFIX}{name}"

        for found in network.graph.node:
            node = self._onnx.NodeProto()
            node.CopyFrom(found)
            node.name = renamed(found.name)
            node.input[:] = map(renamed, found.input)
            node.output[:] = map(renamed, found.output)
            self._nodes.append(node)
        for found in network.graph.initializer:
            constant = self._onnx.TensorProto()
            constant.CopyFrom(found)
            constant.name = renamed(found.name)
            self._constants.append(constant)
        return renamed(output)

    def unit_length(self, points: str, *, extra: float) -> str:
        """Add the division of each row of ``[N, P]`` by its Euclidean length, to which `extra` is added."""
        length = self.node("ReduceL2", points, self.constant([1], np.int64), keepdims=1)
        return self.node("Div", points, self.node("Add", length, self.constant(extra)))

    def squared_distances(self, points: str, others: str) -> str:
        """Add the squared Euclidean distances of ``[N, P]`` to ``[M, P]`` and return their name: ``[N, M]``."""
        last = self.constant([1], np.int64)
        own = self.node("ReduceSumSquare", points, last, keepdims=1)
        theirs = self.node("Transpose", self.node("ReduceSumSquare", others, last, keepdims=1), perm=[1, 0])
        products = self.node("MatMul", points, self.node("Transpose", others, perm=[1, 0]))
        return self.node("Sub", self.node("Add", own, theirs), self.node("Add", products, products))

    def smallest(self, values: str, count: int) -> str:
        """Add the search for the smallest values of each row and return their name: ``[N, count]``."""
        name = self._next_name()
        inputs = [values, self.constant([count], np.int64)]
        outputs = [name, f"{name}_indices"]
        self._nodes.append(self._onnx.helper.make_node("TopK", inputs, outputs, name=name, axis=1, largest=0))
        return name

    def trees(self, converted: Any, features: str) -> str:
        """Add the trees of a converted classifier and return the name of their probabilities.

        Args:
            converted: An ONNX model whose one TreeEnsembleClassifier does all the work.
            features: Name of the features, ``[N, F]``.
        """
        (found,) = (node for node in converted.graph.node if node.op_type == "TreeEnsembleClassifier")
        name = self._next_name()
        node = self._onnx.NodeProto()
        node.CopyFrom(found)
        node.name = name
        node.input[:] = [features]
        node.output[:] = [f"{name}_label", name]
        self._nodes.append(node)
        return name

    def to_bytes(self, output: str, *, name: str, width: int) -> bytes:
        """Finish the network and return it as a serialised ONNX model.

        Args:
            output: The tensor to give out, float32 ``[N, width]``.
            name: What to call it outside.
            width: Its number of columns.
        """
        helper, types = self._onnx.helper, self._onnx.TensorProto
        taken = helper.make_tensor_value_info(INPUT_NAME, types.UINT8, ["N", *self._spec.shape_hwc])
        taken.type.denotation = "IMAGE"  # the ONNX standard's word for it
        given = helper.make_tensor_value_info(name, types.FLOAT, ["N", width])
        last = helper.make_node("Identity", [output], [name], name=name)
        graph = helper.make_graph([*self._nodes, last], "edgecls", [taken], [given], self._constants)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", OPSET_ML)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="edgecls")
        self._onnx.checker.check_model(model, full_check=True)
        serialized: bytes = model.SerializeToString()
        return serialized

    def _next_name(self) -> str:
        return f"node_{len(self._nodes)}"
