"""The plots of docs/benchmarks.md."""

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from figures import Results
from tables import model_name

__all__ = ["PLOTTED", "draw"]

OURS, OTHERS = "#1f77b4", "#bbbbbb"


def draw(name: str, results: Results, path: Path) -> None:
    """Draw the plot of a result into a file."""
    if name in _BARS:
        _bars(path, *_BARS[name](results[name]))
    else:
        _line(path, *_LINES[name](results[name]))


Bar = tuple[str, dict[str, Any], bool]
"""Name, estimate, and whether it is edgecls."""

Panels = dict[str, list[Bar]]
"""Groups of bars, by title."""


def _bars(path: Path, panels: Panels, level: float | None, label: str) -> None:
    names = [[name for name, _, _ in bars] for bars in panels.values()]
    heights = [len(bars) for bars in panels.values()]
    layout: dict[str, Any]
    if all(one == names[0] for one in names):  # side by side, with their names once
        height, layout = 0.6 + 0.28 * heights[0], {"ncols": len(panels), "sharex": True, "sharey": True}
    else:
        height = 0.6 + 0.28 * sum(heights) + 0.4 * len(panels)
        layout = {"nrows": len(panels), "sharex": True, "height_ratios": heights}
    figure, grid = plt.subplots(figsize=(8, height), layout="constrained", squeeze=False, **layout)
    for axes, (title, bars) in zip(grid.flat, panels.items(), strict=True):
        axes.set_title(title, fontsize=9, loc="left")
        for index, (_, estimate, ours) in enumerate(bars):
            value, low, high = (estimate[key] for key in ("value", "low", "high"))
            spread = [[max(0.0, value - low)], [max(0.0, high - value)]]
            axes.barh(index, value, xerr=spread, color=OURS if ours else OTHERS, error_kw={"linewidth": 1})
        axes.set_yticks(range(len(bars)), [name for name, _, _ in bars], fontsize=8)
        axes.set_ylim(len(bars) - 0.4, -0.6)
        if level is not None:
            axes.axvline(level, color="black", linewidth=1, linestyle="--")
        axes.spines[["top", "right"]].set_visible(False)
    figure.supxlabel(label, fontsize=10)
    _save(figure, path)


def _line(path: Path, values: list[float], label: str) -> None:
    figure, axes = plt.subplots(figsize=(8, 2.4), layout="constrained")
    axes.plot(range(1, len(values) + 1), values, color=OURS, linewidth=1)
    axes.set_ylim(0, 1.2 * max(values))
    axes.set_xlabel("second")
    axes.set_ylabel(label)
    axes.spines[["top", "right"]].set_visible(False)
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, dpi=90, metadata={"Software": None})
    plt.close(figure)


def _cold_start(found: dict[str, Any]) -> tuple[Panels, float | None, str]:
    def middle(values: list[float]) -> dict[str, Any]:
        low, _, high = (1000 * value for value in statistics.quantiles(values, n=4))
        return {"value": 1000 * statistics.median(values), "low": low, "high": high}

    bars = [(name, middle(values), name == "edgecls run") for name, values in found["seconds"].items()]
    return {"": bars}, None, "median ms; line: quartiles"


def _decode_and_fit(found: dict[str, Any]) -> tuple[Panels, float | None, str]:
    bars = [(f"{row['image']} to {row['side']}", row["edgecls_over_area"], True) for row in found["rows"]]
    return {"": bars}, 1, "time relative to full decoding and INTER_AREA (1 = equal, less is faster)"


def _inference(found: dict[str, Any]) -> tuple[Panels, float | None, str]:
    bars = [
        (f"{model_name(row['model'])}, batch {row['batch']}", row["added_us"], True)
        for row in found["rows"]
        if row["batch"] == 1
    ]
    return {"": bars}, 30, "µs that edgecls adds to a run of onnxruntime; dashed: 30"


def _scaling(found: dict[str, Any]) -> tuple[Panels, float | None, str]:
    def bar(row: dict[str, Any]) -> Bar:
        callers = row["kind"] == "callers"
        how = _many(row["threads"], "caller") if callers else f"{row['threads']} {row['kind']}"
        return how, row["of_one_thread"], callers

    return _by_model(found, bar), 1, "images per second, relative to one thread"


def _server_load(found: dict[str, Any]) -> tuple[Panels, float | None, str]:
    def bar(row: dict[str, Any]) -> Bar:
        image = "thumbnail" if row["image"] == "thumbnail" else "photo"
        return f"{image}, {row['form']}, {_many(row['connections'], 'connection')}", row["of_limit"], True

    return _by_model(found, bar), 1, "responses per second, relative to the in-process limit"


def _peers(found: dict[str, Any]) -> tuple[Panels, float | None, str]:
    def bar(row: dict[str, Any]) -> Bar:
        name = f"{row['server']}, {_many(row['connections'], 'connection')}"
        return name, row["of_limit"], row["server"].startswith("edgecls")

    return _by_model(found, bar), 1, "responses per second, relative to the in-process limit"


def _by_model(found: dict[str, Any], bar: Callable[[dict[str, Any]], Bar]) -> Panels:
    panels: Panels = {}
    for row in found["rows"]:
        panels.setdefault(model_name(row["model"]), []).append(bar(row))
    return panels


def _soak(found: dict[str, Any]) -> tuple[list[float], str]:
    return found["pss_mb"], "memory (PSS), MB"


def _many(count: int, what: str) -> str:
    return f"{count} {what if count == 1 else what + 's'}"


_BARS: dict[str, Callable[[dict[str, Any]], tuple[Panels, float | None, str]]] = {
    "cold_start": _cold_start,
    "decode_and_fit": _decode_and_fit,
    "inference": _inference,
    "scaling": _scaling,
    "server_load": _server_load,
    "peers": _peers,
}
_LINES: dict[str, Callable[[dict[str, Any]], tuple[list[float], str]]] = {"soak": _soak}

PLOTTED = (*_BARS, *_LINES)
"""The results that have a plot."""
