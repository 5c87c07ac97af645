"""A NumPy file with the embeddings of many images."""

import shutil
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from edgecls.atomic_write import check_writable, whole_files
from edgecls.errors import OutputError
from edgecls.runtime.prediction import Prediction

__all__ = ["EmbeddingsFile"]


class EmbeddingsFile:
    """Gathers embeddings on disk, and writes them as one whole .npz file.

    It has the arrays ``embeddings``, float32 ``[N, D]``, not normalised, and ``images`` and ``labels``, texts ``[N]``:
    what each image is called, and the answer for it.

    Args:
        path: Where to write; an existing file is replaced once the new one is complete.
        width: Features of an image, D.

    Attributes:
        path: The same.

    Raises:
        OutputError: Nothing can be written there.
    """

    def __init__(self, path: Path, *, width: int) -> None:
        check_writable(path)
        self.path = path
        self._width = width
        self._names: list[str] = []
        self._labels: list[str] = []
        self._rows = tempfile.TemporaryFile(dir=path.parent)  # noqa: SIM115  open until all have been written

    def add(self, name: str, prediction: Prediction) -> None:
        """Take an image whose prediction has features.

        Raises:
            OutputError: The disk is full.
        """
        if prediction.features is None:
            raise ValueError(f"the prediction for {name!r} has no features; load the model with features=True")
        try:
            self._rows.write(np.ascontiguousarray(prediction.features, "<f4").tobytes())
        except OSError as error:
            raise OutputError(f"cannot keep embeddings beside {str(self.path)!r}: {error.strerror or error}") from error
        self._names.append(name)
        self._labels.append(prediction.label)

    def write(self) -> int:
        """Write the file, and return how many images it has; nothing can be added afterwards.

        Raises:
            OutputError: It cannot be written.
        """
        header = {"descr": "<f4", "fortran_order": False, "shape": (len(self._names), self._width)}
        with whole_files(self.path) as (temporary,), zipfile.ZipFile(temporary, "w") as archive, self._rows as rows:
            for name, texts in (("images", self._names), ("labels", self._labels)):
                with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
                    np.lib.format.write_array(stream, np.array(texts, np.str_), allow_pickle=False)
            with archive.open("embeddings.npy", "w", force_zip64=True) as stream:
                np.lib.format.write_array_header_1_0(stream, header)
                rows.seek(0)
                shutil.copyfileobj(rows, stream)
        return len(self._names)
