"""Drawings of answers, for many images: heat maps, and images with their labels.

A drawing has the name of its image, below the folder that was classified, and is a JPEG. Nothing is ever
overwritten, and a run that is repeated puts no drawing there twice.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgecls import image
from edgecls.drawing.overlays import with_label_bar
from edgecls.errors import OutputError
from edgecls.file_moves import numbered, write_new_file
from edgecls.image import Pixels
from edgecls.runtime.explanation import for_viewing
from edgecls.runtime.many_images import STDIN
from edgecls.runtime.prediction import Outcome

if TYPE_CHECKING:
    from edgecls.runtime.classifier import Classifier
    from edgecls.runtime.evidence import Method

__all__ = ["Illustrator"]

JPEG_QUALITY = 90
STDIN_NAME = "stdin"


class Illustrator:
    """Draws the answers for images and writes the drawings.

    A name that another drawing has already gets a number: "rose-2.jpg". A drawing that is there under its name or a
    numbered one, byte by byte, counts as done.

    Args:
        heat_folder: Where heat maps go; None for none.
        label_folder: Where images with their labels go; None for none. If it is `heat_folder`, there is one drawing
            of each image, with both.
        roots: The folders that are classified; below them, drawings keep the folders of their images.
        method: How to find the heat, as `Classifier.explain` takes it.

    Attributes:
        written_count: Drawings that were written.
        done_count: Drawings that were there already.
        explained: The method of the last heat map, and the rows and columns of its evidence;
            None before the first.

    Raises:
        OutputError: A folder cannot be made, or a folder to classify is within it.
    """

    def __init__(
        self,
        *,
        heat_folder: Path | None,
        label_folder: Path | None,
        roots: Sequence[str],
        method: "Method | None" = None,
    ) -> None:
        self._method = method
        self.written_count = 0
        self.done_count = 0
        self.explained: tuple[Method, tuple[int, int]] | None = None
        self._roots = [os.path.abspath(root) for root in roots]
        self._wants_heat, self._wants_label = heat_folder is not None, label_folder is not None
        folders = [folder for folder in (heat_folder, label_folder) if folder is not None]
        for folder in folders:
            _make(folder, roots)
        self._is_one = len({os.path.realpath(folder) for folder in folders}) == 1
        self._folders = folders[:1] if self._is_one else folders

    @property
    def folders(self) -> frozenset[str]:
        """The real paths of the folders that drawings go to."""
        return frozenset(map(os.path.realpath, self._folders))

    def classify(self, classifier: "Classifier", data: bytes, *, name: str) -> Outcome:
        """Classify an encoded image and draw the answer; thread-safe.

        Args:
            classifier: The opened model.
            data: The whole encoded image.
            name: What the image is called.

        Raises:
            ImageError: The image cannot be used.
        """
        drawn: list[Pixels] = []
        if self._wants_heat:
            explanation = classifier.explain(data, name=name, method=self._method)
            self.explained = explanation.method, explanation.resolution
            prediction, plain = explanation.prediction, explanation.pixels
            drawn.append(explanation.overlay())
        else:
            prediction = classifier.predict_bytes(data, name=name)
            plain = image.decode(data, name=name, limits=classifier.limits)
        if self._wants_label:
            ground = drawn.pop() if drawn and self._is_one else for_viewing(plain)
            bar = with_label_bar(ground, prediction.described, prediction.probability, is_known=prediction.is_known)
            drawn.append(bar)
        return Outcome(name, prediction, tuple(image.encode_jpeg(one, quality=JPEG_QUALITY) for one in drawn))

    def keep(self, outcome: Outcome) -> None:
        """Write the drawings of an image, if it has any.

        Raises:
            OutputError: One cannot be written.
        """
        for folder, drawing in zip(self._folders, outcome.drawings, strict=bool(outcome.drawings)):
            target = folder / self._drawing_name(outcome.name)
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                is_new = _write_once(drawing, target)
            except OSError as error:
                raise OutputError(
                    f"cannot write {str(target)!r}: {error.strerror or error}; fix that and run it again to continue"
                ) from error
            if is_new:
                self.written_count += 1
            else:
                self.done_count += 1

    def _drawing_name(self, name: str) -> Path:
        if name == STDIN:
            return Path(f"{STDIN_NAME}.jpg")
        path = Path(os.path.abspath(name))
        root = next((root for root in self._roots if path.is_relative_to(root)), path.parent)
        return path.relative_to(root).with_suffix(".jpg")


def _make(folder: Path, roots: Sequence[str]) -> None:
    for root in roots:
        if Path(os.path.realpath(root)).is_relative_to(os.path.realpath(folder)):
            raise OutputError(
                f"cannot put drawings into {str(folder)!r}: {root!r}, which is to be classified, is that folder or "
                "within it, so drawings would be classified too; choose another place"
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make folder {str(folder)!r}: {error.strerror}; choose another place") from error


def _write_once(drawing: bytes, wanted: Path) -> bool:
    """Write a drawing under the first free name; return False if it is there already."""
    number = 1
    while True:
        target = numbered(wanted, number)
        try:
            if not os.path.lexists(target):
                write_new_file(drawing, target)
                return True
            if target.is_file() and target.stat().st_size == len(drawing) and target.read_bytes() == drawing:
                return False
        except FileExistsError:  # somebody else has just taken the name
            continue
        number += 1
