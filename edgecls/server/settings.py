"""What `edgecls serve` was told."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgecls.commands.serve import FeedbackOptions
from edgecls.errors import ModelFileError

__all__ = ["ServeSettings", "model_files"]


@dataclass(frozen=True)
class ServeSettings:
    """The options of the command by their names, and the model files it found."""

    files: tuple[Path, ...]
    provider: str
    tuned: bool
    unknown_threshold: float | None
    max_megapixels: float
    image_root: Path | None
    reload_on_change: bool
    allow_model_control: bool
    feedback: FeedbackOptions
    host: str
    allowed_hosts: tuple[str, ...]
    port: int
    tls_cert: Path | None
    tls_key: Path | None
    threads: int | None
    workers: int
    max_upload_mb: float
    max_waiting: int
    api_keys: Path | None
    cors_origins: tuple[str, ...]
    access_log: str | None
    drain_delay: float


def model_files(named: Sequence[Path]) -> tuple[Path, ...]:
    """Return model files, and in the place of a folder the model files in it, by name.

    Raises:
        ModelFileError: A folder has none.
    """
    files: list[Path] = []
    for path in named:
        found = sorted(path.glob("*.onnx")) if path.is_dir() else [path]
        if not found:
            raise ModelFileError(f"there is no model file (.onnx) in {str(path)!r}; give a folder that has one")
        files += found
    return tuple(files)
