"""The stages of a benchmark. In each, all candidates and the reference workloads take turns."""

import functools
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from edgecls.bench.reference import Load, ReferenceWorkload
from edgecls.bench.trials import take_paced
from edgecls.errors import ProviderError
from edgecls.frozen import can_start_children, child_command, is_frozen
from edgecls.measuring.trials import Trial
from edgecls.measuring.turns import take_turns
from edgecls.modelfile import ModelFile
from edgecls.runtime.execution.providers import Provider, SkippedProvider
from edgecls.runtime.tuning.candidates import Candidate
from edgecls.runtime.tuning.in_memory import classify_in_memory, least_images

__all__ = ["Place", "Stages", "Start", "Turns", "start_once"]

K = TypeVar("K")
V = TypeVar("V")

Place = tuple[int, Provider]
"""Which of the models, from 0, and what it runs on."""

PLANNED_ROUNDS = 12
MOST_ROUNDS = 40
MOST_STARTS = 12
LEAST_TRIAL_S = 0.02
LEAST_PACED = 3  # images in a trial


@dataclass(frozen=True)
class Start:
    """One cold start of `edgecls run` with one image.

    Attributes:
        elapsed_s: From starting the process to its end, in seconds.
        peak_bytes: The most memory that it had resident; None where the system does not report it.
    """

    elapsed_s: float
    peak_bytes: int | None


def start_once(model_path: str, provider: Provider, image: Path) -> Start | SkippedProvider:
    """Run `edgecls run` with one image in a new process, untuned.

    Args:
        model_path: The model file.
        provider: What to run on, by name.
        image: The image file.

    Returns:
        What it took, or how it failed.
    """
    if not can_start_children():
        reason = "the start of 'edgecls run' not measured: this frozen program is another one"
        return SkippedProvider(provider, reason, "measure with edgecls itself")
    run = ["run", str(image), "--no-tuned", "--model", model_path, "--provider", provider.value]
    if is_frozen():
        command = child_command("launch", sys.executable, *run)
    else:
        python = [sys.executable, "-m"]
        command = [*python, "edgecls.bench.launcher", *python, "edgecls", *run]
    done = subprocess.run(  # noqa: S603  this interpreter with this package
        command, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    told = json.loads(done.stdout) if done.returncode == 0 else {"exit_code": done.returncode}
    if told["exit_code"]:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        how = ": ".join([f"exit code {told['exit_code']}", *last])
        reason = f"the start of 'edgecls run' with {model_path!r} not measured: it failed ({how})"
        return SkippedProvider(provider, reason, "run it by hand")
    return Start(told["elapsed_s"], told["peak_bytes"])


@dataclass(frozen=True)
class Turns(Generic[K, V]):
    """What was measured in the rounds of a stage.

    Attributes:
        found: In each round, for each subject.
        references_s: In each round, how long each reference workload took, in seconds.
    """

    found: Mapping[K, Sequence[V]]
    references_s: Mapping[Load, Sequence[float]]


@dataclass(frozen=True)
class Stages:
    """The stages, and what they share.

    Attributes:
        candidates: What to measure, by number.
        images: Encoded images to measure with.
        references: Workloads that take part in every round.
        on_progress: Called with what is going on.
    """

    candidates: Mapping[int, Candidate]
    images: Sequence[bytes]
    references: Mapping[Load, ReferenceWorkload]
    on_progress: Callable[[str], None]

    def back_to_back(self, first: Mapping[int, Trial], *, deadline_s: float) -> Turns[int, Trial]:
        """Measure all candidates with images back-to-back.

        Args:
            first: A run of each, which tells how many images fit into a round.
            deadline_s: When to end, as `time.perf_counter` has it; at least one round is taken.
        """
        trial_s = max(
            LEAST_TRIAL_S, (deadline_s - time.perf_counter()) / (PLANNED_ROUNDS * (len(first) + len(self.references)))
        )

        def run(number: int) -> Trial:
            one = self.candidates[number]
            self._tell("back-to-back", deadline_s, one)
            count = max(least_images(one.setting), round(first[number].images_per_s * trial_s))
            return classify_in_memory(one.classifier, self.images, count)

        return self._in_turns(list(self.candidates), run, deadline_s=deadline_s, most_rounds=MOST_ROUNDS)

    def paced(self, pace_s: float, *, deadline_s: float) -> Turns[int, Trial]:
        """Measure the candidates for one image at a time, with images at fixed intervals.

        Args:
            pace_s: Seconds from one image to the next.
            deadline_s: As for `back_to_back`.
        """
        alone = [number for number, one in self.candidates.items() if one.setting.workers == 1]
        trial_s = (deadline_s - time.perf_counter()) / (PLANNED_ROUNDS * max(1, len(alone)))
        count = max(LEAST_PACED, math.floor(trial_s / pace_s))

        def run(number: int) -> Trial:
            one = self.candidates[number]
            self._tell(f"an image every {pace_s:g} s", deadline_s, one)
            return take_paced(one.classifier, self.images, count, pace_s=pace_s)

        return self._in_turns(alone, run, deadline_s=deadline_s, most_rounds=MOST_ROUNDS)

    def starts(
        self, models: Sequence[ModelFile], places: Sequence[Place], *, deadline_s: float
    ) -> tuple[Turns[Place, Start], list[SkippedProvider]]:
        """Time cold starts of `edgecls run`, after one of each that does not count, in which caches fill.

        Args:
            models: The model files.
            places: What to start.
            deadline_s: As for `back_to_back`.

        Returns:
            The starts, and what failed in that first one.

        Raises:
            ProviderError: A start that worked before failed.
        """
        with tempfile.TemporaryDirectory() as folder:
            image = Path(folder) / "image"
            image.write_bytes(self.images[0])

            def run(place: Place) -> Start | SkippedProvider:
                path, provider = models[place[0]].path, place[1]
                self.on_progress(f"starting anew with {path} on {provider}")
                return start_once(path, provider, image)

            def run_again(place: Place) -> Start:
                found = run(place)
                if isinstance(found, SkippedProvider):
                    raise ProviderError(str(found))
                return found

            first = {place: run(place) for place in places}
            works = [place for place, found in first.items() if isinstance(found, Start)]
            turns = self._in_turns(works, run_again, deadline_s=deadline_s, most_rounds=MOST_STARTS)
        return turns, [found for found in first.values() if isinstance(found, SkippedProvider)]

    def _in_turns(
        self, subjects: Sequence[K], run: Callable[[K], V], *, deadline_s: float, most_rounds: int
    ) -> Turns[K, V]:
        if not subjects:
            return Turns({}, {load: [] for load in self.references})
        turns: dict[tuple[K, None] | tuple[None, Load], Callable[[], Any]] = {
            **{(subject, None): functools.partial(run, subject) for subject in subjects},
            **{(None, load): reference.measure for load, reference in self.references.items()},
        }
        figures = take_turns(turns, rounds=most_rounds, warm_up=0, deadline_s=deadline_s)
        return Turns(
            {subject: figures[subject, None] for subject in subjects},
            {load: figures[None, load] for load in self.references},
        )

    def _tell(self, what: str, deadline_s: float, candidate: Candidate) -> None:
        left_s = max(0.0, deadline_s - time.perf_counter())
        self.on_progress(f"{what}, {left_s:.0f} s left: {candidate.setting}")
