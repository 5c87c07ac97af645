"""Options that say which corrections a server keeps, and where."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from edgecls.serving.feedback import FeedbackStore

__all__ = ["FeedbackOptions", "feedback_options"]

_OPTIONS = (
    click.option(
        "--feedback",
        "folder",
        type=click.Path(file_okay=False, path_type=Path),
        help="Folder for pictures whose answers users correct, to train on next; off without it.",
    ),
    click.option(
        "--feedback-max-mb",
        "max_mb",
        type=click.FloatRange(min=0, min_open=True),
        default=1024,
        show_default=True,
        help="What that folder may take, in MiB; then corrections are refused (507).",
    ),
    click.option(
        "--feedback-new-labels",
        "new_labels",
        is_flag=True,
        help="Take corrections to labels that the model does not have.",
    ),
)
_FIELDS = ("folder", "max_mb", "new_labels")


@dataclass(frozen=True)
class FeedbackOptions:
    """The options --feedback, --feedback-max-mb and --feedback-new-labels."""

    folder: Path | None
    max_mb: float
    new_labels: bool

    def store(self) -> "FeedbackStore | None":
        """Return where corrections are kept; None if they are off.

        Raises:
            ServerError: Nothing can be written there.
        """
        from edgecls.serving.feedback import FeedbackStore

        if self.folder is None:
            return None
        return FeedbackStore(self.folder, max_bytes=int(self.max_mb * 2**20), takes_new_labels=self.new_labels)


def feedback_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of `FeedbackOptions`, as its argument `feedback`."""

    @functools.wraps(command)
    def with_feedback(*args: Any, **options: Any) -> Any:
        feedback = FeedbackOptions(**{name: options.pop(name) for name in _FIELDS})
        return command(*args, feedback=feedback, **options)

    wrapped: Callable[..., Any] = with_feedback
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped
