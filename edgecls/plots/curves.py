"""Training curves: what each epoch came to."""

from collections.abc import Mapping, Sequence

from edgecls.plots.figure import COLORS, MUTED, figure, png_bytes

__all__ = ["training_curve_png"]

LINE_COLORS = (COLORS[1], COLORS[0])


def training_curve_png(
    epochs: Sequence[int],
    lines: Mapping[str, Sequence[float]],
    *,
    title: str,
    stages: Mapping[int, str],
    best_epoch: int | None,
) -> bytes:
    """Draw one figure of merit over the epochs of a training run.

    Args:
        epochs: Their numbers, ascending, at least one.
        lines: Two lines at most: name to values, one for each epoch; the best epoch is marked on the last.
        title: What the values are.
        stages: First epoch of each stage to its name; marked only where there is more than one.
        best_epoch: The epoch whose weights were kept, if known.

    Returns:
        A PNG.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    with figure(4.4, 3.2, texts=[title, *lines, *stages.values()]) as made:
        axes = made.subplots()
        for color, (name, values) in zip(LINE_COLORS[-len(lines) :], lines.items(), strict=True):
            axes.plot(epochs, values, label=name, color=color, marker="o" if len(epochs) < 3 else "")
        if best_epoch is not None and best_epoch in epochs:
            last = list(lines.values())[-1]
            axes.plot([best_epoch], [last[list(epochs).index(best_epoch)]], "o", color=LINE_COLORS[-1], markersize=7)
        for first, stage in stages.items() if len(stages) > 1 else ():
            is_later = first > epochs[0]
            if is_later:
                axes.axvline(first - 0.5, color=MUTED, linewidth=0.8)
            axes.text(
                first - 0.4 if is_later else first,
                1.0,
                stage,
                color=MUTED,
                fontsize=7.5,
                va="bottom",
                transform=axes.get_xaxis_transform(),
            )
        axes.set_title(title, pad=16)
        axes.set_xlabel("epoch")
        axes.locator_params(axis="x", integer=True)
        axes.legend()
        return png_bytes(made)
