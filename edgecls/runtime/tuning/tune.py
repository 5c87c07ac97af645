"""Finding out how models run best on this machine."""

import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import numpy as np

from edgecls.measuring.trials import Trial
from edgecls.modelfile import ModelFile
from edgecls.runtime.execution.providers import Provider, SkippedProvider
from edgecls.runtime.setting import Setting
from edgecls.runtime.tuned import Choice, Hardware, keep_choice, this_hardware
from edgecls.runtime.tuning.candidates import Candidate, open_candidates
from edgecls.runtime.tuning.ranking import ELIMINATED_AFTER, Measurement, Ranking, Trials, measure

__all__ = ["ModelTuning", "Row", "Standing", "Tuning", "tune"]

OPENING = 0.5  # of the time, for opening networks


class Standing(StrEnum):
    """How a setting ranked for a goal."""

    CHOSEN = "chosen"
    LEVEL = "level"
    BEHIND = "behind"


@dataclass(frozen=True)
class Row:
    """What was measured of a setting.

    Attributes:
        setting: Which one.
        images_per_s: Median over the rounds of the images a second, decoding included.
        spread: Half the interquartile range of that over the rounds, as a fraction of the median.
        latency_ms: Median time from an image's bytes to its answer, in milliseconds, while so many are worked on.
        rounds: How often it was measured; fewer than others if it was clearly behind.
        throughput: How it ranked for many images.
        latency: How it ranked for one image; None if it works on several at once.
    """

    setting: Setting
    images_per_s: float
    spread: float
    latency_ms: float
    rounds: int
    throughput: Standing
    latency: Standing | None


@dataclass(frozen=True)
class ModelTuning:
    """What was found for a model.

    Attributes:
        model: The model file.
        rows: All that was measured, in the order of trying.
        choice: The best; of what is level the default setting, or else the simplest.
    """

    model: ModelFile
    rows: tuple[Row, ...]
    choice: Choice

    def row_of(self, setting: Setting) -> Row:
        """Return what was measured of a setting."""
        return next(row for row in self.rows if row.setting == setting)


@dataclass(frozen=True)
class Tuning:
    """What was found.

    Attributes:
        hardware: This machine.
        models: What was found for each model.
        skipped: What was not measured, with reason and remedy.
        rounds: In how many rounds the settings were compared; in none, the figures are those of warming up.
    """

    hardware: Hardware
    models: tuple[ModelTuning, ...]
    skipped: tuple[SkippedProvider, ...]
    rounds: int

    @property
    def is_hasty(self) -> bool:
        """True if there was time for so few rounds that the choice may be due to chance."""
        return any(max(row.rounds for row in found.rows) < ELIMINATED_AFTER for found in self.models)

    def keep(self, folder: Path) -> None:
        """Keep the choices in a folder, which is made.

        Raises:
            OutputError: They cannot be kept there.
        """
        for found in self.models:
            keep_choice(found.choice, found.model.network_sha256, self.hardware, folder=folder)


def tune(
    models: Sequence[ModelFile],
    images: Sequence[bytes],
    *,
    provider: Provider = Provider.AUTO,
    seconds: float,
    wait_s: float = math.inf,
    on_progress: Callable[[str], None] = lambda text: None,
    on_found: Callable[[Tuning], None] = lambda found: None,
    clock: Callable[[], float] = time.perf_counter,
) -> Tuning:
    """Measure how models run best here: provider, images at once, threads, batches, decoding included.

    Args:
        models: At least one, of different networks.
        images: Encoded images to measure with, at least one.
        provider: One by name, or AUTO for all that work.
        seconds: About how long it may take. Exceeded where a provider takes long to open, as TensorRT does, or
            one round takes longer.
        wait_s: Seconds after which an opening is not waited for any more, as `open_candidates` describes.
        on_progress: Called with what is going on.
        on_found: Called with what is known, and may change yet: when all settings have warmed up, and after every
            round.
        clock: Tells the time in seconds.

    Raises:
        ModelFileError: A network does not match its document, or onnxruntime cannot load it.
        ProviderError: A model runs nowhere, or not on the provider asked for.
    """
    start_s = clock()
    hardware = this_hardware()
    candidates, not_opened = open_candidates(
        models,
        provider,
        deadline_s=start_s + OPENING * seconds,
        wait_until_s=start_s + wait_s,
        on_progress=on_progress,
        clock=clock,
    )

    def found(measured: Measurement) -> Tuning:
        skipped = tuple(dict.fromkeys((*not_opened, *measured.skipped)))
        return Tuning(hardware, tuple(_of_each(models, candidates, measured)), skipped, measured.rounds)

    def report(measured: Measurement) -> None:
        on_found(found(measured))

    return found(
        measure(
            candidates,
            images,
            seconds=seconds,
            deadline_s=start_s + seconds,
            on_progress=on_progress,
            on_figures=report,
            clock=clock,
        )
    )


def _of_each(
    models: Sequence[ModelFile], candidates: Sequence[Candidate], measured: Measurement
) -> Iterator[ModelTuning]:
    trials, now = measured.trials, datetime.now(UTC).isoformat(timespec="seconds")
    for index, model in enumerate(models):
        throughput, latency = (_standings(one, trials) for one in measured.rankings[2 * index : 2 * index + 2])
        rows = tuple(
            _row(candidates[number].setting, trials[number], throughput[number], latency.get(number))
            for number in sorted(throughput)
        )
        choice = Choice(
            next(row.setting for row in rows if row.throughput is Standing.CHOSEN),
            next(row.setting for row in rows if row.latency is Standing.CHOSEN),
            now,
        )
        yield ModelTuning(model, rows, choice)


def _standings(ranking: Ranking, trials: Trials) -> dict[int, Standing]:
    chosen, *level = ranking.level(trials)
    standings = dict.fromkeys(ranking.members, Standing.BEHIND)
    return {**standings, **dict.fromkeys(level, Standing.LEVEL), chosen: Standing.CHOSEN}


def _row(setting: Setting, trials: Sequence[Trial], throughput: Standing, latency: Standing | None) -> Row:
    rates = [trial.images_per_s for trial in trials]
    low, median, high = np.percentile(rates, (25, 50, 75)).tolist()
    return Row(
        setting=setting,
        images_per_s=median,
        spread=(high - low) / 2 / median,
        latency_ms=statistics.median(trial.latency_ms for trial in trials),
        rounds=len(trials),
        throughput=throughput,
        latency=latency,
    )
