"""Small operations on ONNX graphs: walking, renaming, removing what nothing needs.

A graph is an onnx.GraphProto; the functions of this module change it in place.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

__all__ = ["all_graphs", "count_uses", "drop_unneeded", "fresh_name", "put_first", "rename_tensors", "tensor_names"]


def all_graphs(graph: Any) -> Iterator[Any]:
    """Yield a graph and, depth first, its subgraphs (the bodies of If, Loop and Scan)."""
    yield graph
    for node in graph.node:
        for inner in _bodies(node):
            yield from all_graphs(inner)


def tensor_names(graph: Any) -> set[str]:
    """Return the names of all tensors in a graph and its subgraphs."""
    names: set[str] = set()
    for one in all_graphs(graph):
        for node in one.node:
            names.update(node.input, node.output)
        names.update(value.name for value in (*one.input, *one.output, *one.value_info, *one.initializer))
        names.update(tensor.values.name for tensor in one.sparse_initializer)
    return names - {""}  # an omitted optional input


def count_uses(graph: Any) -> Counter[str]:
    """Return how often each tensor is read, in subgraphs too; outputs count as read."""
    uses: Counter[str] = Counter()
    for one in all_graphs(graph):
        uses.update(name for node in one.node for name in node.input)
        uses.update(value.name for value in one.output)
    return uses


def fresh_name(wanted: str, taken: set[str]) -> str:
    """Return an unused name, `wanted` itself if possible, and add it to `taken`."""
    name, count = wanted, 0
    while name in taken:
        count += 1
        name = f"{wanted}_{count}"
    taken.add(name)
    return name


def rename_tensors(graph: Any, names: Mapping[str, str]) -> None:
    """Rename tensors wherever they occur, in subgraphs too.

    Args:
        graph: The graph.
        names: Old name to new name; no new name may occur in the graph.
    """
    for one in all_graphs(graph):
        for node in one.node:
            if not names.keys().isdisjoint((*node.input, *node.output)):
                node.input[:] = [names.get(name, name) for name in node.input]
                node.output[:] = [names.get(name, name) for name in node.output]
        for value in (*one.input, *one.output, *one.value_info, *one.initializer):
            value.name = names.get(value.name, value.name)
        for tensor in one.sparse_initializer:
            tensor.values.name = names.get(tensor.values.name, tensor.values.name)
        for annotation in one.quantization_annotation:
            annotation.tensor_name = names.get(annotation.tensor_name, annotation.tensor_name)
            for entry in annotation.quant_parameter_tensor_names:
                entry.value = names.get(entry.value, entry.value)


def put_first(graph: Any, nodes: list[Any]) -> None:
    """Put nodes before all others."""
    others = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes, *others])


def drop_unneeded(graph: Any, arrays: MutableMapping[str, Any] | None = None) -> None:
    """Remove nodes and constants that no output of the graph depends on.

    Args:
        graph: The graph.
        arrays: Its constants, where they have been taken out of it.
    """
    needed = {value.name for value in graph.output}
    kept = []
    for node in reversed(graph.node):  # they are in topological order
        if needed.isdisjoint(node.output):
            continue
        kept.append(node)
        needed.update(node.input)
        for body in _bodies(node):
            needed |= tensor_names(body)
    if len(kept) < len(graph.node):
        kept.reverse()
        del graph.node[:]
        graph.node.extend(kept)
    for index in reversed(range(len(graph.initializer))):
        if graph.initializer[index].name not in needed:
            del graph.initializer[index]
    if arrays is not None:
        for name in arrays.keys() - needed:
            del arrays[name]


def _bodies(node: Any) -> Iterator[Any]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs
