"""The results of `edgecls bench`, and how they compare with earlier ones, as tables, JSON and plot."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from edgecls.bench.benchmark import Benchmark, Placement, Row
from edgecls.bench.compare import Comparison, Verdict
from edgecls.bench.document import Recorded
from edgecls.bench.trials import Figures, is_too_noisy
from edgecls.commands.terminal import on_one_line, table_lines
from edgecls.measuring.turns import Estimate, median_of
from edgecls.runtime.setting import Setting

__all__ = ["comparison_as_dict", "comparison_lines", "plot_png", "table_of"]

_SETTING = ("model", "precision", "provider", "at once", "threads", "batch")
_PLACEMENT = ("model", "precision", "provider", "start ms", "95 %", "memory MiB", "nodes", "accuracy", "95 %", "")
_TIMES = ("ms", "95 %", "p95", "p99", "decode", "queue", "inference")
_NOISY = "too noisy to tell"


def table_of(found: Benchmark, names: Sequence[str]) -> list[str]:
    """Return the results as lines for a terminal: three tables.

    Args:
        found: What was measured.
        names: What to call each model.
    """
    back_to_back: list[tuple[str, ...]] = [(*_SETTING, "images/s", "95 %", *_TIMES, "first", "")]
    paced: list[tuple[str, ...]] = [(*_SETTING, *_TIMES, "of back-to-back", "")]
    for row in found.rows:
        setting = _setting(found, names, row)
        rates = row.back_to_back.throughput
        remark = _NOISY if is_too_noisy(row.back_to_back.images_per_s) else ""
        first = f"{row.first.times[0].latency_ms:.2f}"
        times = _times(row.back_to_back)
        back_to_back.append((*setting, f"{rates.value:.1f}", _interval(rates, 1), *times, first, remark))
        if row.paced is not None:
            remark = _NOISY if is_too_noisy(row.paced.latency_ms) else ""
            times_longer = row.paced.latency.value / row.back_to_back.latency.value
            paced.append((*setting, *_times(row.paced), f"{times_longer:.2f} times", remark))
    placements = [_PLACEMENT, *(_placement(found, names, placement) for placement in found.placements)]
    lines = [
        "back-to-back",
        *table_lines(back_to_back),
        "",
        f"paced, an image every {found.pace_s:g} s",
        *table_lines(paced),
        "",
        "'edgecls run' from a cold start, with one image",
        *table_lines(placements),
    ]
    return [on_one_line(line).rstrip() for line in lines]


def _setting(found: Benchmark, names: Sequence[str], row: Row) -> tuple[str, ...]:
    setting = row.setting
    counts = (setting.workers, setting.intra_op_threads, setting.batch_size)
    return names[row.model], found.models[row.model].card.precision, setting.provider, *map(str, counts)


def _times(figures: Figures) -> tuple[str, ...]:
    stages = figures.stages
    times_ms = (figures.p95_ms, figures.p99_ms, stages.decode_ms, stages.queue_ms, stages.inference_ms)
    return f"{figures.latency.value:.2f}", _interval(figures.latency, 2), *(f"{time_ms:.2f}" for time_ms in times_ms)


def _interval(estimate: Estimate, digits: int) -> str:
    return f"{estimate.low:.{digits}f}-{estimate.high:.{digits}f}"


def _placement(found: Benchmark, names: Sequence[str], placement: Placement) -> tuple[str, ...]:
    times_ms = [1000 * start.elapsed_s for start in placement.starts]
    start, remark = ("", ""), ""
    if times_ms:
        estimate = median_of(times_ms)
        start = f"{estimate.value:.0f}", _interval(estimate, 0)
        remark = _NOISY if is_too_noisy(times_ms) else ""
    peaks = [one.peak_bytes for one in placement.starts if one.peak_bytes is not None]
    memory = f"{statistics.median(peaks) / 2**20:.0f}" if peaks else ""
    accuracy = "unknown", ""
    if placement.evaluation is not None:
        low, high = placement.evaluation.accuracy_interval
        accuracy = f"{placement.evaluation.accuracy:.4f}", f"{low:.3f}-{high:.3f}"
    nodes = ", ".join(f"{count} on {provider}" for provider, count in placement.nodes.items())
    name, precision = names[placement.model], found.models[placement.model].card.precision
    return name, precision, placement.provider, *start, memory, nodes or "all on cpu", *accuracy, remark


def comparison_lines(comparison: Comparison, baseline: Recorded) -> list[str]:
    """Return a comparison as lines for a terminal: differences of the setup first, then a table, then the verdict.

    Args:
        comparison: The outcomes.
        baseline: The earlier measurement.
    """
    lines = [f"compared with {baseline.machine.get('time')}, revision {baseline.machine.get('revision') or 'unknown'}"]
    lines += [f"SETUP DIFFERS: {difference}" for difference in comparison.differences]
    table = [("", "baseline ms", "now ms", "ratio", "interval", "relative", "interval", "")]
    for row in comparison.rows:
        ratios = [(f"{ratio.value:.2f}", _interval(ratio, 2)) for ratio in (row.ratio, row.relative_to_reference)]
        table.append((row.what, f"{row.baseline_ms:.2f}", f"{row.current_ms:.2f}", *ratios[0], *ratios[1], row.verdict))
    lines += table_lines(table)
    lines += [f"only in the baseline: {what}" for what in comparison.only_in_baseline]
    lines += [f"not in the baseline: {what}" for what in comparison.only_in_current]
    lines += _verdict(comparison)
    return [on_one_line(line).rstrip() for line in lines]


def _verdict(comparison: Comparison) -> Iterator[str]:
    if not comparison.rows:
        yield "the two measurements have nothing in common"
        return
    for row in comparison.slower:
        low, high = row.ratio.low, row.ratio.high
        yield f"slower: {row.what}: {row.ratio.value:.2f} times as long ({low:.2f} to {high:.2f})"
    noisy = sum(row.verdict is Verdict.NOISY for row in comparison.rows)
    if not comparison.slower:
        yield "nothing became slower beyond the noise"
    if noisy:
        yield f"too noisy to tell: {noisy} of {len(comparison.rows)}; measure on a quiet machine or give more --seconds"


def comparison_as_dict(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison as JSON can hold it."""
    return {"slower": [row.what for row in comparison.slower], **asdict(comparison)}


def plot_png(found: Benchmark, names: Sequence[str]) -> bytes:
    """Draw what was measured of every setting, as PNG.

    Args:
        found: What was measured.
        names: What to call each model.
    """
    from edgecls.plots.bench import SettingBars, StageBar, bench_png

    def bar(figures: Figures, rounds: Sequence[float]) -> StageBar:
        stages = figures.stages
        return StageBar(
            (stages.decode_ms, stages.queue_ms, stages.inference_ms),
            figures.latency,
            figures.p95_ms,
            figures.p99_ms,
            is_too_noisy(rounds),
        )

    return bench_png(
        [
            SettingBars(
                names[row.model],
                _short(row.setting),
                row.back_to_back.throughput,
                bar(row.back_to_back, row.back_to_back.images_per_s),
                None if row.paced is None else bar(row.paced, row.paced.latency_ms),
            )
            for row in found.rows
        ],
        pace_s=found.pace_s,
    )


def _short(setting: Setting) -> str:
    at_once = "1 at a time" if setting.workers == 1 else f"{setting.workers} at once"
    threads = f", {setting.intra_op_threads} threads" if setting.intra_op_threads > 1 else ""
    batch = f", batch {setting.batch_size}" if setting.batch_size > 1 else ""
    return f"{setting.provider}, {at_once}{threads}{batch}"
