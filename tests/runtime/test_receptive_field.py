"""Where the cells of a class activation look: the network's strides and paddings decide it, not an even division."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from onnx import TensorProto, helper, numpy_helper
from tiny_model import tiny_card, tiny_onnx

import edgecls
from edgecls import image, modelfile
from edgecls.export.proof import with_class_activation
from edgecls.image_spec import Fit, ImageSpec
from edgecls.model_card import Golden, GoldenSample
from edgecls.runtime.evidence import Method
from edgecls.runtime.receptive_field import CellAxis, cell_axes

SIDE = 32
STRIDES = 3  # of 2 each: 4 x 4 cells
KERNEL = np.zeros((3, 3, 3, 3), np.float32)
KERNEL[range(3), range(3), 1, 1] = 1  # each cell takes over what is in the middle of what it sees

PADDINGS: dict[str, dict[str, Any]] = {
    "end, as Keras pads": {"pads": [0, 0, 1, 1]},
    "start": {"pads": [1, 1, 0, 0]},
    "both, as PyTorch pads": {"pads": [1, 1, 1, 1]},
    "SAME_UPPER": {"auto_pad": "SAME_UPPER"},
    "SAME_LOWER": {"auto_pad": "SAME_LOWER"},
    "none": {},
    "dilated": {"dilations": [2, 2], "pads": [2, 2, 2, 2]},
}


def _network(padding: dict[str, Any], *, pad_node: bool = False, kernel_shape: bool = True) -> bytes:
    """Return a network that strides over its image and finds red, green and blue by the mean of its last map."""
    make = helper.make_node
    nodes = [make("Cast", ["image"], ["map0"], to=TensorProto.FLOAT)]
    nodes.append(make("Transpose", ["map0"], ["planes"], perm=[0, 3, 1, 2]))
    name, given = "planes", {"kernel_shape": [3, 3]} if kernel_shape else {}
    for index in range(STRIDES):
        settings = dict(padding)
        if pad_node:
            nodes.append(make("Pad", [name, "pads"], [f"padded{index}"]))
            name = f"padded{index}"
            settings.pop("pads")
        nodes.append(make("Conv", [name, "kernel"], [f"conv{index}"], strides=[2, 2], **given, **settings))
        nodes.append(make("Relu", [f"conv{index}"], [f"relu{index}"]))
        name = f"relu{index}"
    nodes += [
        make("GlobalAveragePool", [name], ["mean"]),
        make("Flatten", ["mean"], ["flat"]),
        make("MatMul", ["flat", "dense"], ["logits"]),
        make("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    constants: dict[str, npt.NDArray[Any]] = {"kernel": KERNEL, "dense": np.eye(3, dtype=np.float32)}
    if pad_node:
        top, left, bottom, right = padding["pads"]
        constants["pads"] = np.array([0, 0, top, left, 0, 0, bottom, right])
    graph = helper.make_graph(
        nodes,
        "strides",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", SIDE, SIDE, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 3])],
        [numpy_helper.from_array(values, key) for key, values in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return with_class_activation(model.SerializeToString())


def _load(network: bytes, folder: Any, fit: Fit = Fit.STRETCH) -> edgecls.Classifier:
    black = GoldenSample("black", image.encode_png(np.zeros((SIDE, SIDE, 3), np.uint8)), (1 / 3, 1 / 3, 1 / 3))
    card = tiny_card(image=ImageSpec(SIDE, SIDE, fit=fit), golden=Golden(1e-3, (black,)))
    modelfile.write_model(folder / "m.onnx", network, card)
    return edgecls.load(folder / "m.onnx", "cpu")


def _answers(classifier: edgecls.Classifier) -> npt.NDArray[np.bool_]:
    """Return which pixels the network sees at all, by lighting up one after the other, ``[SIDE, SIDE]``."""
    batch = np.zeros((SIDE * SIDE, SIDE, SIDE, 3), np.uint8)
    batch[np.arange(SIDE * SIDE), np.arange(SIDE * SIDE) // SIDE, np.arange(SIDE * SIDE) % SIDE, 0] = 255
    seen: npt.NDArray[np.bool_] = (classifier.probabilities(batch)[:, 0] > 0.34).reshape(SIDE, SIDE)
    return seen


@pytest.mark.parametrize("padding", PADDINGS.values(), ids=PADDINGS)
def test_every_cell_looks_where_the_network_says(padding: dict[str, Any], tmp_path: Any) -> None:
    network = _network(padding)
    rows, columns = np.nonzero(_answers(_load(network, tmp_path)))

    found = cell_axes(network, height=SIDE, width=SIDE)

    assert found is not None
    for axis, seen in zip(found, (np.unique(rows), np.unique(columns)), strict=True):
        middles = axis.first + axis.step * np.arange(axis.cells)
        inside = middles[(middles > 0) & (middles < SIDE)]  # the others look at the padding
        np.testing.assert_allclose(inside, seen + 0.5)


@pytest.mark.parametrize("padding", PADDINGS.values(), ids=PADDINGS)
@pytest.mark.parametrize("corner", [(0, 0), (0, -1), (-1, 0), (-1, -1)], ids=str)
def test_heat_lies_on_evidence_at_a_corner(padding: dict[str, Any], corner: tuple[int, int], tmp_path: Any) -> None:
    classifier = _load(_network(padding), tmp_path)
    rows, columns = np.nonzero(_answers(classifier))
    spot = np.unique(rows)[corner[0]], np.unique(columns)[corner[1]]  # the pixel next to the corner that is seen
    pixels = np.full((SIDE, SIDE, 3), 60, np.uint8)
    pixels[spot] = (255, 0, 0)

    explanation = classifier.explain(image.encode_png(pixels))

    assert explanation.method is Method.CLASS_ACTIVATION
    heat = explanation.heat
    hottest = np.argwhere(heat > 0.99 * heat.max())
    assert np.abs(hottest - spot).min(axis=0).tolist() == pytest.approx([0, 0], abs=0.5)
    opposite = heat[::-1, ::-1][spot]
    assert opposite < 0.05


@pytest.mark.parametrize("fit", Fit)
def test_heat_lies_on_the_evidence_of_a_larger_image(fit: Fit, tmp_path: Any) -> None:
    classifier = _load(_network(PADDINGS["end, as Keras pads"]), tmp_path, fit)
    pixels = np.full((320, 320, 3), 60, np.uint8)
    pixels[150:160, 230:240] = (255, 0, 0)  # the pixel (15, 23) of the network's, which a cell looks at

    heat = classifier.explain(image.encode_png(pixels)).heat

    middle = np.argwhere(heat > 0.999).mean(axis=0)
    np.testing.assert_allclose(middle, (154.5, 234.5), atol=1)


def test_a_pad_node_and_a_kernel_without_a_stated_shape_are_understood() -> None:
    padding = PADDINGS["end, as Keras pads"]
    expected = (CellAxis(7.5, 8, 4, 15.0),) * 2

    assert cell_axes(_network(padding), height=SIDE, width=SIDE) == expected
    assert cell_axes(_network(padding, kernel_shape=False), height=SIDE, width=SIDE) == expected
    padded = cell_axes(_network(padding, pad_node=True), height=SIDE, width=SIDE)
    assert padded == expected


def test_a_network_that_is_not_understood_is_divided_evenly() -> None:
    assert cell_axes(tiny_onnx(), height=8, width=8) is None  # no class activation
    assert cell_axes(b"", height=8, width=8) is None
    seen_whole = _network(PADDINGS["dilated"])  # its cells see 29 pixels
    assert cell_axes(seen_whole, height=29, width=29) is not None
    assert cell_axes(seen_whole, height=28, width=29) is None


@pytest.mark.parametrize("corner", [(0, 0), (0, 1), (1, 0), (1, 1)], ids=str)
def test_occlusion_of_a_small_image_peaks_on_evidence_at_a_corner(corner: tuple[int, int], tmp_path: Any) -> None:
    classifier = _load(_network(PADDINGS["end, as Keras pads"]), tmp_path)
    pixels = np.full((SIDE, SIDE, 3), 60, np.uint8)
    spot = 7 + 24 * corner[0], 7 + 24 * corner[1]
    pixels[spot] = (255, 0, 0)

    explanation = classifier.explain(image.encode_png(pixels), method="occlusion")

    assert (explanation.method, explanation.resolution) == (Method.OCCLUSION, (10, 10))
    middle = np.argwhere(explanation.heat > 0.97).mean(axis=0)
    np.testing.assert_allclose(middle, spot, atol=SIDE / 10)


def test_the_method_can_be_chosen(tmp_path: Any) -> None:
    encoded = image.encode_png(np.full((SIDE, SIDE, 3), (255, 0, 0), np.uint8))
    both = _load(_network({}), tmp_path)

    assert both.explain(encoded).method is Method.CLASS_ACTIVATION
    assert both.explain(encoded).resolution == (3, 3)
    assert both.explain(encoded, method=Method.CLASS_ACTIVATION).method is Method.CLASS_ACTIVATION
    assert both.explain(encoded, method=Method.OCCLUSION).method is Method.OCCLUSION
    with pytest.raises(ValueError, match="'saliency' is not a valid Method"):
        both.explain(encoded, method="saliency")


def test_a_method_that_the_file_does_not_have_is_refused(tiny_classifier: edgecls.Classifier) -> None:
    encoded = image.encode_png(np.full((8, 8, 3), (255, 0, 0), np.uint8))

    with pytest.raises(ValueError, match="has no class activation; use occlusion"):
        tiny_classifier.explain(encoded, method="class activation")
