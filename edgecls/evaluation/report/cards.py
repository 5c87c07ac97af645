"""The images of a report, each with its true label and what the model predicted."""

import numpy as np

from edgecls.evaluation.record import Evaluation
from edgecls.evaluation.report.html import HTML, Html, joined, thumbnail_uri
from edgecls.evaluation.report.words import Content, Subject, percent

__all__ = ["IMAGE_COUNT", "examples", "mistakes"]

IMAGE_COUNT = 12  # mistakes, and examples
EXAMPLE_SEED = 0


def mistakes(subject: Subject) -> Content:
    """Return the cards of the wrong predictions with the highest probability; None if there is none."""
    found = subject.evaluation
    worst = found.worst_mistakes(IMAGE_COUNT)
    if not worst:
        return None
    cards = [
        HTML.fill(
            "mistake",
            image=_image(subject, index),
            predicted=found.labels[found.top_ids[index, 0]],
            confidence=percent(found.confidences[index]),
            true=found.labels[found.label_ids[index]],
            given=percent(found.true_probabilities[index]),
            path=found.paths[index],
            file=found.paths[index].name,
        )
        for index in worst
    ]
    return (
        "The wrong predictions with the highest probability. Look at them closely: the label may be wrong instead.",
        HTML.fill("cards", cards=joined(cards)),
    )


def examples(subject: Subject) -> Content:
    """Return the cards of a few images chosen at random."""
    found = subject.evaluation
    cards = []
    for index in _choose_examples(found):
        guesses = [
            HTML.fill(
                "guess", label=found.labels[label], percent=f"{100 * probability:.1f}", value=percent(probability)
            )
            for label, probability in zip(found.top_ids[index], found.top_probabilities[index], strict=True)
        ]
        right = bool(found.right[index])
        cards.append(
            HTML.fill(
                "example",
                kind="right" if right else "wrong",
                image=_image(subject, index),
                true=found.labels[found.label_ids[index]],
                verdict="✓" if right else "✗ wrong",
                guesses=joined(guesses),
                path=found.paths[index],
                file=found.paths[index].name,
            )
        )
    return (
        "Chosen at random, the same number for each label: the true label, and the most probable predictions.",
        HTML.fill("cards", cards=joined(cards)),
    )


def _choose_examples(found: Evaluation) -> list[int]:
    """Return images in random order, a first one of each label before a second one of any."""
    seen = dict.fromkeys(range(len(found.labels)), 0)
    ranked = []
    for place, index in enumerate(np.random.default_rng(EXAMPLE_SEED).permutation(found.images).tolist()):
        label = int(found.label_ids[index])
        ranked.append((seen[label], place, index))
        seen[label] += 1
    chosen = [index for _, _, index in sorted(ranked)[:IMAGE_COUNT]]
    return sorted(chosen, key=lambda index: int(found.label_ids[index]))


def _image(subject: Subject, index: int) -> Html:
    uri = thumbnail_uri(subject.evaluation.paths[index], subject.card.image, read=subject.read)
    label = subject.evaluation.labels[subject.evaluation.label_ids[index]]
    return HTML.fill("image", uri=uri, alt=f"an image of {label}") if uri else HTML.fill("no_image")
