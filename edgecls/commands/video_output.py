"""How edgecls run prints the answers for videos, cameras and streams."""

import csv
import json
from typing import Any, TextIO

from edgecls.commands.terminal import on_one_line, padded, utf8_stdout, width
from edgecls.errors import VideoError
from edgecls.model_card import UNKNOWN
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.frame_predictions import Change, FramePrediction
from edgecls.video_names import names_live_source

__all__ = ["TableOutput", "VideoOutput", "make_output"]


class VideoOutput:
    """Prints lines of JSON."""

    def __init__(self, out: TextIO, top: int, embeddings: bool = False) -> None:
        self._out = out
        self._top = top
        self._embeddings = embeddings

    def write(self, found: FramePrediction | Change) -> None:
        """Print the line of a frame or a change."""
        self._put(found.as_dict(top=self._top, embedding=self._embeddings))

    def write_error(self, shown: str, error: VideoError) -> None:
        """Print why a source cannot be used, or not to its end."""
        self._put({"image": shown, "source": shown, "error": error.as_dict()})

    def _put(self, record: dict[str, Any]) -> None:
        self._out.write(json.dumps(record, ensure_ascii=False) + "\n")
        self._out.flush()


class _Csv(VideoOutput):
    """Prints the same as CSV."""

    def __init__(self, out: TextIO, top: int) -> None:
        super().__init__(out, top)
        further = [f"{column}_{rank}" for rank in range(2, top + 1) for column in ("label", "probability")]
        self._columns = (
            *("image", "source", "frame", "position_s", "time", "label", "known", "probability", *further),
            *("best_label", "familiarity", "reason", "previous", "since_s", "time_ms", "error"),
        )
        self._rows = csv.DictWriter(out, self._columns, extrasaction="ignore", lineterminator="\n")
        self._rows.writeheader()

    def _put(self, record: dict[str, Any]) -> None:
        row = {name: "" if value is None else value for name, value in record.items()}
        if "known" in record:
            row["known"] = "true" if record["known"] else "false"
            row["best_label"] = record["top"][0]["label"]
            for rank, score in enumerate(record["top"][1:], 2):
                row[f"label_{rank}"], row[f"probability_{rank}"] = score["label"], score["probability"]
        else:
            row["error"] = record["error"]["message"]
        self._rows.writerow(row)
        self._out.flush()


class TableOutput(VideoOutput):
    """Prints lines for people: the time in the video, of a live source the clock, the answer, and why it is unknown."""

    def __init__(self, out: TextIO, top: int, answers: tuple[str, ...], *, is_live: bool, has_several: bool) -> None:
        super().__init__(out, top)
        self._answer_width = max(map(width, answers))
        self._is_live = is_live
        self._has_several = has_several

    def write(self, found: FramePrediction | Change) -> None:
        answered = found.confirmed if isinstance(found, Change) else found
        frame, answer = answered.frame, answered.prediction
        cells = [on_one_line(frame.source)] if self._has_several else []
        minutes, seconds = divmod(round(frame.position_s, 3), 60)
        hours, minutes = divmod(int(minutes), 60)
        cells.append(f"{hours}:{minutes:02d}:{seconds:06.3f}")
        if self._is_live:
            cells.append(frame.clock.astimezone().strftime("%Y-%m-%d %H:%M:%S"))
        scores = answer.top(self._top)
        texts = [answer.label, *(score.label for score in scores[1:])]
        cells += [
            f"{padded(text, self._answer_width)}  {score.probability:.4f}"
            for text, score in zip(texts, scores, strict=True)
        ]
        if not answer.is_known:
            cells.append(answer.described.removeprefix(f"{answer.label}: "))
        if isinstance(found, Change) and found.previous is not None:
            cells.append(f"(was {on_one_line(found.previous)})")
        self._print("  ".join(cells))

    def write_error(self, shown: str, error: VideoError) -> None:
        self._print(f"{on_one_line(shown)}  error: {error}")

    def _print(self, line: str) -> None:
        self._out.write(line + "\n")
        self._out.flush()


def make_output(
    output_format: str, classifier: Classifier, sources: list[str], *, top: int, embeddings: bool
) -> VideoOutput:
    """Return what prints in a format: "json", "csv" or "table"."""
    out = utf8_stdout()
    if output_format == "csv":
        return _Csv(out, top)
    if output_format == "table":
        answers = (*classifier.labels, UNKNOWN) if classifier.can_be_unknown else classifier.labels
        return TableOutput(out, top, answers, is_live=names_live_source(sources[0]), has_several=len(sources) > 1)
    return VideoOutput(out, top, embeddings)
