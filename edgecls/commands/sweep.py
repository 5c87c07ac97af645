"""edgecls sweep: training with many settings, keeping the best model."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgecls.commands.options import ImageSize, model_output_option
from edgecls.commands.terminal import StatusLine, import_keras
from edgecls.commands.train_options import TimeLeft, print_origin

if TYPE_CHECKING:
    from edgecls.evaluation.history import EpochReport
    from edgecls.models import Origin
    from edgecls.training.sweep.record import SweepTrial
    from edgecls.training.sweep.space import Range, Settings

__all__ = ["sweep"]


class _LearningRate(click.ParamType["float | Range"]):
    """A number, or LOW..HIGH, from which --random draws."""

    name = "RATE|LOW..HIGH"

    def convert(
        self, value: "str | float | Range", param: click.Parameter | None, ctx: click.Context | None
    ) -> "float | Range":
        if not isinstance(value, str):
            return value
        from edgecls.errors import TrainingError
        from edgecls.training.sweep.space import Range

        try:
            low, dots, high = value.partition("..")
            return Range(float(low), float(high)) if dots else float(low)
        except (ValueError, TrainingError):
            self.fail(
                f"{value!r} is not a learning rate; give a number such as 0.001, or a range such as 1e-4..1e-2",
                param,
                ctx,
            )


@click.command(short_help="Train with every combination of settings.")
@click.argument("data", metavar="DATA", type=click.Path(exists=True, path_type=Path))
@model_output_option
@click.option(
    "--config",
    "config_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="TOML file with the common settings of all trials, as for edgecls train.",
)
@click.option("--arch", "archs", multiple=True, help="Architecture to try; repeatable, as are the next three.")
@click.option("--image-size", "image_sizes", type=ImageSize(), multiple=True, help="Size of the image to try.")
@click.option("--batch-size", "batch_sizes", type=click.IntRange(min=1), multiple=True, help="Batch size to try.")
@click.option(
    "--learning-rate", "rates", type=_LearningRate(), multiple=True, help="Learning rate to try, or a range of them."
)
@click.option(
    "--random", "draws", type=click.IntRange(min=1), help="Try only N combinations, chosen at random.", metavar="N"
)
@click.option("--epochs", type=click.IntRange(min=1), help="Number of epochs of each trial.")
@click.option("--weights", help="auto, none, imagenet, or a weights file, for all trials; as for edgecls train.")
@click.option("--seed", type=click.IntRange(min=0, max=2**32 - 1), help="Seed of every trial and of --random.")
@click.option(
    "--sweep-dir",
    type=click.Path(file_okay=False, path_type=Path),
    show_default="the output, ending in .sweep",
    help="Folder for record, charts and trials.",
)
@click.option("--resume", is_flag=True, help="Continue the sweep in that folder.")
def sweep(
    data: Path,
    output: Path,
    config_file: Path | None,
    archs: tuple[str, ...],
    image_sizes: tuple[tuple[int, int], ...],
    batch_sizes: tuple[int, ...],
    rates: "tuple[float | Range, ...]",
    draws: int | None,
    epochs: int | None,
    weights: str | None,
    seed: int | None,
    sweep_dir: Path | None,
    resume: bool,
) -> None:
    """Train on DATA with every combination of the given settings, or some of them at random.

    All trials have the same validation images. Each is recorded in trials.jsonl when it ends; a
    sweep that was killed is continued with --resume. At the end the best model is written, and
    charts of accuracy and loss. Exit code 1 if a trial failed.
    """
    import_keras(purpose="training")
    from edgecls.models import get_architecture
    from edgecls.training.config_file import build_config, read_settings
    from edgecls.training.sweep.run import SweepListener, run_sweep
    from edgecls.training.sweep.space import Range, SweepSpace

    shared = {"epochs": epochs, "weights": weights, "seed": seed}
    settings = read_settings(config_file) if config_file else {}
    flags = {name: value for name, value in shared.items() if value is not None}
    base = build_config(settings, flags, default_image=lambda arch: get_architecture(arch).default_image)
    archs = archs or (base.arch,)
    own_size = (base.image.height, base.image.width) if settings.get("image", {}).keys() & {"height", "width"} else None
    ranges = [rate for rate in rates if isinstance(rate, Range)]
    if ranges and len(rates) > 1:
        raise click.UsageError("give either one range of learning rates, or single values")
    space = SweepSpace(
        archs=archs,
        image_sizes=image_sizes or (own_size,),
        batch_sizes=batch_sizes or (base.batch_size,),
        learning_rates=ranges[0]
        if ranges
        else tuple(rate for rate in rates if isinstance(rate, float)) or (base.learning_rate,),
        default_sides={arch: get_architecture(arch).default_side for arch in archs},
    )
    trials = space.draw(draws, seed=base.seed) if draws else space.grid()
    progress = _Progress()
    listener = SweepListener(
        on_start=progress.begin,
        on_weights=progress.tell_origin,
        on_batch=progress.show_step,
        on_epoch=progress.tell_epoch,
        on_end=lambda trial: progress.line.then(_trial_text(trial, len(trials))),
    )
    folder = sweep_dir or output.with_suffix(".sweep")
    result = run_sweep(data, output, base, trials, folder=folder, resume=resume, listener=listener)
    click.echo(f"best: {_trial_text(result.best, len(trials))}")
    click.echo(f"wrote {output}, and charts to {', '.join(map(str, result.charts))}")
    if any(trial.error for trial in result.trials):
        click.get_current_context().exit(1)


class _Progress:
    """Shows the progress of a sweep: in one line on a terminal, otherwise one line per epoch on standard error."""

    def __init__(self) -> None:
        self.line = StatusLine()
        self._trial = ""
        self._left = TimeLeft(1)
        self._epochs = 0
        self._epoch = 0
        self._origins: set[Origin] = set()

    def tell_origin(self, origin: "Origin") -> None:
        """Say where weights come from, once for the trials that start alike."""
        if origin not in self._origins:
            self._origins.add(origin)
            print_origin(self.line, origin)

    def begin(self, number: int, total: int, epochs: int, chosen: "Settings") -> None:
        self._trial = f"trial {number}/{total}"
        self._left, self._epochs, self._epoch = TimeLeft(epochs), epochs, 0
        self._say(f"{self._trial}: {chosen}")

    def show_step(self, done: int, total: int, loss: float, accuracy: float) -> None:
        left = self._left.after_step(done, total)
        self.line.show(f"{self._trial}  epoch {self._epoch + 1}/{self._epochs}  step {done}/{total}  {left}")

    def tell_epoch(self, report: "EpochReport") -> None:
        self._epoch = report.epoch
        left = self._left.after_epoch(report)
        self._say(
            f"{self._trial}  epoch {report.epoch}/{report.epochs}  val_loss {report.validation_loss:.4f}  "
            f"val_accuracy {report.validation_accuracy:.4f}{f'  {left}' if left else ''}"
        )

    def _say(self, text: str) -> None:
        if self.line.is_shown:
            self.line.show(text)
        else:
            click.echo(text, err=True)


def _trial_text(trial: "SweepTrial", total: int) -> str:
    settings = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in trial.settings.items())
    if trial.best is None:
        return f"trial {trial.number}/{total}: {settings}: failed: {trial.error}"
    return (
        f"trial {trial.number}/{total}: {settings}: validation accuracy {trial.best.validation_accuracy:.4f}, "
        f"loss {trial.best.validation_loss:.4f} (epoch {trial.best.epoch}, {trial.duration_s:.1f} s)"
    )
