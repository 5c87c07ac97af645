"""What clients are told of a model."""

from typing import Any

from edgecls.serving.repository.repository import IndexEntry, Repository
from edgecls.serving.repository.served_model import ServedModel

__all__ = ["facts_of_models"]


def facts_of_models(repository: Repository) -> list[dict[str, Any]]:
    """Return the facts of every model, as JSON holds them."""
    return [_model_facts(entry, repository.serving(entry.name)) for entry in repository.index()]


def _model_facts(entry: IndexEntry, model: ServedModel | None) -> dict[str, Any]:
    facts: dict[str, Any] = {"name": entry.name, "state": entry.state.value, "reason": entry.reason}
    if model is None:
        return facts
    classifier = model.classifier
    card = classifier.card
    return facts | {
        "sha256": model.sha256,
        "labels": list(card.labels),
        "architecture": card.architecture,
        "precision": card.precision,
        "image": {"height": card.image.height, "width": card.image.width, "color": card.image.color.value},
        "unknown_threshold": classifier.unknown_threshold,
        "provider": classifier.provider.value,
        "skipped": [
            {"provider": skipped.provider.value, "reason": skipped.reason, "remedy": skipped.remedy}
            for skipped in classifier.skipped
        ],
    }
