"""Of GPUs."""

from report.answer import Answer

__all__ = ["ANSWERS"]

ANSWERS: dict[str, Answer] = {}
