"""Model files and images to measure, as given on the command line."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from edgecls.commands.options import BUNDLED_MODEL
from edgecls.modelfile import ModelFile

__all__ = ["MeasuredFiles", "read_measured_files", "warn_if_busy"]

IMAGES_MADE = 16  # where none are given


@dataclass(frozen=True)
class MeasuredFiles:
    """What to measure, and with which images.

    Attributes:
        paths: The model files.
        models: What is in them.
        images: Encoded images.
    """

    paths: tuple[Path, ...]
    models: tuple[ModelFile, ...]
    images: tuple[bytes, ...]


def read_measured_files(paths: Sequence[str], *, instead: Sequence[str] = ()) -> MeasuredFiles:
    """Read model files, which end in .onnx, and images: files, folders, patterns.

    The default is the model of `edgecls run`, and generated images. Images that
    cannot be decoded are named on standard error and left out.

    Args:
        paths: Both, in any order.
        instead: Images to take where `paths` has none.

    Raises:
        UsageError: Two of the model files hold the same network.
        ModelFileError: A model file is missing, damaged or not self-describing.
        ImageError: An image cannot be read, or none can be decoded.
    """
    from edgecls.modelfile import read_model
    from edgecls.runtime.tuning.timed_images import camera_like_jpegs, read_images

    files = tuple(Path(path) for path in paths if path.endswith(".onnx")) or (_usual_model(),)
    models = tuple(read_model(path) for path in files)
    digests = [model.network_sha256 for model in models]
    if len(set(digests)) < len(digests):
        raise click.UsageError("two of the model files hold the same network; give each once")
    named = [path for path in paths if not path.endswith(".onnx")] or list(instead)
    images, faults = read_images(named) if named else (camera_like_jpegs(IMAGES_MADE), [])
    for fault in faults:
        click.echo(f"left out: {fault}", err=True)
    return MeasuredFiles(files, models, tuple(images))


def _usual_model() -> Path:
    return Path(os.environ.get("EDGECLS_MODEL") or BUNDLED_MODEL)


def warn_if_busy() -> None:
    """Warn on standard error if the machine is busy."""
    from edgecls.runtime.machine.cores import busy_load

    load = busy_load()
    if load is not None:
        click.echo(f"this machine is busy (load {load:.1f}); measure again when it is not", err=True)
