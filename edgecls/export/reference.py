"""Giving a model file its reference: what held-out images look like to it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from edgecls import modelfile
from edgecls.dataset.formats.labelled_images import Dataset
from edgecls.export.proof import Export
from edgecls.modelfile import ModelFile
from edgecls.reference import VALUES, Reference, reference_of
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.machine.cores import usable_cores
from edgecls.runtime.many_images import classify_stream, file_source
from edgecls.runtime.opening import open_classifier
from edgecls.runtime.prediction import Prediction

__all__ = ["describe_export", "exported_with_reference", "held_out_paths", "model_with_reference"]

MOST_IMAGES = 500  # of which a reference is made; more make it hardly better


def exported_with_reference(export: Export, paths: Sequence[Path]) -> Export:
    """Return an export whose model file has a reference, as `model_with_reference`."""
    made = model_with_reference(ModelFile(export.card.name, export.card, export.onnx), paths)
    return replace(export, onnx=made.onnx, card=made.card)


def describe_export(export: Export, reference: Reference) -> Export:
    """Return an export whose model file has a reference."""
    card = replace(export.card, reference=reference)
    return replace(export, onnx=modelfile.describe(export.onnx, card), card=card)


def model_with_reference(
    model: ModelFile, paths: Sequence[Path], on_progress: Callable[[int, int], None] = lambda done, total: None
) -> ModelFile:
    """Return a model file with the reference that held-out images make; the very same if there are too few.

    Args:
        model: With or without a reference, which is replaced.
        paths: Images that it was not trained on; of very many, some are taken.
        on_progress: Called with the number of images done and the number of all.
    """
    reference = _reference_by_images(model, paths, on_progress)
    if reference is None:
        return model
    card = replace(model.card, reference=reference)
    return modelfile.model_from_bytes(modelfile.describe(model.onnx, card), name=model.path)


def _reference_by_images(
    model: ModelFile, paths: Sequence[Path], on_progress: Callable[[int, int], None]
) -> Reference | None:
    """Classify held-out images as the model file will be used; those that cannot be used are left out."""
    step = -(-len(paths) // MOST_IMAGES) or 1
    sources = [file_source(str(path)) for path in paths[::step]]
    values: dict[str, list[float]] = {name: [] for name in VALUES}
    label_ids = []
    with open_classifier(model, Provider.CPU, setting=None) as classifier:
        classifier.measures_appearance = True
        for done, outcome in enumerate(classify_stream(classifier, sources, workers=usable_cores()), 1):
            on_progress(done, len(sources))
            if not isinstance(outcome.result, Prediction):
                continue
            prediction = outcome.result
            look = {} if prediction.appearance is None else prediction.appearance._asdict()
            found = {"probability": prediction.probability, "familiarity": prediction.familiarity, **look}
            label_ids.append(prediction.best_index)
            for name, value in found.items():
                if value is not None:
                    values[name].append(value)
    return reference_of(values, label_ids, labels=len(model.card.labels))


def held_out_paths(dataset: Dataset) -> list[Path]:
    """Return the images of the splits that a dataset holds out."""
    return [path for name, split in dataset.splits.items() if name != "train" for path in split.paths]
