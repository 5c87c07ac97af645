"""Corrections that users send, kept as images of the dataset that is taught in the page."""

import hashlib
from datetime import UTC, datetime

from edgecls.errors import OutputError
from edgecls.runtime.prediction import Prediction
from edgecls.server.models.served_model import ServedModel
from edgecls.server.storage.feedback_store import MAX_NAME_LENGTH, Correction
from edgecls.teaching.dataset import Added
from edgecls.teaching.teaching import Teaching

__all__ = ["TaughtCorrections", "keep_correction"]


class TaughtCorrections:
    """Takes corrections as a `FeedbackStore` does; any label is taken, and each can be undone.

    Args:
        teaching: Where they go.
    """

    takes_new_labels = True

    def __init__(self, teaching: Teaching) -> None:
        self._teaching = teaching

    def keep(self, data: bytes, label: str, *, name: str, model: ServedModel) -> Correction:
        """Add an image to the dataset under the label that a user gives it, with what the model says of it.

        Raises:
            EdgeclsError: As `Teaching.add_image`.
        """
        try:
            added, prediction = keep_correction(self._teaching, data, label, name=name, model=model)
        except OSError as error:
            raise OutputError(f"the image was not stored: {error.strerror or error}; check the folder") from error
        return Correction(
            sha256=hashlib.sha256(data).hexdigest(),
            file=added.image,
            label=added.label,
            predicted=prediction.best_label,
            probability=round(prediction.probability, 6),
            model=model.name,
            model_sha256=model.sha256,
            name=name[:MAX_NAME_LENGTH],
            time=datetime.now(UTC).isoformat(timespec="seconds"),
        )


def keep_correction(
    teaching: Teaching, data: bytes, label: str, *, name: str, model: ServedModel, batch: str = ""
) -> tuple[Added, Prediction]:
    """Add an image under the label that a user gives it, and return it with what the corrected model says of it.

    Raises:
        ImageError: The image cannot be used.
        OSError, EdgeclsError: As `Teaching.correct`.
    """
    prediction = model.predict(data, image_name=name)
    added = teaching.correct(
        data,
        label,
        name=name,
        predicted=prediction.best_label,
        probability=prediction.probability,
        batch=batch,
        model=model.name,
        model_sha256=model.sha256,
    )
    return added, prediction
