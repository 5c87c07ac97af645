"""Reducing the precision of a model file: calibrate, check the accuracy, describe the new file."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from edgecls import modelfile
from edgecls.dataset.formats.labelled_images import Dataset
from edgecls.errors import ExportError, ImageError
from edgecls.export.graph.float16 import LARGEST, float16_onnx
from edgecls.export.precision.budget import AccuracyBudget, Attempt, Candidate, golden_tolerance
from edgecls.export.precision.familiarity import KeptFamiliarity, keep_familiarity
from edgecls.export.precision.float_network import FloatNetwork, read_float_network
from edgecls.export.precision.images import LabelledPixels, decode_measuring_images
from edgecls.export.precision.int8_graph import observe_extremes
from edgecls.export.precision.int8_search import find_int8
from edgecls.export.precision.measurement import Speed, answers, check_informative, compare_speed, open_network
from edgecls.export.precision.recipe import Int8Recipe, ReducedPrecision
from edgecls.export.proof import versions
from edgecls.model_card import ModelCard
from edgecls.modelfile import ModelFile

__all__ = ["ReducedModel", "reduce_precision"]


@dataclass(frozen=True)
class ReducedModel:
    """A model file of reduced precision that met its budget.

    Attributes:
        onnx: The whole file.
        card: Its card.
        attempts: In order; the last one is in the file.
        calibration_images: Number of images used for calibration.
        speed: Compared with float32 on this machine.
        failures: Why some images of the dataset could not be used.
        familiarity: What was measured about it; None if the model has none.
    """

    onnx: bytes
    card: ModelCard
    attempts: tuple[Attempt, ...]
    calibration_images: int
    speed: Speed
    failures: tuple[ImageError, ...]
    familiarity: KeptFamiliarity | None = None

    @property
    def chosen(self) -> Attempt:
        """The attempt that is in the file."""
        return self.attempts[-1]

    @property
    def resolution(self) -> float:
        """The smallest drop that so many images can show, in percentage points."""
        return 100 / self.chosen.measurement.images


def reduce_precision(
    model: ModelFile,
    dataset: Dataset,
    *,
    recipe: Int8Recipe | None,
    max_drop: float,
    seed: int,
    workers: int,
    check: Dataset | None = None,
    on_progress: Callable[[str], None] = lambda text: None,
) -> ReducedModel:
    """Make a model file of reduced precision, in memory.

    Args:
        model: In float32.
        dataset: Labelled images of all labels of the model; some to calibrate on, others to check on.
        recipe: Number formats for int8; None for float16.
        max_drop: Accuracy that may be lost on the images to check on, in percentage points, from 0.
        seed: Of the split of the dataset.
        workers: Number of images to work on at once.
        check: Images to check on instead; `dataset` is then for calibration only.
        on_progress: Called with what is being done.

    Raises:
        AccuracyBudgetError: Every attempt loses more; the message lists them. Or the familiarity is too far off.
        ExportError: The model already has reduced precision, or nothing to reduce.
        DatasetError: The labels are not those of the model, there are too few images, or the float32 model is no
            better than chance on them.
        MissingExtraError: onnx or onnxruntime is not installed.
    """
    network = read_float_network(model)
    images = decode_measuring_images(
        dataset,
        model.card,
        seed=seed,
        workers=workers,
        check=check,
        on_progress=lambda done, total: on_progress(f"decoding images {done}/{total}"),
    )
    on_progress("running the float32 model")
    float32 = open_network(model.onnx, model.card)
    expected = answers(float32, images.check.pixels, workers=workers)
    check_informative("to check on", expected, images.check.label_ids)
    calibration = images.calibration
    check_informative("to calibrate on", answers(float32, calibration.pixels, workers=workers), calibration.label_ids)
    precision = ReducedPrecision.FLOAT16 if recipe is None else ReducedPrecision.INT8
    budget = AccuracyBudget(model.card, precision, max_drop, images.check, expected, workers)
    if recipe is None:
        attempts = _float16_attempt(network, calibration, budget)
    else:
        attempts = find_int8(network, calibration, recipe, budget, on_progress=on_progress)
    chosen = attempts[-1]
    familiarity = None
    if model.card.familiarity is not None:
        on_progress("comparing the familiarity")
        familiarity = keep_familiarity(chosen.candidate.onnx, model.onnx, model.card, images.check.pixels, precision)
    onnx = chosen.candidate.onnx if familiarity is None else familiarity.onnx
    on_progress("measuring the speed")
    reduced = open_network(onnx, model.card)
    speed = compare_speed(reduced, float32, images.check.pixels)
    facts = _facts(model, chosen.candidate, recipe, calibration)
    card = _card(model.card, precision, chosen, speed, facts, familiarity)
    described = modelfile.describe(onnx, card)
    return ReducedModel(
        described, card, tuple(attempts), len(calibration.label_ids), speed, images.failures, familiarity
    )


def _float16_attempt(network: FloatNetwork, calibration: LabelledPixels, budget: AccuracyBudget) -> list[Attempt]:
    # A CPU computes float16 in float32, so only a GPU would show an overflow.
    extremes = observe_extremes(network, calibration.pixels, workers=budget.workers)
    largest = max(float(abs(seen).max()) for seen in extremes.values())
    if not largest <= LARGEST:
        raise ExportError(
            f"model {network.name!r} computes numbers up to {largest:.3g}, beyond the largest float16, {LARGEST:.0f}; "
            "use it in float32 or int8"
        )
    candidate = Candidate(float16_onnx(network.proto), "", (), len(network.layers))
    attempt = budget.try_out(candidate)
    if not budget.is_met_by(attempt):
        raise budget.refusal([attempt])
    return [attempt]


def _facts(
    model: ModelFile, candidate: Candidate, recipe: Int8Recipe | None, calibration: LabelledPixels
) -> dict[str, str | float | bool]:
    """Return the provenance of the network: its source and how it was calibrated."""
    source: dict[str, str | float | bool] = {"reduced_from_sha256": hashlib.sha256(model.onnx).hexdigest()}
    if recipe is None:
        return source
    return {
        **source,
        "int8_recipe": recipe.name,
        "int8_calibration": candidate.calibration,
        "int8_calibration_images": len(calibration.label_ids),
        "int8_layers": candidate.layers - len(candidate.float_layers),
        "float32_layers": len(candidate.float_layers),
    }


def _card(
    card: ModelCard,
    precision: ReducedPrecision,
    chosen: Attempt,
    speed: Speed,
    facts: Mapping[str, str | float | bool],
    familiarity: KeptFamiliarity | None,
) -> ModelCard:
    found = chosen.measurement
    golden = card.golden if familiarity is None else familiarity.golden
    measured = {
        "accuracy": round(found.accuracy, 6),
        "accuracy_float32": round(found.float32_accuracy, 6),
        "accuracy_drop_points": round(found.drop, 6),
        "same_label_as_float32": round(found.agreement, 6),
        "accuracy_images": found.images,
        "images_per_second": round(speed.reduced, 1),
        "images_per_second_float32": round(speed.float32, 1),
        "speed_ratio": round(speed.ratio, 3),
    }
    if familiarity is not None:
        measured["familiarity_same_decision"] = round(familiarity.same_decision, 6)
        measured["familiarity_shift"] = round(familiarity.shift, 6)
    return replace(
        card,
        name=f"{card.name}-{precision}",
        precision=precision.value,
        golden=replace(golden, tolerance=golden_tolerance(card.golden, precision, chosen.golden_difference)),
        metrics={**card.metrics, **measured},
        training={**card.training, **facts},
        versions={**card.versions, **versions(())},
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
