"""The options of edgecls run that say where answers go: lines, a file of results, folders, drawings, sidecars."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click

if TYPE_CHECKING:
    from edgecls.image_limits import ImageLimits
    from edgecls.modelfile import ModelFile
    from edgecls.results.results_file import ResultsFile
    from edgecls.runtime.classifier import Classifier
    from edgecls.runtime.embeddings_file import EmbeddingsFile
    from edgecls.runtime.folders.sort_into import Sorter
    from edgecls.runtime.illustrator import Illustrator

__all__ = ["OutputOptions", "output_options"]

_FORMAT_OF_ENDING = {".jsonl": "json", ".csv": "csv", ".parquet": "parquet"}


def output_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command."""
    options = (
        click.option(
            "--top", metavar="K", type=click.IntRange(min=1), default=1, show_default=True, help="Labels to print."
        ),
        click.option(
            "--format",
            "output_format",
            type=click.Choice(["table", "json", "csv", "parquet"]),
            show_default="table; with --on ray parquet",
            help="json is one object a line, for errors too. parquet only with --on ray or -o FILE.parquet.",
        ),
        click.option(
            "--output",
            "-o",
            metavar="FILE|DIR",
            type=click.Path(path_type=Path),
            help="Write the answers to FILE.jsonl, FILE.csv or FILE.parquet instead, and continue what was stopped or "
            "killed there. With --on ray: the folder for the parts.",
        ),
        click.option(
            "--sort-into",
            metavar="DIR",
            type=click.Path(file_okay=False, path_type=Path),
            help="Copy every image into a folder of DIR named by its label. Nothing is overwritten.",
        ),
        click.option("--move", is_flag=True, help="With --sort-into: move the images instead."),
        click.option(
            "--xmp",
            is_flag=True,
            help="Add the label of every image to the keywords in its sidecar, IMAGE.xmp, as photo managers read them.",
        ),
        click.option(
            "--explain",
            "heat_folder",
            metavar="DIR",
            type=click.Path(file_okay=False, path_type=Path),
            help="Write every image to DIR with a heat map of what the answer rests on.",
        ),
        click.option(
            "--explain-method",
            type=click.Choice(["auto", "occlusion"]),
            help="With --explain: auto takes the network's class activation if the file has one, which is quick and "
            "coarse; occlusion covers parts of the image, 100 runs of the network.",
            show_default="auto",
        ),
        click.option(
            "--annotate",
            "label_folder",
            metavar="DIR",
            type=click.Path(file_okay=False, path_type=Path),
            help="Write every image to DIR with its label and probability under it. May be the DIR of --explain.",
        ),
        click.option(
            "--embeddings",
            is_flag=True,
            help="Add each image's embedding, the model's features; with JSON lines, Parquet or --on ray.",
        ),
        click.option(
            "--save-embeddings",
            "embeddings_path",
            metavar="FILE.npz",
            type=click.Path(dir_okay=False, path_type=Path),
            help="Write the embeddings of all images to a NumPy file, with their names and labels.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@dataclass(frozen=True)
class OutputOptions:
    """The values of `output_options`."""

    top: int
    output_format: str | None
    output: Path | None
    sort_into: Path | None
    move: bool
    xmp: bool
    heat_folder: Path | None
    explain_method: str | None
    label_folder: Path | None
    embeddings: bool
    embeddings_path: Path | None

    @classmethod
    def taken_from(cls, values: dict[str, Any]) -> Self:
        """Take the values out of those of all options."""
        return cls(**{field.name: values.pop(field.name) for field in fields(cls)})

    @property
    def has_embeddings(self) -> bool:
        """True if features are wanted."""
        return self.embeddings or self.embeddings_path is not None

    @property
    def written_format(self) -> str:
        """The format of what is written: "table", "json", "csv" or "parquet"."""
        if self.output is not None:
            return _FORMAT_OF_ENDING[self.output.suffix.lower()]
        return self.output_format or "table"

    def check_on_cluster(self, paths: Sequence[str]) -> None:
        """Check the values for work on a cluster.

        Raises:
            click.UsageError: They do not go together.
        """
        if self.output_format not in (None, "parquet", "json"):
            raise click.UsageError("--on ray writes --format parquet or json")
        if self.output is not None and self.output.is_file():
            raise click.UsageError(f"--on ray writes to a folder; {str(self.output)!r} is a file")
        if "-" in paths:
            raise click.UsageError("--on ray takes files, folders and URIs, not standard input")

    def check(self, paths: Sequence[str], *, watch: bool) -> None:
        """Check the values for work on this machine.

        Raises:
            click.UsageError: They do not go together.
        """
        if self.output is not None:
            self._check_file(self.output, paths)
        elif self.output_format == "parquet":
            raise click.UsageError("--format parquet goes with --on ray; for a file, give -o FILE.parquet")
        if self.explain_method is not None and self.heat_folder is None:
            raise click.UsageError("--explain-method goes with --explain DIR")
        if self.move and self.sort_into is None:
            raise click.UsageError("--move goes with --sort-into DIR")
        if self.sort_into is not None and "-" in paths:
            raise click.UsageError("--sort-into takes files and folders; standard input has no file to sort")
        if self.xmp and "-" in paths:
            raise click.UsageError("--xmp takes files and folders; standard input has no file to put a sidecar beside")
        if self.xmp and self.move:
            raise click.UsageError("--xmp does not go with --move: the sidecar would stay behind; copy, or sort first")
        if self.embeddings and self.written_format not in ("json", "parquet"):
            raise click.UsageError(
                "--embeddings goes with --format json, -o FILE.jsonl or FILE.parquet, or --on ray; "
                "or use --save-embeddings"
            )
        if self.embeddings_path is not None and self.embeddings_path.suffix != ".npz":
            path = str(self.embeddings_path)
            raise click.UsageError(f"--save-embeddings writes a NumPy file; {path!r} does not end in .npz")
        if self.embeddings_path is not None and watch:
            raise click.UsageError("--save-embeddings does not go with --watch, which has no end; --embeddings does")

    def _check_file(self, path: Path, paths: Sequence[str]) -> None:
        written = _FORMAT_OF_ENDING.get(path.suffix.lower())
        if written is None:
            raise click.UsageError(
                f"-o writes FILE.jsonl, FILE.csv or FILE.parquet; {str(path)!r} has another ending; "
                "a folder goes with --on ray"
            )
        if self.output_format not in (None, written):
            raise click.UsageError(f"--format {self.output_format} does not go with the ending of {str(path)!r}")
        if "-" in paths:
            raise click.UsageError("-o takes files and folders; standard input cannot be gone on with")
        if self.move:
            raise click.UsageError(
                "-o does not go with --move: the lines would name files that have gone; copy instead"
            )
        if self.embeddings_path is not None:
            raise click.UsageError("--save-embeddings does not go with -o, which goes on; --embeddings does")

    def open_results(
        self, model_file: "ModelFile", limits: "ImageLimits", paths: Sequence[str], **others: Any
    ) -> "ResultsFile | None":
        """Open the file of results, which rests on the model, these options and the others given; None for none.

        Raises:
            OutputError, MissingExtraError: As `ResultsFile`.
        """
        if self.output is None:
            return None
        import hashlib

        from edgecls import __version__
        from edgecls.results.results_file import ResultsFile

        places = {"sort_into": self.sort_into, "explain": self.heat_folder, "annotate": self.label_folder}
        facts: dict[str, Any] = {
            "edgecls": __version__,
            "model": {"name": model_file.card.name, "sha256": hashlib.sha256(model_file.onnx).hexdigest()},
            "options": {
                "top": self.top,
                **others,
                "max_bytes": limits.max_bytes,
                "max_pixels": limits.max_pixels,
                "embeddings": self.embeddings,
                "xmp": self.xmp,
                **{name: None if place is None else _as_text(os.path.abspath(place)) for name, place in places.items()},
                "explain_method": self.explain_method,
            },
        }
        if not all(map(os.path.isabs, paths)):
            facts["relative_to"] = _as_text(os.getcwd())
        top = min(self.top, len(model_file.card.labels))
        return ResultsFile(self.output, facts, top=top, embeddings=self.embeddings)

    def make_sorter(self, classifier: "Classifier") -> "Sorter | None":
        """Return what puts images into folders; None if nothing does."""
        if self.sort_into is None:
            return None
        from edgecls.commands.prediction_output import answers_of
        from edgecls.runtime.folders.sort_into import Sorter, Transfer

        transfer = Transfer.MOVE if self.move else Transfer.COPY
        return Sorter(self.sort_into, answers_of(classifier), transfer=transfer)

    def make_embeddings_file(self, classifier: "Classifier") -> "EmbeddingsFile | None":
        """Return what gathers embeddings; None if nothing does."""
        if self.embeddings_path is None:
            return None
        from edgecls.runtime.embeddings_file import EmbeddingsFile

        return EmbeddingsFile(self.embeddings_path, width=classifier.check_features())

    def make_illustrator(self, classifier: "Classifier", paths: Sequence[str]) -> "Illustrator | None":
        """Return what draws, after a remark on standard error on labels that it cannot; None if nothing does."""
        if self.heat_folder is None and self.label_folder is None:
            return None
        from edgecls.drawing.font import undrawable_remark
        from edgecls.runtime.evidence import Method
        from edgecls.runtime.illustrator import Illustrator

        remark = undrawable_remark(classifier.card.labels) if self.label_folder is not None else None
        if remark is not None:
            click.echo(remark, err=True)
        return Illustrator(
            heat_folder=self.heat_folder,
            label_folder=self.label_folder,
            roots=[path for path in paths if os.path.isdir(path)],
            method=Method.OCCLUSION if self.explain_method == "occlusion" else None,
        )


def _as_text(path: str) -> str:
    from edgecls.results.rows import written_name

    return written_name(path)
