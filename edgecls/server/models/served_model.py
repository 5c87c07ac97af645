"""A model that is served."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgecls.errors import ModelFileError
from edgecls.runtime.answers import Answers, Batch
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.prediction import Prediction

if TYPE_CHECKING:
    from edgecls.runtime.evidence import Method
    from edgecls.runtime.explanation import Explanation

__all__ = ["ServedModel", "open_model"]

VERSION = "1"  # what protocol v2 calls the version of a model; a changed file takes the place of the old one


@dataclass(frozen=True)
class ServedModel:
    """A model that is loaded and verified; may be used from any thread.

    Attributes:
        name: What requests call it: the name of its file without the suffix.
        file: Where it came from.
        sha256: Of the whole file, in hex.
        classifier: What answers.
    """

    name: str
    file: Path
    sha256: str
    classifier: Classifier

    def predict(self, data: bytes, *, image_name: str) -> Prediction:
        """Classify an encoded image; raises as `Classifier.predict_bytes`."""
        return self.classifier.predict_bytes(data, name=image_name)

    def explain(
        self, data: bytes, *, image_name: str, label: str | None, method: "Method | None" = None
    ) -> "Explanation":
        """Classify an encoded image and find what the answer rests on; raises as `Classifier.explain`."""
        return self.classifier.explain(data, label=label, name=image_name, method=method)

    def run_all(self, batch_nhwc: Batch, *, features: bool = False) -> Answers:
        """Run the network on images at its size; raises as `Classifier.run_all`."""
        return self.classifier.run_all(batch_nhwc, features=features)


def open_model(name: str, file: Path, classifier: Classifier) -> ServedModel:
    """Return a model for serving, after its golden samples have come out right.

    Raises:
        ModelFileError: They have not.
    """
    failed = [result for result in classifier.verify() if not result.passed]
    if failed:
        raise ModelFileError(f"model {str(file)!r} gives wrong answers on this machine: {failed[0]}")
    classifier.measures_appearance = classifier.card.reference is not None
    sha256 = classifier.file_sha256 or hashlib.sha256(file.read_bytes()).hexdigest()
    return ServedModel(name, file, sha256, classifier)
