"""Measuring models on this machine: speed, stages, startup, memory and accuracy."""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from edgecls.bench.reference import Load, ReferenceWorkload
from edgecls.bench.stages import Place, Stages, Start
from edgecls.bench.trials import Figures, figures_of
from edgecls.dataset.formats.labelled_images import LabelledImages
from edgecls.evaluation.evaluate import check_labels, evaluate, without_foreign_labels
from edgecls.evaluation.record import Evaluation
from edgecls.measuring.trials import Trial
from edgecls.modelfile import ModelFile
from edgecls.runtime.execution.providers import Provider, SkippedProvider
from edgecls.runtime.setting import Setting
from edgecls.runtime.tuning.candidates import Candidate, open_candidates
from edgecls.runtime.tuning.in_memory import warm_up

__all__ = ["MOST_LABELLED", "Benchmark", "Placement", "ReferenceTimes", "Row", "benchmark", "known_to_all", "some_of"]

MOST_LABELLED = 500  # images on which accuracy is measured
OPENING, BACK_TO_BACK, PACED = 0.2, 0.65, 0.85  # fractions of the time by which each stage should be done


@dataclass(frozen=True)
class Row:
    """What was measured of a setting.

    Attributes:
        model: Which of the models, from 0.
        setting: How it was run.
        first: Its first images, which count for nothing else; the network may have been warm from another setting.
        back_to_back: The back-to-back rounds.
        paced: The paced rounds; None if the setting is for several images at once.
    """

    model: int
    setting: Setting
    first: Trial
    back_to_back: Figures
    paced: Figures | None

    @property
    def load(self) -> Load:
        """How much of the machine it keeps busy."""
        return Load.ONE_CORE if self.setting.workers * self.setting.intra_op_threads == 1 else Load.ALL_CORES


@dataclass(frozen=True)
class Placement:
    """A model on a provider.

    Attributes:
        model: Which of the models, from 0.
        provider: What it runs on.
        nodes: Number of nodes on each provider, by onnxruntime's names; empty on the CPU, which runs all of them.
        starts: Cold starts of `edgecls run` with one image, one in each round.
        evaluation: Answers to labelled images; None if there are none.
    """

    model: int
    provider: Provider
    nodes: Mapping[str, int]
    starts: tuple[Start, ...]
    evaluation: Evaluation | None


@dataclass(frozen=True)
class ReferenceTimes:
    """How long the reference workloads took in each round of a stage, in seconds.

    Attributes:
        back_to_back: In the rounds back-to-back.
        paced: In the paced rounds.
        start: In the rounds of starts.
    """

    back_to_back: Mapping[Load, Sequence[float]]
    paced: Mapping[Load, Sequence[float]]
    start: Mapping[Load, Sequence[float]]


@dataclass(frozen=True)
class Benchmark:
    """What was measured.

    Attributes:
        models: The model files.
        rows: Every setting of every model.
        placements: Every model on every provider.
        reference_times: How fast the machine itself was meanwhile.
        images: How many different ones were classified.
        images_sha256: Digest of their bytes.
        pace_s: Seconds from one image to the next in the paced rounds.
        seconds: How long all of it should take.
        skipped: What was not measured, with reason and remedy.
    """

    models: tuple[ModelFile, ...]
    rows: tuple[Row, ...]
    placements: tuple[Placement, ...]
    reference_times: ReferenceTimes
    images: int
    images_sha256: str
    pace_s: float
    seconds: float
    skipped: tuple[SkippedProvider, ...]


def benchmark(
    models: Sequence[ModelFile],
    images: Sequence[bytes],
    *,
    provider: Provider = Provider.AUTO,
    labelled: LabelledImages | None = None,
    seconds: float,
    pace_s: float,
    on_progress: Callable[[str], None] = lambda text: None,
) -> Benchmark:
    """Measure models with every setting that is worth trying here.

    Args:
        models: At least one, of different networks.
        images: Encoded images to measure with, at least one; they can be decoded.
        provider: One by name, or AUTO for all that work.
        labelled: Images whose labels are known, for the accuracy.
        seconds: About how long it may take, accuracy aside. Exceeded where a provider takes long to open, or one
            round of everything takes longer.
        pace_s: Seconds from one image to the next in the paced rounds.
        on_progress: Called with what is going on.

    Raises:
        ModelFileError: A network does not match its document, or onnxruntime cannot load it.
        ProviderError: A model runs nowhere, or not on the provider asked for.
        DatasetError: The labelled images have labels that a model does not know, or none can be classified.
    """
    start_s = time.perf_counter()
    candidates, not_opened = open_candidates(
        models, provider, deadline_s=start_s + OPENING * seconds, on_progress=on_progress
    )
    first, not_measured = warm_up(candidates, images, seconds=seconds, on_progress=on_progress)
    measured = {number: candidates[number] for number in first}
    stages = Stages(measured, images, {load: ReferenceWorkload(load) for load in Load}, on_progress)
    back_to_back = stages.back_to_back(first, deadline_s=start_s + BACK_TO_BACK * seconds)
    paced = stages.paced(pace_s, deadline_s=start_s + PACED * seconds)
    usual: dict[Place, Candidate] = {}  # each place in its default setting, which is the first
    for one in measured.values():
        usual.setdefault((one.model, one.setting.provider), one)
    starts, not_started = stages.starts(models, list(usual), deadline_s=start_s + seconds)
    evaluations = {} if labelled is None else _evaluate(usual, labelled, on_progress=on_progress)
    return Benchmark(
        models=tuple(models),
        rows=tuple(
            Row(
                one.model,
                one.setting,
                first[number],
                figures_of(back_to_back.found[number]),
                figures_of(paced.found[number]) if number in paced.found else None,
            )
            for number, one in measured.items()
        ),
        placements=tuple(
            Placement(*place, one.classifier.nodes, tuple(starts.found.get(place, ())), evaluations.get(place))
            for place, one in usual.items()
        ),
        reference_times=ReferenceTimes(back_to_back.references_s, paced.references_s, starts.references_s),
        images=len(images),
        images_sha256=_digest(images),
        pace_s=pace_s,
        seconds=seconds,
        skipped=tuple(dict.fromkeys((*not_opened, *not_measured, *not_started))),
    )


def _evaluate(
    usual: Mapping[Place, Candidate], labelled: LabelledImages, *, on_progress: Callable[[str], None]
) -> dict[Place, Evaluation]:
    return {
        place: evaluate(
            one.classifier,
            labelled,
            workers=one.classifier.workers,
            on_progress=lambda done, total: on_progress(f"accuracy, {done} of {total} images"),
        )
        for place, one in usual.items()
    }


def _digest(images: Sequence[bytes]) -> str:
    total = hashlib.sha256()
    for data in images:
        total.update(hashlib.sha256(data).digest())
    return total.hexdigest()


def some_of(images: LabelledImages) -> LabelledImages:
    """Return at most MOST_LABELLED of the images, spread evenly over the labels; the same at every call."""
    total = len(images.paths)
    if total <= MOST_LABELLED:
        return images
    chosen = [index * total // MOST_LABELLED for index in range(MOST_LABELLED)]
    return replace(
        images,
        paths=tuple(images.paths[index] for index in chosen),
        label_ids=tuple(images.label_ids[index] for index in chosen),
    )


def known_to_all(images: LabelledImages, models: Sequence[ModelFile], *, ignore_unknown_labels: bool) -> LabelledImages:
    """Return the images whose labels all models know, before anything is measured.

    Args:
        images: What to classify, and what it shows.
        models: The model files.
        ignore_unknown_labels: Leave images with other labels out.

    Raises:
        DatasetError: There are other labels and they are not to be left out, or no image is left.
    """
    for model in models:
        if ignore_unknown_labels:
            images = without_foreign_labels(images, model.card.labels)
        check_labels(images, model.card)
    return images
