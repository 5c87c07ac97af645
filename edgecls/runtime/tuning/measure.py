"""Measuring contenders on images, in turns."""

import time
from collections.abc import Callable, Mapping, Sequence

from edgecls.measuring.trials import Trial
from edgecls.runtime.execution.providers import Provider, SkippedProvider
from edgecls.runtime.setting import Setting
from edgecls.runtime.tuned import Goal
from edgecls.runtime.tuning.contenders import Contender
from edgecls.runtime.tuning.in_memory import classify_in_memory, least_images, warm_up
from edgecls.runtime.tuning.races import Race, take_rounds

__all__ = ["measure", "races_between"]

PLANNED_ROUNDS = 8
LEAST_TRIAL_S = 0.02


def measure(
    contenders: Sequence[Contender],
    images: Sequence[bytes],
    *,
    seconds: float,
    deadline_s: float,
    on_progress: Callable[[str], None],
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[dict[int, list[Trial]], list[Race], list[SkippedProvider]]:
    """Measure contenders: each warms up alone, then they take turns.

    Args:
        contenders: What to measure, those of a model together, its usual setting before others of that provider.
        images: Encoded images.
        seconds: How long all of it shall take.
        deadline_s: When it shall end, by `clock`.
        on_progress: Is told what is going on.
        clock: Tells the time in seconds.

    Returns:
        The trials of each contender by its number, the races they were taken for, and what was not measured.
    """
    warm, skipped = warm_up(contenders, images, seconds=seconds, on_progress=on_progress)
    trial_s = max(LEAST_TRIAL_S, (deadline_s - clock()) / (PLANNED_ROUNDS * len(warm)))

    def run(number: int) -> Trial:
        contender = contenders[number]
        on_progress(f"measuring, {max(0.0, deadline_s - clock()):.0f} s left: {contender.setting}")
        count = max(least_images(contender.setting), round(warm[number].images_per_s * trial_s))
        return classify_in_memory(contender.classifier, images, count)

    races = races_between({number: contenders[number] for number in warm})
    return take_rounds(run, races, deadline_s=deadline_s, clock=clock), races, skipped


def races_between(contenders: Mapping[int, Contender]) -> list[Race]:
    """Return a race for each goal of each model, those of the first model first: for throughput, then for latency.

    Args:
        contenders: By number, the usual setting of each provider before its others.
    """
    races = []
    for model in dict.fromkeys(contender.model for contender in contenders.values()):
        members = [number for number, contender in contenders.items() if contender.model == model]
        usual = {contenders[number].setting.provider: contenders[number].setting for number in reversed(members)}
        members.sort(key=lambda number: _complexity(contenders[number].setting, usual))
        alone = [number for number in members if contenders[number].setting.workers == 1]
        races += [Race(Goal.THROUGHPUT, tuple(members)), Race(Goal.LATENCY, tuple(alone))]
    return races


def _complexity(setting: Setting, usual: Mapping[Provider, Setting]) -> tuple[bool, bool, int, int, int]:
    """Return what orders settings: the CPU's before others, the usual one first, then from simple to intricate."""
    threads = setting.workers * setting.intra_op_threads
    is_unusual = setting != usual[setting.provider]
    return setting.provider != Provider.CPU, is_unusual, setting.batch_size, threads, setting.intra_op_threads
