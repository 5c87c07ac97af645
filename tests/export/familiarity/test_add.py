"""Familiarity in whole model files: it answers as numpy says, everything else stays as it was."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from class_activation_nets import AVERAGING, HEIGHT, LABELS, OTHERS, WIDTH, network
from color_network import color_images, color_model, run_onnx
from onnx import helper

from edgecls import modelfile
from edgecls.errors import DatasetError, FamiliarityError, ImageDecodeError, ParityError
from edgecls.export.familiarity import add, graph
from edgecls.export.familiarity.add import FeaturesOfImages, familiar, familiar_by_images, without_familiarity
from edgecls.export.familiarity.features import compute_features
from edgecls.export.proof import golden_answers
from edgecls.image_spec import Color, Fit, ImageSpec
from edgecls.model_card import Familiarity, ModelCard
from edgecls.modelfile import ModelFile
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.session import open_session

IMAGES = np.random.default_rng(0).integers(0, 256, (30, HEIGHT, WIDTH, 3), np.uint8)
GROUPS = np.arange(30) % LABELS


def _model(onnx_bytes: bytes, **changes: object) -> ModelFile:
    samples = {f"sample {index}": IMAGES[index] for index in range(3)}
    facts: dict[str, object] = {
        "name": "net",
        "labels": tuple("abcd"),
        "image": ImageSpec(HEIGHT, WIDTH, Color.RGB, Fit.STRETCH),
        "architecture": "net",
        "golden": golden_answers(lambda images: run_onnx(onnx_bytes, images), samples, name="net"),
    }
    card = ModelCard(**{**facts, **changes})  # type: ignore[arg-type]
    return modelfile.model_from_bytes(modelfile.describe(onnx_bytes, card), name="net.onnx")


def _familiar_colors(model: ModelFile | None = None) -> ModelFile:
    """Return the model of colours, with a familiarity from images of its three colours."""
    return familiar_by_images(
        model or color_model(class_activation=True),
        color_images(40),
        np.repeat([0, 1, 2], 40),
        range(0, 120, 2),
        [1, 3],
    )


def _run(model: ModelFile, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    found = open_session(model, Provider.CPU, intra_op_threads=1).run_all(images).familiarity
    assert found is not None
    return found


def test_images_of_the_training_images_colours_are_known_and_others_are_not() -> None:
    model = _familiar_colors()
    assert model.card.familiarity is not None
    grays = np.repeat(np.linspace(120, 250, 20, dtype=np.uint8), 8 * 8 * 3).reshape(20, 8, 8, 3)

    known = _run(model, color_images(30, seed=8)) >= model.card.familiarity.threshold
    unknown = _run(model, grays) < model.card.familiarity.threshold

    assert known.mean() > 0.95
    assert unknown.all()


def test_the_card_has_threshold_levels_and_golden_values() -> None:
    model = _familiar_colors()

    facts, golden = model.card.familiarity, model.card.golden
    assert isinstance(facts, Familiarity)
    assert [level.accepted for level in facts.levels] == [0.9, 0.95, 0.98, 0.99]
    assert facts.held_out == 62
    assert facts.accepted >= 0.95
    assert golden.familiarity_tolerance == add.golden_tolerance("float32")
    stored = [sample.familiarity for sample in golden.samples]
    np.testing.assert_allclose(_run(model, color_images(1)), np.array(stored, np.float32), atol=1e-5)
    assert model.card.training["familiarity_prototypes"] == 60


def test_golden_samples_of_coarser_numbers_are_allowed_more() -> None:
    tolerances = [add.golden_tolerance(precision) for precision in ("float32", "float16", "int8", "uint8")]

    assert tolerances == sorted(tolerances)
    assert tolerances[0] < tolerances[1] < tolerances[2] == tolerances[3]
    coarse = _familiar_colors(color_model(precision="int8"))
    assert coarse.card.golden.familiarity_tolerance == tolerances[2]


def test_everything_else_stays_as_it_was() -> None:
    before = color_model(class_activation=True)

    after = _familiar_colors(before)

    for output in ("probabilities", "class_activation"):
        expected = run_onnx(before.onnx, color_images(), output)
        np.testing.assert_allclose(run_onnx(after.onnx, color_images(), output), expected, atol=1e-6)
    assert after.card.metrics == before.card.metrics
    assert after.card.golden.tolerance == before.card.golden.tolerance
    proto = onnx.load_from_string(after.onnx)
    onnx.checker.check_model(proto, full_check=True)
    assert [output.name for output in proto.graph.output][-2:] == ["features", "familiarity"]


def test_it_can_be_taken_out_and_replaced() -> None:
    before = color_model(class_activation=True)
    after = _familiar_colors(before)

    bare = without_familiarity(after)

    assert bare.card == before.card
    assert len(bare.onnx) < len(before.onnx) + 200
    assert without_familiarity(before) is before
    assert _familiar_colors(after).card == after.card
    names = [tensor.name for tensor in onnx.load_from_string(_familiar_colors(after).onnx).graph.initializer]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("opset", [12, 13, 17, 18, 21])
def test_operators_of_any_age_compute_it(opset: int) -> None:
    head = AVERAGING["pool, flatten, Gemm"]

    model = familiar_by_images(_model(network(head, opset=opset)), IMAGES, GROUPS, range(25), range(25, 30))

    onnx.checker.check_model(onnx.load_from_string(model.onnx), full_check=True)
    assert np.isfinite(_run(model, IMAGES)).all()


@pytest.mark.parametrize("head", [*AVERAGING, "max pooling", "a hidden layer", "flatten"])
def test_every_kind_of_head_can_have_it(head: str) -> None:
    model = familiar_by_images(_model(network({**AVERAGING, **OTHERS}[head])), IMAGES, GROUPS, range(25), range(25, 30))

    assert _run(model, IMAGES).shape == (30,)


def test_all_names_that_only_it_needs_begin_with_it() -> None:
    before, after = color_model(), _familiar_colors(color_model())

    old, new = (onnx.load_from_string(model.onnx).graph for model in (before, after))
    ours = [name for node in new.node for name in node.output] + [tensor.name for tensor in new.initializer]
    theirs = {name for node in old.node for name in node.output} | {tensor.name for tensor in old.initializer}
    assert all(name.startswith(("features", "familiarity")) for name in set(ours) - theirs)
    assert not any(name.startswith(("features", "familiarity")) for name in theirs)


def test_a_blank_image_is_judged() -> None:
    model = familiar_by_images(
        _model(network(AVERAGING["pool, flatten, Gemm"])), IMAGES, GROUPS, range(25), range(25, 30)
    )

    assert np.isfinite(_run(model, np.zeros((2, HEIGHT, WIDTH, 3), np.uint8))).all()


def test_features_that_a_caller_computed_give_the_same_file() -> None:
    bare = _model(network(AVERAGING["pool, flatten, Gemm"]))
    made = familiar_by_images(bare, IMAGES, GROUPS, range(20), range(20, 30))
    rows, _ = compute_features(made.onnx, IMAGES, range(30), name="net")

    same = familiar(bare, FeaturesOfImages(rows[:20], GROUPS[:20], rows[20:]))
    named = familiar(bare, FeaturesOfImages(rows[:20], GROUPS[:20], rows[20:]), tensor="flat")

    assert same.onnx == made.onnx
    assert named.card.familiarity == made.card.familiarity


@pytest.mark.parametrize("images", [2, 3, 8])
def test_a_handful_of_images_gives_a_threshold_that_lets_them_through(images: int) -> None:
    model = familiar_by_images(_model(network(AVERAGING["pool, flatten, Gemm"])), IMAGES, GROUPS, range(images), [])

    assert model.card.familiarity is not None
    assert (_run(model, IMAGES[:images]) >= model.card.familiarity.threshold).all()
    assert model.card.familiarity.held_out >= 2


def test_of_very_many_images_some_of_every_group_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(add, "MOST_IMAGES", 12)
    seen: list[tuple[int, int]] = []

    familiar_by_images(
        _model(network(AVERAGING["pool, flatten, Gemm"])),
        IMAGES,
        GROUPS,
        range(28),
        [28, 29],
        on_progress=lambda done, total: seen.append((done, total)),
    )

    assert seen == [(done, 14) for done in range(1, 15)]


class _Damaged:
    def __getitem__(self, index: int) -> npt.NDArray[np.uint8]:
        if index:
            raise ImageDecodeError(f"image {index} is damaged")
        return IMAGES[0]


def test_a_single_usable_image_is_too_few() -> None:
    with pytest.raises(DatasetError, match="at least 2 images that the model was trained on, and 1 of 5 can be used"):
        familiar_by_images(_model(network(AVERAGING["pool, flatten, Gemm"])), _Damaged(), GROUPS, range(5), [])


def test_a_network_without_features_is_refused() -> None:
    model = _model(network(AVERAGING["pool, flatten, Gemm"]))
    flat = onnx.load_from_string(model.onnx)
    del flat.graph.node[1:]
    flat.graph.node.extend(
        [
            helper.make_node("Slice", ["floats", "from", "to", "axes"], ["pixels"]),
            helper.make_node("Squeeze", ["pixels", "one"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"]),
        ]
    )
    del flat.graph.initializer[:]
    for name, values in (("from", [0, 0, 0]), ("to", [1, LABELS, 1]), ("axes", [1, 2, 3]), ("one", [1, 3])):
        flat.graph.initializer.append(onnx.numpy_helper.from_array(np.array(values), name))

    with pytest.raises(FamiliarityError, match=r"'net' \(net\) has no features.*no layer pools"):
        familiar_by_images(replace(model, onnx=flat.SerializeToString()), IMAGES, GROUPS, range(5), [])


def test_a_label_unknown_is_refused_before_anything_is_computed() -> None:
    model = color_model(labels=("unknown", "b", "c"))

    with pytest.raises(FamiliarityError, match=r"label 'unknown'.*rename the label"):
        familiar_by_images(model, _Damaged(), np.zeros(5, np.int64), range(5), [])


def test_a_familiarity_that_differs_from_numpy_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(graph, "SMOOTHNESS", 0.2)

    with pytest.raises(ParityError, match="other familiarity"):
        _familiar_colors()
