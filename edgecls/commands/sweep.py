"""edgecls sweep: training with many settings, keeping the best model."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgecls.commands.keras_import import import_keras
from edgecls.commands.options import ImageSize, model_output_option, tracker_from, tracking_options
from edgecls.commands.terminal import INTERRUPTED, StatusLine, counted, table_lines
from edgecls.commands.train_options import TimeLeft, print_origin, print_remarks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgecls.evaluation.history import EpochReport
    from edgecls.models import Origin
    from edgecls.training.config import TrainConfig
    from edgecls.training.sweep.outcome import SweepOutcome
    from edgecls.training.sweep.record import SweepTrial
    from edgecls.training.sweep.search_space import SearchSpace
    from edgecls.training.sweep.space import Range, Settings, SweepSpace

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


@click.command(short_help="Train with many settings; keep the best model.")
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
@click.option(
    "--trials",
    "count",
    type=click.IntRange(min=1),
    metavar="N",
    help="Search with N trials: each is chosen by the results of the others, and poor ones end early.",
)
@click.option(
    "--search",
    "searches",
    multiple=True,
    metavar="NAME=VALUES",
    help="With --trials: a setting and its values, as dropout=0..0.5, learning_rate=1e-5..1e-2:log or "
    "schedule=cosine,plateau; repeatable.",
)
@click.option("--epochs", type=click.IntRange(min=1), help="Number of epochs of each trial.")
@click.option("--weights", help="auto, none, imagenet, or a weights file, for all trials; as for edgecls train.")
@click.option(
    "--seed", type=click.IntRange(min=0, max=2**32 - 1), help="Seed of every trial, of --random and --trials."
)
@click.option(
    "--sweep-dir",
    type=click.Path(file_okay=False, path_type=Path),
    show_default="the output, ending in .sweep",
    help="Folder for record, charts and trials.",
)
@click.option("--resume", is_flag=True, help="Continue the sweep in that folder, or join other processes there.")
@click.option("--format", "output_format", type=click.Choice(["table", "json"]), default="table", show_default=True)
@tracking_options
def sweep(
    data: Path,
    output: Path,
    config_file: Path | None,
    archs: tuple[str, ...],
    image_sizes: tuple[tuple[int, int], ...],
    batch_sizes: tuple[int, ...],
    rates: "tuple[float | Range, ...]",
    draws: int | None,
    count: int | None,
    searches: tuple[str, ...],
    epochs: int | None,
    weights: str | None,
    seed: int | None,
    sweep_dir: Path | None,
    resume: bool,
    output_format: str,
    mlflow: str | None,
    mlflow_experiment: str | None,
) -> None:
    """Train on DATA with every combination of the given settings, with some of them at random, or with --trials
    by a search that learns from the results of its trials.

    All trials have the same validation images. Each is recorded in trials.jsonl when it ends; a
    sweep that was killed is continued with --resume, and several processes may work on one sweep. At the end
    the best model is written, evaluated on the test split if there is one, and charts of accuracy and loss are drawn.
    Exit code 1 if a trial failed.
    """
    if searches and count is None:
        raise click.UsageError("--search needs the number of trials; give it with --trials")
    if draws and count:
        raise click.UsageError("--random and --trials cannot be used together; --trials searches, --random only draws")
    ranges = [rate for rate in rates if not isinstance(rate, float)]
    if ranges and len(rates) > 1:
        raise click.UsageError("give either one range of learning rates, or single values")
    tracker = tracker_from(mlflow, mlflow_experiment, data)
    import_keras(purpose="training")
    from edgecls.models import get_architecture
    from edgecls.training.config_file import build_config, read_settings
    from edgecls.training.sweep.run import SweepListener, run_sweep
    from edgecls.training.sweep.space import SweepSpace
    from edgecls.training.sweep.trials import ListedTrials, Trials

    shared = {"epochs": epochs, "weights": weights, "seed": seed}
    settings = read_settings(config_file) if config_file else {}
    flags = {name: value for name, value in shared.items() if value is not None}
    base = build_config(settings, flags, default_image=lambda arch: get_architecture(arch).default_image)
    own_size = (base.image.height, base.image.width) if settings.get("image", {}).keys() & {"height", "width"} else None
    space = SweepSpace(
        archs=archs or (base.arch,),
        image_sizes=image_sizes or (own_size,),
        batch_sizes=batch_sizes or (base.batch_size,),
        learning_rates=ranges[0]
        if ranges
        else tuple(rate for rate in rates if isinstance(rate, float)) or (base.learning_rate,),
        default_sides={arch: get_architecture(arch).default_side for arch in archs or (base.arch,)},
    )
    trials: Trials
    if count is not None:
        from edgecls.training.sweep.study import SearchedTrials

        given = {"arch": archs, "image_size": image_sizes, "batch_size": batch_sizes, "learning_rate": rates}
        searched = _search_space(base, space, searches, {name: bool(values) for name, values in given.items()})
        base, trials = searched.base, SearchedTrials(searched, count)
        print_remarks(searched.remarks)
        if trials.total < count:
            print_remarks([f"there are only {trials.total} different combinations; each is tried once"])
    else:
        trials = ListedTrials(space.draw(draws, seed=base.seed) if draws else space.grid())
    progress = _Progress(is_json=output_format == "json")
    listener = SweepListener(
        on_start=progress.begin,
        on_weights=progress.tell_origin,
        on_batch=progress.show_step,
        on_epoch=progress.tell_epoch,
        on_end=lambda trial: progress.tell(_trial_text(trial, trials.total)),
        on_evaluated=lambda done, total: progress.line.show(f"classifying test images {done}/{total}"),
    )
    folder = sweep_dir or output.with_suffix(".sweep")
    try:
        outcome = run_sweep(
            data, output, base, trials, folder=folder, resume=resume, tracker=tracker, listener=listener
        )
    except KeyboardInterrupt:
        progress.line.show("")
        click.echo(f"stopped; the sweep in {folder} is not finished, continue it with --resume", err=True)
        click.get_current_context().exit(INTERRUPTED)
    if outcome is None:
        progress.tell(f"other processes are still working on the sweep in {folder}; the last one writes {output}")
        return
    progress.line.show("")
    _print_outcome(outcome, output, is_json=output_format == "json")
    if any(trial.error for trial in outcome.trials):
        click.get_current_context().exit(1)


def _search_space(
    base: "TrainConfig", options: "SweepSpace", searches: tuple[str, ...], given: dict[str, bool]
) -> "SearchSpace":
    """Return the space of a search: the options with several values, and what --search names.

    Args:
        base: The settings that all trials share.
        options: The values of the options for single settings.
        searches: The values of --search.
        given: Which of these options are on the command line.
    """
    from edgecls.errors import ModelConfigError, TrainingError
    from edgecls.models import architecture_names, get_architecture, head_names
    from edgecls.training.sweep.search_space import parse_search, search_space

    try:
        named = [parse_search(text, archs=architecture_names, heads=head_names) for text in searches]
        for name, _ in named:
            if given.get(name):
                raise click.UsageError(f"give --{name.replace('_', '-')} or --search {name}=..., not both")
            if sum(name == other for other, _ in named) > 1:
                raise click.UsageError(f"--search {name}=... is given twice; give all its values in one")
        return search_space(base, options, dict(named), side_of=lambda arch: get_architecture(arch).default_side)
    except (ModelConfigError, TrainingError) as error:
        raise click.BadParameter(str(error), param_hint="--search") from error


def _print_outcome(outcome: "SweepOutcome", output: Path, *, is_json: bool) -> None:
    if is_json:
        import json

        click.echo(json.dumps({"model": str(output), **outcome.as_dict()}, ensure_ascii=False, indent=2))
    elif len(outcome.trials) > 1:
        click.echo("\n".join(["", *table_lines(_table_rows(outcome)), ""]))
    best, total = outcome.best, len(outcome.trials)
    click.echo(f"best: {_trial_text(best, total)}", err=is_json)
    if score := outcome.test:
        unused = f"; {score.unused} more could not be used" if score.unused else ""
        interval = f"{score.low:.4f} to {score.high:.4f} at 95 %"
        text = f"test accuracy {score.accuracy:.4f} ({interval}) on {counted(score.images, 'image')}{unused}"
        click.echo(text, err=is_json)
    if total > 1:
        advice = "the test accuracy is the figure to rely on"
        if outcome.test is None:
            advice = "measure it with edgecls evaluate on images that no trial used"
        click.echo(
            f"warning: the best of {total} trials was chosen on the same {counted(outcome.validation_images, 'image')} "
            f"that its validation accuracy is measured on, which is therefore optimistic; {advice}",
            err=True,
        )
    if earlier := outcome.earlier_test:
        click.echo(
            f"warning: the test split was used before, for trial {earlier.trial}, the best of {earlier.of_trials}; "
            "the more often a sweep goes on after that, the more optimistic is its test accuracy, too",
            err=True,
        )
    click.echo(f"wrote {output}, and charts to {', '.join(map(str, outcome.files))}", err=is_json)


def _table_rows(outcome: "SweepOutcome") -> "Iterator[list[str]]":
    """Yield a head and a row for each trial, the best first, pruned and failed ones last."""
    names = [name for name in outcome.best.settings if len({trial.settings[name] for trial in outcome.trials}) > 1]
    yield ["trial", *(name.replace("_", " ") for name in names), "accuracy", "loss", "epochs", "seconds", "state"]
    order = {"complete": 0, "pruned": 1, "failed": 2}

    def rank(trial: "SweepTrial") -> tuple[float, ...]:
        best = trial.best
        score = (-best.validation_accuracy, best.validation_loss) if best else (0.0, 0.0)
        return (order[trial.state], *score, trial.number)

    for trial in sorted(outcome.trials, key=rank):
        best = trial.best
        figures = [f"{best.validation_accuracy:.4f}", f"{best.validation_loss:.4f}"] if best else ["", ""]
        values = [str(trial.settings[name]) for name in names]
        yield [str(trial.number), *values, *figures, str(len(trial.history)), f"{trial.duration_s:.1f}", trial.state]


class _Progress:
    """Shows the progress of a sweep: in one line on a terminal, otherwise one line per epoch on standard error."""

    def __init__(self, *, is_json: bool) -> None:
        self.line = StatusLine()
        self._is_json = is_json
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

    def tell(self, text: str) -> None:
        """Print a lasting line, to standard output unless that is for JSON."""
        self.line.show("")
        click.echo(text, err=self._is_json)

    def _say(self, text: str) -> None:
        if self.line.is_shown:
            self.line.show(text)
        else:
            click.echo(text, err=True)


def _trial_text(trial: "SweepTrial", total: int) -> str:
    from edgecls.training.sweep.space import settings_text

    head = f"trial {trial.number}/{total}: {settings_text(trial.settings)}"
    if trial.best is None:
        return f"{head}: failed: {trial.error}"
    pruned = f"ended early after {counted(len(trial.history), 'epoch')}: " if trial.pruned else ""
    return (
        f"{head}: {pruned}validation accuracy {trial.best.validation_accuracy:.4f}, "
        f"loss {trial.best.validation_loss:.4f} (epoch {trial.best.epoch}, {trial.duration_s:.1f} s)"
    )
