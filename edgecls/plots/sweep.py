"""Charts of a sweep: accuracy and loss by setting, and by epoch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgecls.plots.figure import COLORS, figure, png_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Run", "epochs_chart", "setting_chart", "swept_settings"]

MAX_NAMED_LINES = len(COLORS)  # more lines than these stay grey and without a name
QUIET = "0.75"  # light grey
MAX_TICKS = 6  # more numbers than these stand where they are on a scale, not side by side
LOG_FROM = 50  # largest by smallest number from which that scale is logarithmic
PRUNED_MARKER = "X"
PRUNED_SIGN = "×"
DODGE = 0.4  # of the space of a value without order, over which the dots of the combinations are spread


@dataclass(frozen=True)
class Run:
    """One training run as the charts show it.

    Attributes:
        settings: Value of every setting.
        accuracies: Validation accuracy, 0 to 1, epoch by epoch.
        losses: Validation loss in nats, epoch by epoch.
        best: Index of the best epoch.
        is_pruned: Whether it was ended early because others did better.
    """

    settings: Mapping[str, Any]
    accuracies: Sequence[float]
    losses: Sequence[float]
    best: int
    is_pruned: bool = False


def swept_settings(runs: Sequence[Run]) -> list[str]:
    """Return the names of the settings in which runs differ."""
    return [name for name in runs[0].settings if len({run.settings[name] for run in runs}) > 1] if runs else []


def setting_chart(runs: Sequence[Run], setting: str) -> bytes:
    """Draw accuracy and loss over the values of one setting, a colour for each combination of the others.

    Values that have an order, as sizes and rates, are joined by lines; between names, as those of architectures, there
    is nothing, so they have dots only, those of a combination always at the same side of the value's middle. Many
    numbers, as a search tries them, are on a scale of their own. A run that was ended early is a cross.

    Args:
        runs: Every run of the sweep that succeeded, at least one.
        setting: The setting along the horizontal axis.

    Returns:
        A PNG.
    """
    values = sorted({run.settings[setting] for run in runs}, key=_numeric)
    others = [name for name in swept_settings(runs) if name != setting]
    lines: dict[str, list[Run]] = {}
    for run in runs:
        lines.setdefault(_name(run, others), []).append(run)

    has_order = all(_numeric(value)[0] == 0 for value in values)

    is_scaled = len(values) > MAX_TICKS and all(isinstance(value, int | float) for value in values)
    place_of = dict(zip(values, values if is_scaled else range(len(values)), strict=True))

    def draw(axes: "Axes", metric: str) -> None:
        for index, (name, members) in enumerate(lines.items()):
            aside = 0.0 if has_order or len(lines) == 1 else DODGE * (index / (len(lines) - 1) - 0.5)
            members = sorted(members, key=lambda run: values.index(run.settings[setting]))
            look = _look(index, len(lines), name)
            for is_pruned, marker in ((False, "o"), (True, PRUNED_MARKER)):
                shown = [run for run in members if run.is_pruned is is_pruned]
                places = [place_of[run.settings[setting]] + aside for run in shown]
                heights = [getattr(run, metric)[run.best] for run in shown]
                line = "-" if has_order and not is_pruned else "none"
                axes.plot(places, heights, marker=marker, linestyle=line, **look)
                look.pop("label", None)  # one name in the legend for both
        if not has_order:
            axes.set_xlim(-0.5, len(values) - 0.5)
            axes.grid(visible=False, axis="x")
        if not is_scaled:
            axes.set_xticks(range(len(values)), [str(value) for value in values])
        elif 0 < LOG_FROM * values[0] <= values[-1]:
            axes.set_xscale("log")
        axes.set_xlabel(setting.replace("_", " ") + _note(runs, f"{PRUNED_SIGN}: ended early"))

    return _two_panels(draw, legend=1 < len(lines) <= MAX_NAMED_LINES)


def epochs_chart(runs: Sequence[Run]) -> bytes:
    """Draw accuracy and loss over the epochs, a line for each run, a dot at the best epoch.

    The line of a run that was ended early is dashed and ends in a cross.

    Args:
        runs: Every run of the sweep that succeeded, at least one.

    Returns:
        A PNG.
    """
    names = swept_settings(runs)

    def draw(axes: "Axes", metric: str) -> None:
        for index, run in enumerate(runs):
            heights = getattr(run, metric)
            look = _look(index, len(runs), _name(run, names))
            axes.plot(range(1, len(heights) + 1), heights, linestyle="--" if run.is_pruned else "-", **look)
            end = (len(heights), PRUNED_MARKER) if run.is_pruned else (run.best + 1, "o")
            axes.plot([end[0]], [heights[end[0] - 1]], marker=end[1], color=look["color"])
        axes.locator_params(axis="x", integer=True)
        axes.set_xlabel("epoch" + _note(runs, f"dashed, {PRUNED_SIGN}: ended early"))

    return _two_panels(draw, legend=1 < len(runs) <= MAX_NAMED_LINES)


def _two_panels(draw: Any, *, legend: bool) -> bytes:
    with figure(10, 5 if legend else 4) as fig:
        accuracy, loss = fig.subplots(1, 2)
        for axes, metric, title in ((accuracy, "accuracies", "accuracy"), (loss, "losses", "loss (nats)")):
            draw(axes, metric)
            axes.set_title(f"validation {title}")
            axes.grid(alpha=0.3)
        if legend:
            fig.legend(*accuracy.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
        return png_bytes(fig)


def _look(index: int, count: int, name: str) -> dict[str, Any]:
    return {"color": f"C{index}", "label": name} if count <= MAX_NAMED_LINES else {"color": QUIET}


def _note(runs: Sequence[Run], text: str) -> str:
    return f" ({text})" if any(run.is_pruned for run in runs) else ""


def _name(run: Run, settings: Sequence[str]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {run.settings[name]}" for name in settings)


def _numeric(value: Any) -> tuple[Any, ...]:
    """Sort key: numbers by size, sizes like 96x128 by their sides, names by letter."""
    try:
        return (0, *(float(part) for part in str(value).split("x")))
    except ValueError:
        return (1, str(value))
