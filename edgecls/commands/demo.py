"""edgecls demo: from drawn images to a trained model on a page, as a first lesson and as a test of the installation."""

import importlib.util
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
from click.core import ParameterSource

from edgecls.commands.terminal import OF_A_NOTEBOOK, StatusLine, counted

__all__ = ["demo"]

DEFAULT_FOLDER = Path("edgecls-demo")
DEFAULT_DATASET = Path("shapes")
PER_LABEL, UNSEEN_PER_LABEL = 40, 10
MIN_PER_LABEL = 20  # of fewer, a good model may be below the accuracy that is asked for
MIN_ACCURACY = 0.75
"""What a sound installation exceeds: with 20 images of each label, the least of 12 seeds was 0.90; with 40, 0.93."""

MODULES = ("onnxruntime", "onnx", "sklearn", "imagehash", "matplotlib")
"""What training quickly needs beyond the base installation."""

LOOK_INTERVAL_S = 1.0  # for Ctrl-C, which Windows delivers only between two waits


@click.command(short_help="Try it all on drawn images: train, measure, serve.")
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.option("--dataset-only", is_flag=True, help="Only draw: DIR gets a folder of images for each shape.")
@click.option(
    "--images-per-label",
    "per_label",
    type=click.IntRange(1, 9999),
    default=PER_LABEL,
    show_default=True,
    help="Images of each shape to draw.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0, max=2**32 - 2),
    default=0,
    show_default=True,
    help="Another seed draws other images.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    show_default="8000, or any free one if that is taken",
    help="Port of the server.",
)
@click.option("--no-browser", is_flag=True, help="Do not open report and page in a browser; print where they are.")
@click.option("--no-serve", is_flag=True, help="Stop the server once it has answered: a test of the installation.")
@click.pass_context
def demo(
    context: click.Context,
    /,
    folder: Path | None,
    dataset_only: bool,
    per_label: int,
    seed: int,
    port: int | None,
    no_browser: bool,
    no_serve: bool,
) -> None:
    """Go the whole way once, in under a minute and without photos or a download: draw images of four shapes into DIR
    (edgecls-demo without it), train a model on them, measure it on images it has not seen, and serve it with a page.

    Each step shows the command that does the same for your own photos. The exit code is 1 if a step fails or the
    model is worse than it has to be, so that --no-serve tests an installation. Run again, it replaces its own files
    in DIR; a folder with anything else in it is refused. Needs the extra quick.
    """
    if dataset_only:
        others = [name for name in ("port", "no_browser", "no_serve") if _is_given(context, name)]
        if others:
            raise click.UsageError(f"--dataset-only draws and does nothing else; leave out {_option(others[0])}")
        _draw(folder or DEFAULT_DATASET, per_label, seed)
        return
    if per_label < MIN_PER_LABEL:
        raise click.UsageError(
            f"the demo needs --images-per-label {MIN_PER_LABEL} or more for a model to judge; with --dataset-only, any"
        )
    _Demo(context, folder or DEFAULT_FOLDER, per_label, seed).run(
        port=port, opens=not no_browser and not no_serve and _can_open_browser(), stays=not no_serve
    )


def _is_given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is not ParameterSource.DEFAULT


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _draw(folder: Path, per_label: int, seed: int) -> None:
    from edgecls.dataset.drawn_shapes import SHAPES, write_shapes

    line = StatusLine()
    images = write_shapes(
        folder,
        per_label=per_label,
        seed=seed,
        on_progress=lambda done, total: line.show(f"drawing images {done}/{total}"),
    )
    line.then(f"drew {counted(images, 'image')} of {len(SHAPES)} labels in {folder}: {', '.join(SHAPES)}")


class _Demo:
    """The steps, each by the command that it shows.

    Args:
        context: Of the command.
        folder: What everything is written into.
        per_label: Images of each label to train on.
        seed: They are drawn with it, and those to measure with by the next one.
    """

    STEPS = 5

    def __init__(self, context: click.Context, folder: Path, per_label: int, seed: int) -> None:
        self._context = context
        self._folder = folder
        self._per_label = per_label
        self._seed = seed
        self._shapes, self._unseen = folder / "shapes", folder / "unseen"
        self._model = folder / "shapes.onnx"
        self._number = 0

    def run(self, *, port: int | None, opens: bool, stays: bool) -> None:
        """Take all steps.

        Args:
            port: For the server; None for the usual one.
            opens: Whether report and page are opened in a browser.
            stays: Whether the server runs until Ctrl-C.
        """
        from edgecls.training.run_directory import RunDirectory, default_run_directory

        _check_installed()
        replaces = self._check_folder()
        start_s = time.perf_counter()
        self._begin("Draw images, in place of photos: a folder for each label")
        self._call("demo", "--dataset-only", self._shapes, *self._drawing(self._per_label, self._seed))
        self._begin("Train a model on them, and write a report")
        overwrite = ["--overwrite"] * replaces
        self._call("train", self._shapes, "--quick", "-o", self._model, *overwrite)
        self._begin("Measure it on images that it has not seen")
        self._call("demo", "--dataset-only", self._unseen, *self._drawing(UNSEEN_PER_LABEL, self._seed + 1))
        self._call("evaluate", self._model, self._unseen)
        self._begin("Classify an image")
        image = self._unseen / "star" / "star-001.jpg"
        self._call("run", "--model", self._model, image, "--top", "3")
        self._begin("Serve the model, with a page and over HTTP")
        report = RunDirectory(default_run_directory(self._model)).report_path.resolve()
        from edgecls.server.local import serve

        port = _port(port, stays=stays)
        _say_command("serve", self._model, *([] if port == DEFAULT_PORT else ["--port", port]))
        with serve(self._model, port=port, tell=lambda text: click.echo(text, err=True)) as url:
            self._check_answers(url)
            click.echo(f"\nAll {self.STEPS} steps worked, in {time.perf_counter() - start_s:.0f} s.\n")
            _say_result(report, url, self._unseen, is_served=stays)
            if opens:
                _open(report.as_uri(), url)
            if stays:
                _wait_for_interrupt()

    def _check_folder(self) -> bool:
        """Return whether there is a demo in the folder already, whose files are replaced.

        Raises:
            OutputError: Something else is there.
        """
        from edgecls.dataset.drawn_shapes import MANIFEST, check_shapes_writable
        from edgecls.errors import OutputError
        from edgecls.image_files import is_hidden

        is_demo = (self._shapes / MANIFEST).is_file()
        others = [] if is_demo or not self._folder.exists() else sorted(self._folder.iterdir())
        visible = [path.name for path in others if not is_hidden(path.name)]
        if visible:
            raise OutputError(
                f"{str(self._folder)!r} is no folder of edgecls demo: {visible[0]!r} is there; give a new folder, as "
                "nothing of yours is overwritten"
            )
        keras = self._model.with_suffix(".keras")
        if keras.exists():
            raise OutputError(
                f"{str(self._model)!r} has been replaced by a network of yours, to which {str(keras)!r} belongs; give "
                "the demo a new folder"
            )
        for dataset in (self._shapes, self._unseen):
            check_shapes_writable(dataset)
        return is_demo

    def _drawing(self, per_label: int, seed: int) -> Iterator[str]:
        """Yield the options that the images are drawn with."""
        if per_label != PER_LABEL:
            yield from ("--images-per-label", str(per_label))
        if seed:
            yield from ("--seed", str(seed))

    def _begin(self, what: str) -> None:
        self._number += 1
        click.secho(f"\n{self._number}/{self.STEPS}  {what}", bold=True)

    def _call(self, *arguments: object) -> None:
        """Say a command, run it as if it had been typed, and say how long it took."""
        _say_command(*arguments)
        start_s = time.perf_counter()
        group = self._context.find_root().command
        try:
            with group.make_context("edgecls", list(map(str, arguments)), parent=self._context) as context:
                group.invoke(context)
        except click.exceptions.Exit as end:
            if end.exit_code:
                raise
        click.secho(f"({time.perf_counter() - start_s:.1f} s)", dim=True)

    def _check_answers(self, url: str) -> None:
        """Have the server classify the images that the model has not seen.

        Raises:
            ClickException: Too few of the answers are right.
        """
        from edgecls.client.client import Client
        from edgecls.image_files import find_images
        from edgecls.modelfile import read_model

        images = find_images(self._unseen)
        with Client(url) as client:
            answers = [client.predict(path) for path in images]
        right = sum(answer.top[0].label == path.parent.name for answer, path in zip(answers, images, strict=True))
        click.echo(f"it answered {counted(len(images), 'request')} of one image each; {right} of the labels are right")
        trained = float(read_model(self._model).card.metrics["validation_accuracy"])
        for what, accuracy in (("cross-validated on its own images", trained), ("on new ones", right / len(images))):
            if accuracy < MIN_ACCURACY:
                raise click.ClickException(
                    f"the model has an accuracy of {accuracy:.2f} {what}, but {MIN_ACCURACY} is the least that a sound "
                    "installation reaches here; edgecls doctor may find out what is wrong"
                )


DEFAULT_PORT = 8000  # of edgecls serve


def _check_installed() -> None:
    """Find out before any work whether the packages are there.

    Raises:
        MissingExtraError: Some are not.
    """
    from edgecls.errors import MissingExtraError

    missing = [module for module in MODULES if importlib.util.find_spec(module) is None]
    if missing:
        extras = "cpu,quick" if "onnxruntime" in missing else "quick"
        raise MissingExtraError(
            f"the demo trains a model, which needs packages that are not installed ({', '.join(missing)}); install "
            f'them with: pip install "edgecls[{extras}]"'
        )


def _say_command(*arguments: object) -> None:
    click.secho(f"$ {_typed(['edgecls', *map(str, arguments)])}", fg="cyan")


def _typed(arguments: Sequence[str]) -> str:
    """Return a command as it is typed into this system's shell."""
    if os.name == "nt":
        import subprocess

        return subprocess.list2cmdline(arguments)
    import shlex

    return shlex.join(arguments)


def _port(port: int | None, *, stays: bool) -> int:
    """Return the port to serve on: the one asked for, or the usual one if the server is to stay and it is free."""
    if port is not None:
        return port
    if not stays:
        return 0
    from edgecls.errors import ServerError
    from edgecls.server.http.server import listening_socket

    try:
        listening_socket("127.0.0.1", DEFAULT_PORT).close()
    except ServerError:
        return 0
    return DEFAULT_PORT


def _can_open_browser() -> bool:
    """True where a person sits in front of this terminal and of a browser with windows."""
    if not (sys.stdin and sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    if OF_A_NOTEBOOK in os.environ or "SSH_CONNECTION" in os.environ or "CI" in os.environ:
        return False
    return sys.platform in ("win32", "darwin") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _open(*addresses: str) -> None:
    """Open addresses in the browser of the user, as far as there is one; they have been printed anyway."""
    import webbrowser

    for address in addresses:
        webbrowser.open(address)


def _say_result(report: Path, url: str, unseen: Path, *, is_served: bool) -> None:
    click.echo(f"report  {report}")
    if is_served:
        click.echo(f"page    {url}    drop an image of {unseen} on it")
    click.echo()
    click.secho("Next, with photos of your own: a folder for each label, with ten images or more", bold=True)
    for command, remark in (
        ("edgecls train photos --quick -o my.onnx", "the model, and a report in my.run"),
        ("edgecls serve my.onnx", "the page, for it"),
        ("edgecls serve --teach my-photos", "or sort photos and train in the page itself"),
    ):
        click.echo(f"$ {command:40}# {remark}")


def _wait_for_interrupt() -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what has begun is answered then, too
    try:
        click.echo("\nThe server runs until you press Ctrl-C.")
        while True:
            time.sleep(LOOK_INTERVAL_S)
    except KeyboardInterrupt:
        click.echo()
