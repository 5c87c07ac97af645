"""The settings of a server: the options of `edgecls serve` and the arguments of `edgecls.serve`, by the same names."""

import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

from edgecls.errors import ModelFileError, ServerError
from edgecls.runtime.min_familiarity import MinFamiliarity, read_min_familiarity
from edgecls.teaching.bounds import TeachingBounds

__all__ = [
    "FeedbackSettings",
    "ModelArgument",
    "ServeSettings",
    "TeachingSettings",
    "await_models",
    "named_files",
    "one_or_several",
    "optional_path",
    "several_paths",
]

LARGEST_PORT = 65535


@dataclass(frozen=True)
class FeedbackSettings:
    """Where the corrections of users are kept.

    Attributes:
        folder: None to take none.
        max_mb: Largest total size of that folder, in MiB.
        new_labels: Whether to accept labels that the model does not have.
    """

    folder: Path | None = None
    max_mb: float = 1024
    new_labels: bool = False

    @classmethod
    def of(cls, given: "str | PathLike[str] | FeedbackSettings | None") -> "FeedbackSettings":
        """Return settings as such, and those for a folder alone or for none."""
        return given if isinstance(given, FeedbackSettings) else cls(optional_path(given))


@dataclass(frozen=True)
class TeachingSettings:
    """What is taught in the page.

    Attributes:
        folder: The dataset, its model versions and its journal; None to teach nothing.
        bounds: How much that folder may hold.
    """

    folder: Path | None = None
    bounds: TeachingBounds = field(default_factory=TeachingBounds)

    @classmethod
    def of(cls, given: "str | PathLike[str] | TeachingSettings | None") -> "TeachingSettings":
        """Return settings as such, and those for a folder alone or for none."""
        return given if isinstance(given, TeachingSettings) else cls(optional_path(given))


@dataclass(frozen=True)
class ServeSettings:
    """All settings of a server; docs/how-to/serving.md describes the options of the same names.

    Raises:
        ServerError: A number is out of range.
    """

    files: tuple[Path, ...]
    names: tuple[str, ...] = ()  # of the models, one for each file; none for the names of the files
    provider: str = "auto"
    tuned: bool = True
    tune: bool = False
    unknown_threshold: float | None = None
    min_familiarity: MinFamiliarity | None = None
    max_megapixels: float = 100
    image_root: Path | None = None
    require_signature: tuple[Path, ...] = ()  # public keys, of which one must have signed each model file
    reload_on_change: bool = False
    allow_model_control: bool = False
    feedback: FeedbackSettings = field(default_factory=FeedbackSettings)
    teach: TeachingSettings = field(default_factory=TeachingSettings)
    keep_unsure: Path | None = None
    keep_unsure_max_mb: float = 1024
    host: str = "127.0.0.1"
    allowed_hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    port: int = 8000
    grpc_port: int | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    threads: int | None = None
    workers: int = 1
    gpus: tuple[int, ...] = ()
    max_upload_mb: float = 32
    max_waiting: int = 256
    api_keys: Path | None = None
    cors_origins: tuple[str, ...] = ()
    access_log: str | None = None
    drain_delay: float = 0

    def __post_init__(self) -> None:
        requirements = {
            "port": (0 <= self.port <= LARGEST_PORT, f"from 0 to {LARGEST_PORT}"),
            "threads": (self.threads is None or self.threads >= 1, "at least 1"),
            "workers": (self.workers >= 1, "at least 1"),
            "max_upload_mb": (self.max_upload_mb > 0, "above 0"),
            "max_megapixels": (self.max_megapixels > 0, "above 0"),
            "keep_unsure_max_mb": (self.keep_unsure_max_mb > 0, "above 0"),
            "max_waiting": (self.max_waiting >= 0, "at least 0"),
            "drain_delay": (self.drain_delay >= 0, "at least 0"),
        }
        for name, (fulfilled, requirement) in requirements.items():
            if not fulfilled:
                raise ServerError(f"{name} must be {requirement}, got {getattr(self, name)}")
        if self.tune and not self.tuned:
            raise ServerError("tune needs tuned: what is measured is to be used")
        if self.min_familiarity is not None:
            try:
                read_min_familiarity(self.min_familiarity)
            except ValueError as error:
                raise ServerError(str(error)) from error
        if self.teach.folder is not None and self.feedback.folder is not None:
            raise ServerError("corrections go to the folder of teach; leave feedback out")
        if self.teach.folder is not None and self.workers > 1:
            raise ServerError("teaching needs 1 worker: only the process that is asked would serve the new model")
        if self.feedback.max_mb <= 0:
            raise ServerError(f"max_mb of feedback must be above 0, got {self.feedback.max_mb}")

    @property
    def max_body_bytes(self) -> int:
        """Largest body of a request."""
        return int(self.max_upload_mb * 2**20)


def optional_path(given: str | PathLike[str] | None) -> Path | None:
    """Return a path as such; None stays None."""
    return None if given is None else Path(given)


def several_paths(given: str | PathLike[str] | Sequence[str | PathLike[str]]) -> tuple[Path, ...]:
    """Return paths as such, of which a single one need not be in a list."""
    return tuple(map(Path, [given] if isinstance(given, str | PathLike) else given))


def one_or_several(given: str | Sequence[str]) -> tuple[str, ...]:
    """Return texts, of which a single one need not be in a list."""
    return (given,) if isinstance(given, str) else tuple(given)


_NAMED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)=(.+)", re.DOTALL)


@dataclass(frozen=True)
class ModelArgument:
    """A model as users name it: ``PATH``, or ``NAME=PATH`` where requests are to call it so.

    Attributes:
        path: A model file, or a folder of them.
        name: What requests call it; None for the names of the files.
    """

    path: Path
    name: str | None = None

    @classmethod
    def parse(cls, text: str | PathLike[str]) -> "ModelArgument":
        """Read an argument; a path that exists as it is written is a path, whatever signs are in it."""
        named = _NAMED.fullmatch(os.fspath(text))
        if named is None or os.path.exists(text):
            return cls(Path(text))
        return cls(Path(named[2]), named[1])

    def files(self) -> list[Path]:
        """Return its model files, sorted by name where it is a folder.

        Raises:
            ModelFileError: The folder has none, or several where one name is given.
        """
        if not self.path.is_dir():
            return [self.path]
        found = sorted(self.path.glob("*.onnx"))
        if not found:
            raise ModelFileError(f"there is no model file (.onnx) in {str(self.path)!r}; give a folder that has one")
        if self.name is not None and len(found) > 1:
            raise ModelFileError(
                f"there are {len(found)} model files in {str(self.path)!r}, which cannot all be called {self.name!r}; "
                f"give one, as in {self.name}={found[0]}"
            )
        return found


def named_files(
    named: str | PathLike[str] | Sequence[str | PathLike[str]],
) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Return the model files of one argument or several, as `ModelArgument` reads them, and what requests call each.

    Both come from one listing of the folders, so that a file that arrives meanwhile has a name or is not there yet.

    Raises:
        ModelFileError: There is none, or none in a folder.
    """
    arguments = [named] if isinstance(named, str | PathLike) else named
    found = [
        (file, argument.name or file.stem)
        for argument in map(ModelArgument.parse, arguments)
        for file in argument.files()
    ]
    if not found:
        raise ModelFileError("there is no model to serve; name at least one model file")
    return tuple(file for file, _ in found), tuple(name for _, name in found)


POLL_S = 0.5


def await_models(
    named: Sequence[str | PathLike[str]],
    timeout_s: float,
    wait: Callable[[float], object] = time.sleep,
    tell: Callable[[str], object] = lambda line: None,
    beside: Callable[[Path], Path] | None = None,
) -> Path | None:
    """Wait until every model is there and does not grow any more: a volume may be mounted after the start.

    Args:
        named: Arguments as `ModelArgument` reads them.
        timeout_s: For so many seconds at most; 0 to look only once.
        wait: Passes so many seconds.
        tell: Takes a line for the operator, where there is something to wait for.
        beside: Returns a file that comes with a model file, as its signature, and is waited for too; None for no such.

    Returns:
        A path that is still missing, or is a folder without a model file; None if all are there.
    """
    before: list[tuple[Path, int]] = []
    waited_s = 0.0
    while True:
        try:
            files = named_files(named)[0]
            expected = [*files, *(() if beside is None else map(beside, files))]
            now = [(file, file.stat().st_size) for file in expected]
        except (OSError, ModelFileError):
            now = []
        if now and (now == before or waited_s == 0.0):
            return None
        if waited_s >= timeout_s:
            return None if now else _missing(named)
        if waited_s == 0.0:
            missing = _missing(named)
            what = "signatures" if missing is None else repr(str(missing))
            tell(f"waiting up to {timeout_s:g} s for {what}")
        wait(POLL_S)
        waited_s += POLL_S
        before = now


def _missing(named: Sequence[str | PathLike[str]]) -> Path | None:
    paths = [ModelArgument.parse(argument).path for argument in named]
    return next((path for path in paths if not path.exists() or (path.is_dir() and not [*path.glob("*.onnx")])), None)
