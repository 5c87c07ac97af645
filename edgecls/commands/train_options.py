"""Options of edgecls train for the settings of a run, and the texts that it prints."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from edgecls.commands.options import image_size_option
from edgecls.commands.terminal import counted, duration_text, on_one_line
from edgecls.dataset.splits.rare_labels import RareLabels
from edgecls.training.config import Augmentation, TrainConfig

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from edgecls.commands.terminal import StatusLine
    from edgecls.dataset.formats.labelled_images import Dataset
    from edgecls.evaluation.calibration import Calibration
    from edgecls.evaluation.history import EpochReport
    from edgecls.evaluation.mirroring import Mirroring
    from edgecls.evaluation.record import Evaluation
    from edgecls.models import Origin
    from edgecls.training.images import PreparedImages

__all__ = [
    "TimeLeft",
    "found_text",
    "prepared_text",
    "print_origin",
    "print_remarks",
    "rare_labels_of",
    "say_calibration",
    "say_mirroring",
    "setting_options",
    "settings_from",
    "test_text",
    "unknown_threshold_of",
]

RARE_FLAGS = {"keep_rare_in_train": RareLabels.KEEP_IN_TRAIN, "leave_out_rare": RareLabels.LEAVE_OUT}

ARCHITECTURE_NAMES = (
    *("convnext_base", "convnext_large", "convnext_small", "convnext_tiny", "convnext_xlarge", "decision_tree"),
    *("densenet121", "densenet169", "densenet201", "efficientnet_b0", "efficientnet_b1", "efficientnet_b2"),
    *("efficientnet_b3", "efficientnet_b4", "efficientnet_b5", "efficientnet_b6", "efficientnet_b7"),
    *("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"),
    *("efficientnet_v2_b0", "efficientnet_v2_b1", "efficientnet_v2_b2", "efficientnet_v2_b3"),
    *("efficientnet_v2_l", "efficientnet_v2_m", "efficientnet_v2_s", "gray_cnn", "inception_resnet_v2"),
    *(
        "inception_v3",
        "kmeans",
        "knn",
        "linear",
        "mobilenet",
        "mobilenet_v2",
        "mobilenet_v3_large",
        "mobilenet_v3_small",
    ),
    *("nasnet_large", "nasnet_mobile", "random_forest", "resnet101", "resnet101v2", "resnet152", "resnet152v2"),
    *("resnet18", "resnet50", "resnet50v2", "simple_cnn", "svm", "vgg16", "vgg19", "xception", "xgboost"),
)
"""For shell completion only, which must not wait for Keras to load."""

NAMED_CHANGES = 5  # changed labels in one warning

Function = TypeVar("Function", bound=Callable[..., Any])


def _setting(flag: str, kind: Any, text: str, *, name: str = "") -> Callable[[Function], Function]:
    """Return an option for a field of TrainConfig; without a default there, the architecture has one."""
    name = name or flag.removeprefix("--").partition("/")[0].replace("-", "_")
    default = getattr(TrainConfig, name)
    shown = "depends on the architecture" if default is None else True
    if isinstance(default, StrEnum):
        default = str(default)  # click would show and compare the name of its member
    return click.option(flag, name, type=kind, default=default, show_default=shown, help=text)


class _DeviceName(click.Choice[str]):
    """One of the kinds of devices, or one GPU by its number."""

    def __init__(self) -> None:
        super().__init__(["auto", "cpu", "gpu"])

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return "[auto|cpu|gpu|gpu:N]"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return value if re.fullmatch(r"gpu:\d{1,4}", value, re.ASCII) else super().convert(value, param, ctx)


class _ArchitectureName(click.types.StringParamType):
    """The name of an architecture, with shell completion. It is checked later, when Keras is loaded."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
        from click.shell_completion import CompletionItem

        return [CompletionItem(name) for name in ARCHITECTURE_NAMES if name.startswith(incomplete)]


def _amount(name: str, unit: str, largest: float, text: str) -> Callable[[Function], Function]:
    """Return an option for an amount of Augmentation."""
    kind = click.FloatRange(min=0, max=largest, max_open=name == "zoom")
    default = getattr(Augmentation, name)
    return click.option(f"--augment-{name}", type=kind, metavar=unit, default=default, show_default=True, help=text)


_fraction = click.FloatRange(min=0, max=1, min_open=True, max_open=True)

_OPTIONS = [
    _setting(
        "--arch",
        _ArchitectureName(),
        "Architecture: a network (edgecls architectures lists them) or a classical model.",
    ),
    _setting(
        "--weights",
        str,
        "auto (ImageNet weights of an installed package, else those that Keras downloads, else random ones, with a "
        "warning), imagenet (the same without random ones), none, or a weights file of the same architecture "
        "(.weights.h5, .keras, .safetensors, .pth).",
    ),
    image_size_option,
    click.option(
        "--color",
        type=click.Choice(["rgb", "gray"]),
        show_default="depends on the architecture",
        help="Colour of the input image.",
    ),
    click.option(
        "--fit",
        type=click.Choice(["stretch", "crop", "pad"]),
        default="crop",
        show_default=True,
        help="How an image of any shape is brought to the input size.",
    ),
    _setting(
        "--head",
        click.Choice(["average", "max", "average_max", "flatten", "max_average_flatten"]),
        "Pooling of the feature map.",
    ),
    _setting(
        "--dropout",
        click.FloatRange(min=0, max=1, max_open=True),
        "Dropout rate.",
    ),
    _setting("--hidden-units", click.IntRange(min=0), "Width of a dense layer before the classification; 0 for none."),
    _setting("--epochs", click.IntRange(min=1), "Number of epochs."),
    _setting("--batch-size", click.IntRange(min=1), "Images per step."),
    _setting("--learning-rate", click.FloatRange(min=0, min_open=True), "Learning rate of new layers."),
    _setting(
        "--backbone-factor",
        click.FloatRange(min=0, max=1, min_open=True),
        "Learning rate of pretrained layers as a fraction of that of new ones.",
    ),
    _setting(
        "--keep-features",
        click.FloatRange(min=0, max=1000),
        "How strongly fine-tuning keeps the features of the pretrained network, which tell unfamiliar images; 0: not.",
    ),
    _setting("--schedule", click.Choice(["cosine", "plateau", "constant"]), "How the learning rate changes."),
    _setting(
        "--early-stopping",
        click.IntRange(min=0),
        "End after so many epochs without an improvement; 0 for never.",
        name="early_stopping_patience",
    ),
    _setting(
        "--label-smoothing",
        click.FloatRange(min=0, max=1, max_open=True),
        "Fraction of the target probability that is spread over all labels.",
    ),
    _setting(
        "--class-weights",
        click.Choice(["none", "balanced"]),
        "balanced gives the images of rare labels a larger weight.",
    ),
    _setting(
        "--val-split",
        _fraction,
        "Fraction of each label's images to hold out for validation, if DATA has no validation split.",
        name="validation_fraction",
    ),
    click.option(
        "--keep-rare-in-train",
        is_flag=True,
        help="Use all images of labels with too few to hold one out for training.",
    ),
    click.option("--leave-out-rare", is_flag=True, help="Leave out labels with too few images to hold one out."),
    _setting("--seed", click.IntRange(min=0, max=2**32 - 1), "Seed of all random numbers."),
    _setting("--augment/--no-augment", bool, "Change images at random in every epoch."),
    click.option(
        "--augment-flip/--no-augment-flip",
        default=Augmentation.flip,
        show_default=True,
        help="Mirror half of the images left to right; not for labels that this changes, such as arrows or letters.",
    ),
    _amount("rotation", "DEGREES", 180, "Largest rotation of an image, in either direction."),
    _amount("shift", "FRACTION", 1, "Largest shift, as a fraction of the side."),
    _amount("zoom", "FRACTION", 1, "Largest zoom in or out, as a fraction of the side; below 1."),
    _amount("brightness", "FRACTION", 1, "Largest change of all values, as a fraction of their range."),
    _amount("contrast", "FRACTION", 1, "Largest change of contrast."),
    _setting("--calibrate/--no-calibrate", bool, "Calibrate the probabilities on the validation images."),
    _setting(
        "--unknown-threshold",
        str,
        'none, auto, or the probability of the predicted label below which the answer is "unknown".',
    ),
    _setting(
        "--familiarity/--no-familiarity",
        bool,
        'Have the model file answer "unknown" to images that are unlike the training images.',
    ),
    _setting(
        "--device",
        _DeviceName(),
        "Device to train on; gpu takes all, gpu:1 only the second, and both fail if there is none.",
    ),
    _setting("--mixed-precision", click.Choice(["auto", "on", "off"]), "Arithmetic in float16; auto: on a GPU."),
    _setting(
        "--cache",
        click.Choice(["auto", "memory", "disk", "stream"]),
        "Where decoded images are kept; stream decodes them again in every epoch.",
    ),
]


def setting_options(command: Function) -> Function:
    """Add all options for settings of a training run to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def settings_from(context: click.Context, flags: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that were given on the command line, as `edgecls.training.config_file` takes them.

    Args:
        context: Of the command.
        flags: What click passes for the options of `setting_options`.
    """
    given = {
        name: value
        for name, value in flags.items()
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT
    }
    rare_labels = rare_labels_of(given)
    given = {name: value for name, value in given.items() if name not in RARE_FLAGS}
    if rare_labels is not None:
        given["rare_labels"] = rare_labels.value
    image: dict[str, Any] = {name: given.pop(name) for name in ("color", "fit") if name in given}
    if "image_size" in given:
        image["height"], image["width"] = given.pop("image_size")
    amounts = {
        field.name: given.pop(f"augment_{field.name}")
        for field in fields(Augmentation)
        if f"augment_{field.name}" in given
    }
    if ":" in given.get("device", ""):
        from edgecls.runtime.execution.gpu import use_gpu

        given["device"], _, number = given["device"].partition(":")
        use_gpu(int(number))  # the only one, then, that Keras finds
    if "unknown_threshold" in given:
        given["unknown_threshold"] = unknown_threshold_of(given["unknown_threshold"])
    tables = {"image": image, "augmentation": amounts}
    return {**given, **{name: table for name, table in tables.items() if table}}


def rare_labels_of(flags: Mapping[str, Any]) -> RareLabels | None:
    """Return the choice of the command line for rare labels; None if it has none.

    Raises:
        click.UsageError: It has two.
    """
    given = [choice for flag, choice in RARE_FLAGS.items() if flags.get(flag)]
    if len(given) > 1:
        raise click.UsageError("--keep-rare-in-train and --leave-out-rare cannot be used together")
    return given[0] if given else None


def unknown_threshold_of(value: str) -> float | str:
    """Return the unknown threshold of the command line: a number, or a word that is checked later."""
    try:
        return float(value)
    except ValueError:
        return value


def found_text(dataset: "Dataset") -> str:
    """Return a line for each label with its number of images, and one for the total."""
    found = dataset.whole
    lines = [f"{count:7d}  {label}" for label, count in found.counts.items()]
    return "\n".join([*lines, f"{len(found.paths):7d}  images of {len(found.labels)} labels"])


def print_remarks(remarks: Sequence[str]) -> None:
    """Print remarks before training to standard error, one per line."""
    for remark in remarks:
        click.echo(on_one_line(f"note: {remark}"), err=True)


def print_origin(line: "StatusLine", origin: "Origin") -> None:
    """Print where the weights come from that training starts with; what their lack costs goes to standard error."""
    line.then(on_one_line(f"starting from {origin.text}"))
    if origin.warning:
        click.echo(on_one_line(f"warning: {origin.warning}"), err=True)


def prepared_text(images: "PreparedImages") -> str:
    """Return a line for each image that cannot be used, and one with the numbers of training and validation images."""
    faults = [f"left out: {error}" for error in images.cached.failures]
    counts = len(images.train_indices), len(images.validation_indices)
    how = f"training on {counts[0]} images, " + (
        f"validating on {counts[1]}" if counts[1] else "none of them held out: accuracy is cross-validated"
    )
    return "\n".join([*faults, how])


def test_text(found: "Evaluation") -> str:
    """Return a line with the accuracy on the test split."""
    low, high = found.accuracy_interval
    unused = f"; {len(found.failures)} more could not be used" if found.failures else ""
    interval = f"{low:.4f} to {high:.4f} at 95 %"
    return f"test accuracy {found.accuracy:.4f} ({interval}) on {counted(found.images, 'image')}{unused}"


def say_calibration(calibration: "Calibration | None", rejected: "Calibration | None") -> None:
    """Print what a temperature changed, or would have changed; nothing if none was fitted."""
    if calibration is not None:
        errors = f"{calibration.error_before:.4f} to {calibration.error_after:.4f}"
        click.echo(f"calibrated with a temperature of {calibration.temperature:.2f}: calibration error from {errors}")
    elif rejected is not None:
        errors = f"from {rejected.error_before:.4f} to {rejected.held_out_error:.4f}"
        losses = f"from {rejected.loss_before:.4f} to {rejected.held_out_loss:.4f}"
        click.echo(
            f"not calibrated: a temperature of {rejected.temperature:.2f} would change the calibration error {errors} "
            f"and the loss {losses} on images that it was not fitted on"
        )


def say_mirroring(mirroring: "Mirroring", *, is_flipped: bool, image: str = "validation image") -> None:
    """Print the effect of mirroring, with a warning where it seems to change labels; `image` names one of them."""
    from edgecls.evaluation.report.words import mirroring_text

    click.echo(mirroring_text(mirroring, image=image))
    if mirroring.changes_meaning and is_flipped:
        labels = ", ".join(f"{one.mirrored} for {one.label}" for one in mirroring.telling[:NAMED_CHANGES])
        click.echo(
            "warning: mirroring seems to change the meaning of images"
            f"{f' (mirrored, it predicts {labels})' if labels else ''}, and half of the training images were mirrored; "
            "train with --no-augment-flip",
            err=True,
        )


class TimeLeft:
    """The remaining time of a training run, estimated from its steps.

    Args:
        epochs: Number of all epochs.
        clock: Returns the time in seconds.
    """

    def __init__(self, epochs: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._rest = epochs  # epochs that are not finished
        self._epochs = epochs
        self._clock = clock
        self._first: tuple[int, float] | None = None  # a step of this epoch, and when it was done
        self._last_s = 0.0  # when the last step was done
        self._step_s: float | None = None
        self._after_s = 0.0  # from the last step of an epoch to its end: validation and checkpoint
        self._total = 0

    def after_step(self, done: int, total: int) -> str:
        """Return the remaining time of the epoch and the run; empty before the second step.

        Args:
            done: Steps done of this epoch.
            total: Steps of an epoch.
        """
        self._last_s, self._total = self._clock(), total
        if self._first is None:  # not timed: the first step of all builds the network
            self._first = done, self._last_s
        elif done > self._first[0]:
            self._step_s = (self._last_s - self._first[1]) / (done - self._first[0])
        if self._step_s is None:
            return ""
        epoch_s = (total - done) * self._step_s + self._after_s
        run_s = epoch_s + (self._rest - 1) * self._an_epoch_s
        return f"{duration_text(epoch_s)} left, {duration_text(run_s)} in all"

    def after_epoch(self, report: "EpochReport") -> str:
        """Return the remaining time of the run; empty at its end."""
        if self._first is not None:
            self._after_s = self._clock() - self._last_s
        self._first = None
        self._rest = self._epochs - report.epoch
        if not self._rest:
            return ""
        epoch_s = report.duration_s if self._step_s is None else self._an_epoch_s
        return f"{duration_text(self._rest * epoch_s)} left"

    @property
    def _an_epoch_s(self) -> float:
        return self._total * (self._step_s or 0.0) + self._after_s
