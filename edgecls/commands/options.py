"""Options that several commands have."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from edgecls.bundled_model import BUNDLED_MODEL

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from edgecls.modelfile import ModelFile
    from edgecls.runtime.execution.providers import Provider
    from edgecls.runtime.setting import Setting
    from edgecls.runtime.tuned import Goal
    from edgecls.tracking import Tracker

__all__ = [
    "BUNDLED_MODEL",
    "GroupedCommand",
    "GroupedOption",
    "ImageSize",
    "ModelPath",
    "gpu_option",
    "ignore_option",
    "image_size_option",
    "limits_option",
    "min_familiarity_option",
    "model_names",
    "model_option",
    "model_output_option",
    "provider_option",
    "split_option",
    "tracker_from",
    "tracking_options",
    "tuned_setting_from",
    "tuning_options",
    "typed_options",
    "unknown_threshold_option",
]


Function = TypeVar("Function", bound=Callable[..., Any])


class ModelPath(click.Path):
    """The path of a model file, which shells complete to what ends in .onnx."""

    def __init__(self, *, exists: bool = False) -> None:
        super().__init__(exists=exists, path_type=Path)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
        from click.shell_completion import CompletionItem

        folder, _, start = incomplete.rpartition("/")
        try:
            entries = [entry for entry in os.scandir(folder + "/" if folder else ".") if entry.name.startswith(start)]
        except OSError:
            entries = []
        models = sorted(entry.name for entry in entries if entry.name.endswith(".onnx") and entry.is_file())
        folders = any(entry.is_dir() for entry in entries)
        if not models:
            return [CompletionItem(incomplete, type="dir")]
        if folders:  # a shell completes to names that it is given, or looks for folders itself
            return [CompletionItem(incomplete, type="file")]
        return [CompletionItem(f"{folder}/{name}" if folder or incomplete.startswith("/") else name) for name in models]


model_option = click.option(
    "--model",
    "-m",
    type=ModelPath(),
    default=BUNDLED_MODEL,
    envvar="EDGECLS_MODEL",
    show_default="the bundled flowers model",
    help="Model file (.onnx) to use. Environment: EDGECLS_MODEL.",
)

model_output_option = click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="Model file (.onnx) to write.",
)

_PROVIDERS = (
    *("auto", "tensorrt", "cuda", "nv_tensorrt_rtx", "openvino", "openvino_plugin"),
    *("directml", "coreml", "mlx", "webgpu", "cpu"),
)

provider_option = click.option(
    "--provider",
    type=click.Choice(_PROVIDERS),
    default="auto",
    show_default=True,
    help="Execution provider. auto takes the best one that works here; a named one is used or it fails.",
)


def _use_gpu(context: click.Context, param: click.Parameter, number: int | None) -> None:
    """Hide the other GPUs before anything of the command uses one."""
    if number is not None and not context.resilient_parsing:
        from edgecls.runtime.execution.gpu import use_gpu

        use_gpu(number)


gpu_option = click.option(
    "--gpu",
    type=click.IntRange(min=0),
    callback=_use_gpu,
    expose_value=False,
    show_default="the first",
    help="NVIDIA GPU to use, as nvidia-smi counts them. CUDA_VISIBLE_DEVICES counts first, where it is set.",
)


def _check_tuning(context: click.Context, param: click.Parameter, value: bool) -> bool:
    """Refuse to measure what is not to be used, in whatever order the options come."""
    known = {**context.params, param.name: value}
    if known.get("tune") and known.get("tuned") is False:
        raise click.UsageError("--tune and --no-tuned contradict each other; give one of them", context)
    return value


_TUNING = (
    click.option(
        "--tuned/--no-tuned",
        default=True,
        show_default=True,
        callback=_check_tuning,
        help="Use the settings that 'edgecls tune' found on this machine, if any.",
    ),
    click.option(
        "--tune",
        is_flag=True,
        callback=_check_tuning,
        help="If this machine has no settings stored for a model, find them first, in at most 10 s, and store them.",
    ),
)


def tuning_options(command: Function) -> Function:
    """Add the options for the settings that were measured on this machine to a command."""
    for option in reversed(_TUNING):
        command = option(command)
    return command


def tuned_setting_from(
    model: "ModelFile", goal: "Goal", *, provider: "Provider", workers: int | None, tuned: bool, tune: bool
) -> "Setting | None":
    """Return the setting that `tuning_options` ask for; None for the default.

    Args:
        model: The model file.
        goal: What to optimise for.
        provider: Value of --provider.
        workers: Value of --threads.
        tuned: Value of --tuned.
        tune: Value of --tune.
    """
    if tune:
        from edgecls.runtime.tuning.first_use import setting_at_first_use

        return setting_at_first_use(
            model, goal, provider=provider, workers=workers, tell=lambda line: click.echo(line, err=True)
        )
    if not tuned:
        return None
    from edgecls.runtime.tuned import tuned_setting

    return tuned_setting(model, goal, provider=provider, workers=workers)


class ImageSize(click.ParamType[tuple[int, int]]):
    """One number for a square, or HEIGHTxWIDTH, in pixels."""

    name = "SIDE|HxW"

    def convert(
        self, value: str | tuple[int, int], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        sides = value.lower().split("x")
        try:
            numbers = [int(side) for side in sides]
        except ValueError:
            numbers = []
        if len(numbers) not in (1, 2) or min(numbers) < 1:
            self.fail(f"{value!r} is not a size; give one side, as 128, or height and width, as 96x128", param, ctx)
        return numbers[0], numbers[-1]


image_size_option = click.option(
    "--image-size",
    type=ImageSize(),
    show_default="the architecture's native size",
    help="Size of the network's image in pixels: one side of a square, or HEIGHTxWIDTH.",
)

unknown_threshold_option = click.option(
    "--unknown-threshold",
    metavar="P",
    type=click.FloatRange(min=0, max=1, max_open=True),
    show_default="as the model file says",
    help='Answer "unknown" where no label is at least so probable; 0 to always answer with a label.',
)


class _MinFamiliarity(click.ParamType[float | str]):
    """What `read_min_familiarity` takes."""

    name = "LEVEL"

    def convert(self, value: float | str, param: click.Parameter | None, ctx: click.Context | None) -> float | str:
        from edgecls.runtime.min_familiarity import read_min_familiarity

        try:
            return read_min_familiarity(value)
        except ValueError:
            self.fail(f"{value!r} is neither a percentage as in 95%, nor a familiarity as in 0.6, nor off", param, ctx)


min_familiarity_option = click.option(
    "--min-familiarity",
    metavar="P%|NUMBER|off",
    type=_MinFamiliarity(),
    show_default="as the model file says",
    help='Answer "unknown" where an image is less like the training images than that: 95% for the threshold that '
    "accepts so many of the images held out in training ('edgecls info' lists the file's), a familiarity, or off.",
)

limits_option = click.option(
    "--max-megapixels",
    type=click.FloatRange(min=0, min_open=True),
    default=100,
    show_default=True,
    help="Refuse images with more pixels, before decoding them.",
)


split_option = click.option(
    "--split",
    type=click.Choice(["auto", "test", "val", "train", "all"]),
    default="auto",
    show_default="test if there is one, else val, else all",
    help="Which split of DATA to measure on.",
)

ignore_option = click.option(
    "--ignore-unknown-labels", is_flag=True, help="Leave out images whose label the model does not know."
)


_TRACKING = (
    click.option(
        "--mlflow",
        metavar="URI",
        help="Also log to this MLflow store: a database, as sqlite:///mlflow.db, or a tracking server.",
    ),
    click.option(
        "--mlflow-experiment", metavar="NAME", show_default="the name of DATA", help="Experiment in the MLflow store."
    ),
)


def tracking_options(command: Function) -> Function:
    """Add the options for logging to MLflow to a command."""
    for option in reversed(_TRACKING):
        command = option(command)
    return command


def tracker_from(uri: str | None, experiment: str | None, data: Path) -> "Tracker | None":
    """Return the store that `tracking_options` name; None if they name none.

    Args:
        uri: Value of --mlflow.
        experiment: Value of --mlflow-experiment.
        data: The dataset, whose name the experiment has by default.

    Raises:
        TrackingError, OutputError: The store cannot be used.
        MissingExtraError: MLflow is not installed.
        click.UsageError: There is an experiment, but no store.
    """
    if uri is None:
        if experiment is not None:
            raise click.UsageError("--mlflow-experiment needs a store; give it with --mlflow")
        return None
    from edgecls.tracking import connect

    name = experiment or data.absolute().resolve().stem or "edgecls"
    return connect(uri, experiment=name, on_fault=lambda text: click.echo(f"warning: {text}", err=True))


def typed_options(ctx: click.Context) -> dict[str, str]:
    """Return the parameters that are on the command line: by the name of each, what its option is called."""
    return {
        param.name: param.opts[0]
        for param in ctx.command.params
        if param.name is not None and ctx.get_parameter_source(param.name) is ParameterSource.COMMANDLINE
    }


class GroupedOption(click.Option):
    """An option with the heading under which help lists it.

    Args:
        group: The heading.
    """

    def __init__(self, *arguments: Any, group: str, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.group = group


class GroupedCommand(click.Command):
    """A command whose help shows its options by group, in the order in which the groups first come."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record is not None:
                groups.setdefault(param.group if isinstance(param, GroupedOption) else "Options", []).append(record)
        for heading, records in groups.items():
            with formatter.section(heading):
                formatter.write_dl(records)


def model_names(models: Sequence[Path]) -> list[str]:
    """Return what to call each model: the name of its file, or its whole path where two files are named alike."""
    stems = [path.stem for path in models]
    return [str(path) if stems.count(path.stem) > 1 else path.stem for path in models]
