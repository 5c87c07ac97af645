"""Making the batch dimension dynamic in a network that was exported for a fixed number of images.

Most operators take any batch. Three habits of exporters do not: a Reshape to a constant shape that
has the batch in it, a learned row (the class token of a vision transformer) that was laid out for
one image before it is concatenated to the images, and the declared shapes. All are rewritten
here. Which axis carries the batch is not guessed from the numbers: shapes are inferred for two
batch sizes, and what differs is the batch. Whether the result is right only a run can tell.
"""

from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecls.export.graph.onnx_package import load_onnx_package
from edgecls.export.graph.shapes import InferredShapes, fold_shape_constants, infer_shapes
from edgecls.export.graph.surgery import drop_unneeded, fresh_name, tensor_names

__all__ = ["free_batch"]


def free_batch(proto: Any, input_name: str, *, batch: int, sizes: tuple[int, int, int]) -> Any:
    """Return the network with a dynamic batch dimension, as far as its graph allows.

    Args:
        proto: An onnx.ModelProto.
        input_name: Of its only input.
        batch: The number of images it was made for.
        sizes: The other three dimensions of its input.

    Returns:
        A changed copy. Run it at other batch sizes to find out whether it works there.
    """
    freed = load_onnx_package().ModelProto()
    freed.CopyFrom(proto)
    graph = freed.graph
    del graph.value_info[:]  # they have the batch in them; inference finds them again
    for output in graph.output:
        output.type.tensor_type.ClearField("shape")
    for value in graph.input:
        if value.name == input_name:
            value.type.tensor_type.shape.dim[0].Clear()
            value.type.tensor_type.shape.dim[0].dim_param = "N"
    fold_shape_constants(freed)
    _Freeing(freed, input_name, batch, sizes).run()
    drop_unneeded(graph)
    return freed


class _Freeing:
    """Goes through a network in the order of computation, so that everything before a node is free already."""

    def __init__(self, proto: Any, input_name: str, batch: int, sizes: tuple[int, int, int]) -> None:
        self._proto = proto
        self._graph = proto.graph
        self._input_name = input_name
        self._batch = batch
        self._sizes = sizes
        self._taken = tensor_names(proto.graph)
        self._shapes = self._infer()

    def run(self) -> None:
        position = 0
        while position < len(self._graph.node):
            node = self._graph.node[position]
            if node.op_type == "Reshape":
                self._free_reshape(node)
            elif node.op_type == "Concat" and self._batch == 1:
                position += self._free_concat(position)
            position += 1

    def _infer(self) -> InferredShapes:
        return infer_shapes(self._proto, self._input_name, batch=self._batch, sizes=self._sizes)

    def _free_reshape(self, node: Any) -> None:
        """Give a Reshape a target with -1 where the batch is, and numbers everywhere else."""
        data, given = node.input[0], node.output[0]
        axis, shape, target = self._shapes.batch_axis(data), self._shapes.known(data), self._shapes.known(given)
        if axis is None or shape is None or target is None:
            return
        places = self._places(shape, axis, target)
        if not places or self._shapes.batch_axis(given) == places[0]:
            return
        tried = []
        for place in places:
            node.input[1] = self._constant([-1 if index == place else size for index, size in enumerate(target)])
            self._shapes = self._infer()
            tried.append((self._first_break(), node.input[1], self._shapes))
        _, node.input[1], self._shapes = max(tried, key=lambda one: one[0])  # of equals, the likeliest

    def _places(self, shape: tuple[int, ...], axis: int, target: tuple[int, ...]) -> list[int]:
        """Return the axes of a target that may carry the batch, the likeliest first.

        The numbers before the batch keep their places, so it stands where their product is the
        same. Where it is merged with the axis before it, the numbers after it keep theirs; those
        that share its own axis (the heads of attention) may be among them.
        """
        ahead, behind = prod(shape[:axis]), prod(shape[axis + 1 :])
        same_ahead = [place for place in range(len(target)) if prod(target[:place]) == ahead]
        same_behind = [
            place
            for size in (behind, behind * shape[axis] // self._batch)
            for place in range(len(target))
            if prod(target[place + 1 :]) == size
        ]
        return [place for place in dict.fromkeys([*same_ahead, *same_behind]) if target[place] % self._batch == 0]

    def _first_break(self) -> int:
        """Return the position of the first node that takes one batch but not the other."""
        broken = (
            position
            for position, node in enumerate(self._graph.node)
            if any(self._shapes.breaks(name) for name in node.output)
        )
        return next(broken, len(self._graph.node))

    def _free_concat(self, position: int) -> int:
        """Expand inputs with one row whatever the batch size to one row per image; return the number of new nodes."""
        node = self._graph.node[position]
        axes = {axis for name in node.input if (axis := self._shapes.batch_axis(name)) is not None}
        if len(axes) != 1:
            return 0
        (axis,) = axes
        added = []
        for place, name in enumerate(node.input):
            shape = self._shapes.known(name)
            if shape is not None and shape[axis] == 1 and self._shapes.more.get(name) == shape:
                node.input[place], nodes = self._repeated(name, len(shape), axis)
                added.extend(nodes)
        if added:
            nodes = [*self._graph.node[:position], *added, *self._graph.node[position:]]
            del self._graph.node[:]
            self._graph.node.extend(nodes)
            self._shapes = self._infer()
        return len(added)

    def _repeated(self, name: str, rank: int, axis: int) -> tuple[str, list[Any]]:
        """Return the name of a tensor repeated along an axis for every image, and the nodes that make it so."""
        make = load_onnx_package().helper.make_node
        shape, count, target, rows = (
            fresh_name(f"edgecls_{word}", self._taken) for word in ("input_shape", "images", "row_shape", "rows")
        )
        ones = [self._constant([1] * length) for length in (axis, rank - axis - 1)]
        return rows, [
            make("Shape", [self._input_name], [shape]),
            make("Gather", [shape, self._constant([0])], [count], axis=0),
            make("Concat", [ones[0], count, ones[1]], [target], axis=0),
            make("Expand", [name, target], [rows]),
        ]

    def _constant(self, numbers: list[int]) -> str:
        values: npt.NDArray[np.int64] = np.array(numbers, np.int64)
        name = fresh_name("edgecls_shape", self._taken)
        self._graph.initializer.append(load_onnx_package().numpy_helper.from_array(values, name))
        return name
