"""The settings of a server: the options of `edgecls serve` and the arguments of `edgecls.serve`, by the same names."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

from edgecls.errors import ModelFileError

__all__ = ["FeedbackSettings", "ServeSettings", "model_files"]


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


@dataclass(frozen=True)
class ServeSettings:
    """All settings of a server; docs/serving.md describes the options of the same names."""

    files: tuple[Path, ...]
    provider: str = "auto"
    tuned: bool = True
    unknown_threshold: float | None = None
    max_megapixels: float = 100
    image_root: Path | None = None
    reload_on_change: bool = False
    allow_model_control: bool = False
    feedback: FeedbackSettings = field(default_factory=FeedbackSettings)
    host: str = "127.0.0.1"
    allowed_hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    port: int = 8000
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

    @property
    def max_body_bytes(self) -> int:
        """Largest body of a request."""
        return int(self.max_upload_mb * 2**20)


def model_files(named: Sequence[str | PathLike[str]]) -> tuple[Path, ...]:
    """Return model files; a folder stands for the model files in it, sorted by name.

    Raises:
        ModelFileError: A folder has none.
    """
    files: list[Path] = []
    for path in map(Path, named):
        found = sorted(path.glob("*.onnx")) if path.is_dir() else [path]
        if not found:
            raise ModelFileError(f"there is no model file (.onnx) in {str(path)!r}; give a folder that has one")
        files += found
    return tuple(files)
