"""The section of a report on foreign images."""

from edgecls.evaluation.foreign import ForeignImages
from edgecls.evaluation.report.cards import IMAGE_COUNT
from edgecls.evaluation.report.html import HTML, Html, joined, plot_figure, thumbnail_uri
from edgecls.evaluation.report.words import Content, Subject, foreign_text, percent
from edgecls.plots.foreign import SeparatingScore, separation_png

__all__ = ["foreign_section"]


def foreign_section(subject: Subject) -> Content:
    """Return how many foreign images get a label, a plot, and the most familiar of them; None if there were none."""
    foreign = subject.foreign
    if foreign is None:
        return None
    found = subject.evaluation
    scores = [SeparatingScore("probability", foreign.probability.familiar, foreign.probability.foreign)]
    thresholds, in_use = {}, found.unknown_threshold
    if foreign.familiarity is not None:
        scores.insert(0, SeparatingScore("familiarity", foreign.familiarity.familiar, foreign.familiarity.foreign))
        thresholds = {f"{100 * level.level:g} %": level.threshold for level in foreign.levels if level.threshold}
        in_use = found.min_familiarity
    drawn = plot_figure(
        separation_png(scores, thresholds=thresholds, in_use=in_use),
        "Distributions of the score, and foreign images accepted against images with the model's labels accepted",
    )
    rows = [
        HTML.fill(
            "foreign_row",
            level=f"{100 * level.level:g} %",
            threshold="" if level.threshold is None else f"{level.threshold:.4f}",
            familiar=percent(level.familiar),
            foreign="" if level.foreign is None else percent(level.foreign),
            probability="" if level.probability_threshold is None else f"{level.probability_threshold:.4f}",
            by_probability=percent(level.probability_foreign),
        )
        for level in foreign.levels
    ]
    parts = [
        HTML.fill("paragraph", text=foreign_text(foreign)),
        drawn,
        HTML.fill("foreign_table", rows=joined(rows)),
        _cards(subject, foreign),
    ]
    return (
        f"Images from {foreign.name}, which show nothing that the model has a label for. The fewer get a label, the "
        "better.",
        joined(parts),
    )


def _cards(subject: Subject, foreign: ForeignImages) -> Html:
    cards = []
    for index in foreign.most_familiar(IMAGE_COUNT):
        uri = thumbnail_uri(foreign.paths[index], subject.card.image)
        cards.append(
            HTML.fill(
                "foreign_card",
                kind="wrong" if foreign.is_known[index] else "right",
                image=HTML.fill("image", uri=uri, alt="a foreign image") if uri else HTML.fill("no_image"),
                label=foreign.labels[index] if foreign.is_known[index] else f"unknown ({foreign.labels[index]}?)",
                score=f"{foreign.judge.foreign[index]:.3f}",
                path=foreign.paths[index],
                file=foreign.paths[index].name,
            )
        )
    what = "probability" if foreign.familiarity is None else "familiarity"
    body = HTML.fill("cards", cards=joined(cards))
    return joined([HTML.fill("heading", text=f"Foreign images with the largest {what}"), body])
