"""How much may be taught, and what is refused."""

import contextlib
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass

from edgecls.errors import EdgeclsError, MissingExtraError, OutputError, ServerError

__all__ = [
    "NotTaughtError",
    "TaughtElsewhereError",
    "TaughtLabelError",
    "TeachingBounds",
    "TeachingConflictError",
    "TeachingFullError",
    "TeachingLimitError",
    "check_packages",
    "files_named",
]


class NotTaughtError(EdgeclsError):
    """There is no such label, image or version in the folder."""


class TaughtLabelError(EdgeclsError):
    """A label cannot be taken."""


class TaughtElsewhereError(ServerError):
    """Another program is teaching in the folder."""


class TeachingConflictError(EdgeclsError):
    """It cannot be done now: something else is going on, or has changed meanwhile."""


class TeachingLimitError(EdgeclsError):
    """There are as many images or labels as there may be."""


class TeachingFullError(EdgeclsError):
    """There is no disk space for it."""


@dataclass(frozen=True)
class TeachingBounds:
    """How much a folder may hold.

    Attributes:
        max_images: Images of all labels together.
        max_labels: Labels.
        max_mb: Everything below the folder, in MiB: images, also those that were removed, and versions of the model.
        min_free_mb: What has to stay free on its disk, in MiB.
        max_versions: Versions of the model that are kept; of more, the oldest are deleted.

    Raises:
        ServerError: A number is out of range.
    """

    max_images: int = 5000
    max_labels: int = 100
    max_mb: float = 4096
    min_free_mb: float = 512
    max_versions: int = 20

    def __post_init__(self) -> None:
        for name in ("max_images", "max_labels", "max_mb", "max_versions"):
            if getattr(self, name) <= 0:
                raise ServerError(f"{name} of teaching must be above 0, got {getattr(self, name)}")
        if self.min_free_mb < 0:
            raise ServerError(f"min_free_mb of teaching must be at least 0, got {self.min_free_mb}")


def check_packages() -> None:
    """Check that what teaching needs is installed.

    Raises:
        MissingExtraError: It is not.
    """
    for module in ("sklearn", "imagehash"):
        if importlib.util.find_spec(module) is None:
            raise MissingExtraError(
                f"teaching needs the package {module!r}, which is not installed; "
                'install it with: pip install "edgecls[quick]"'
            )


@contextlib.contextmanager
def files_named() -> Iterator[None]:
    """Say in plain words that a step in the block could not read or write a file.

    Raises:
        OutputError: In place of OSError.
    """
    try:
        yield
    except OSError as error:
        raise OutputError(f"not done: {error.strerror or error}; check the folder that is taught in") from error
