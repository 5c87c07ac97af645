"""The features of a network: which tensor they are, and that they come for many images in bounded memory."""

from pathlib import Path

import numpy as np
import onnx
import onnx.reference
import pytest
from class_activation_nets import AVERAGING, CHANNELS, HEIGHT, LABELS, MAP_HW, OTHERS, WIDTH, network
from onnx import TensorProto, helper, numpy_helper

from edgecls import image
from edgecls.dataset.pixel_cache import StreamedPixels
from edgecls.errors import FamiliarityError, ImageError
from edgecls.export.familiarity import features
from edgecls.export.familiarity.features import FeatureTensor, compute_features, find_features
from edgecls.export.familiarity.graph import with_features_output
from edgecls.image_spec import Color, Fit, ImageSpec

IMAGES = np.random.default_rng(0).integers(0, 256, (7, HEIGHT, WIDTH, 3), np.uint8)


def _with(model: bytes, **of_tensor: str) -> bytes:
    found = find_features(model, **of_tensor)
    assert found is not None
    return with_features_output(model, found)


@pytest.mark.parametrize(
    ("head", "width"),
    [
        *((head, LABELS if head == "the mean is the logits" else CHANNELS) for head in AVERAGING),
        ("max pooling", CHANNELS),
        ("a hidden layer", CHANNELS),
        ("a negative factor", CHANNELS),
        ("flatten", CHANNELS * MAP_HW[0] * MAP_HW[1]),
        ("a mean over rows only", CHANNELS * MAP_HW[1]),
    ],
)
def test_they_are_what_pools_the_whole_map_or_what_the_last_dense_layer_takes(head: str, width: int) -> None:
    found = find_features(network({**AVERAGING, **OTHERS}[head]))

    assert found is not None
    assert found.width == width


def test_they_are_the_pooled_numbers() -> None:
    model = network(AVERAGING["pool, flatten, Gemm"])
    proto = onnx.load_from_string(model)
    proto.graph.output.append(helper.make_tensor_value_info("map", TensorProto.FLOAT, None))

    rows, kept = compute_features(_with(model), IMAGES, [6, 0, 3], name="net")

    maps = onnx.reference.ReferenceEvaluator(proto).run(["map"], {"image": IMAGES})[0]
    assert kept == [6, 0, 3]
    np.testing.assert_allclose(rows, maps.mean(axis=(2, 3))[[6, 0, 3]], rtol=1e-4)


def _branches(*, around: bool) -> bytes:
    """Return a network with a gate as squeeze-and-excitation has it, and perhaps a way around its last pooling."""
    node = helper.make_node
    after = "both" if around else "flat"
    nodes = [
        node("GlobalAveragePool", ["map"], ["gate"]),
        node("Mul", ["map", "gate"], ["gated"]),
        node("GlobalAveragePool", ["gated"], ["mean"]),
        node("Flatten", ["mean"], ["flat"]),
        node("GlobalMaxPool", ["gated"], ["largest"]),
        node("Flatten", ["largest"], ["flat_largest"]),
        node("Concat", ["flat", "flat_largest"], ["both"], axis=1),
        node("Gemm", [after, "w"], ["logits"]),
    ]
    weights = np.random.default_rng(1).normal(0, 0.1, (CHANNELS * (2 if around else 1), LABELS)).astype(np.float32)
    return network((nodes, {"w": weights}))


@pytest.mark.parametrize(("around", "expected"), [(False, "mean"), (True, "both")])
def test_all_of_the_probabilities_depend_on_them(around: bool, expected: str) -> None:
    found = find_features(_branches(around=around))

    assert found == FeatureTensor(expected, CHANNELS * (2 if around else 1))


def test_a_network_without_any_has_none() -> None:
    pooled_by_parts = network((OTHERS["pooling of parts"][0][:-1], OTHERS["pooling of parts"][1]))
    proto = onnx.load_from_string(pooled_by_parts)
    del proto.graph.node[4:-1]
    proto.graph.node[-1].input[0] = "map"

    assert find_features(proto.SerializeToString()) is None


def test_a_caller_can_name_them() -> None:
    model = network(AVERAGING["mean, MatMul, Add"])

    rows, _ = compute_features(_with(model, tensor="sums"), IMAGES, range(2), name="net")

    assert rows.shape == (2, LABELS)
    for name in ("map", "nothing"):
        with pytest.raises(FamiliarityError, match=f"no tensor '{name}' that is a vector"):
            find_features(model, tensor=name)


def test_tensors_that_are_called_so_already_give_way() -> None:
    proto = onnx.load_from_string(network(AVERAGING["pool, flatten, Gemm"]))
    for node in proto.graph.node:
        node.input[:] = [{"map": "features", "w": "features.0.weight"}.get(name, name) for name in node.input]
        node.output[:] = [{"map": "features"}.get(name, name) for name in node.output]
    for tensor in proto.graph.initializer:
        tensor.name = {"w": "features.0.weight"}.get(tensor.name, tensor.name)

    model = onnx.load_from_string(_with(proto.SerializeToString()))

    onnx.checker.check_model(model, full_check=True)
    assert [name for tensor in model.graph.initializer if (name := tensor.name).startswith("features")] == []
    rows, _ = compute_features(model.SerializeToString(), IMAGES, range(2), name="net")
    expected, _ = compute_features(_with(network(AVERAGING["pool, flatten, Gemm"])), IMAGES, range(2), name="net")
    np.testing.assert_array_equal(rows, expected)


def test_an_output_features_is_taken_as_it_is() -> None:
    model = _with(network(AVERAGING["pool, flatten, Gemm"]))

    assert find_features(model) == FeatureTensor("features", CHANNELS)
    assert with_features_output(model, FeatureTensor("features", CHANNELS)) is model


def test_halves_become_floats() -> None:
    proto = onnx.load_from_string(network(AVERAGING["mean, MatMul, Add"]))
    node = helper.make_node
    proto.graph.node.remove(proto.graph.node[4])
    reduced = [
        node("Cast", ["map"], ["half"], to=TensorProto.FLOAT16),
        node("ReduceMean", ["half"], ["flat"], axes=[2, 3], keepdims=0),
        node("Cast", ["flat"], ["flat_float"], to=TensorProto.FLOAT),
    ]
    nodes = list(proto.graph.node)
    nodes[4].input[0] = "flat_float"
    del proto.graph.node[:]
    proto.graph.node.extend([*nodes[:4], *reduced, *nodes[4:]])

    rows, _ = compute_features(_with(proto.SerializeToString(), tensor="flat"), IMAGES, range(2), name="net")

    assert rows.dtype == np.float32


def test_many_go_to_a_file_without_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = _with(network(AVERAGING["pool, flatten, Gemm"]))
    in_memory, _ = compute_features(model, IMAGES, range(7), name="net")
    monkeypatch.setattr(features, "MEMORY_BYTES", 10)

    rows, _ = compute_features(model, IMAGES, range(7), name="net", folder=tmp_path)

    assert isinstance(rows, np.memmap)
    assert list(tmp_path.iterdir()) == []
    np.testing.assert_array_equal(rows, in_memory)


def test_images_that_cannot_be_decoded_are_left_out(tmp_path: Path) -> None:
    paths = [tmp_path / f"{index}.png" for index in range(3)]
    for path, pixels in zip(paths, IMAGES[:3], strict=True):
        path.write_bytes(image.encode_png(pixels))
    paths[1].write_bytes(b"no image")
    pixels = StreamedPixels(paths, ImageSpec(HEIGHT, WIDTH, Color.RGB, Fit.STRETCH))
    failures: list[ImageError] = []
    seen: list[tuple[int, int]] = []
    model = _with(network(AVERAGING["pool, flatten, Gemm"]))

    rows, kept = compute_features(
        model, pixels, range(3), name="net", on_failure=failures.append, on_progress=lambda *done: seen.append(done)
    )

    assert kept == [0, 2]
    assert [str(paths[1]) in str(error) for error in failures] == [True]
    assert seen == [(1, 3), (2, 3), (3, 3)]
    np.testing.assert_array_equal(rows, compute_features(model, IMAGES, [0, 2], name="net")[0])


def test_weights_that_are_half_of_the_file_stay_the_only_ones() -> None:
    before = network(AVERAGING["pool, flatten, Gemm"])

    after = onnx.load_from_string(_with(before))

    arrays = [numpy_helper.to_array(tensor) for tensor in after.graph.initializer]
    assert len(arrays) == len(onnx.load_from_string(before).graph.initializer)
