"""The models that were taught: each version with its facts, in a folder of its own that appears whole."""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from edgecls.errors import ModelFileError
from edgecls.file_moves import flush
from edgecls.json_text import parse_json
from edgecls.teaching.bounds import NotTaughtError, TeachingConflictError
from edgecls.teaching.dataset import HIDDEN, KEPT
from edgecls.teaching.steps import Steps

__all__ = ["Version", "Versions", "model_title"]

FOLDER = f"{HIDDEN}/versions"
MODEL, FACTS, REPORT = "model.onnx", "facts.json", "report.html"


@dataclass(frozen=True)
class Version:
    """A version of the model.

    Attributes:
        number: From 1.
        folder: Where it is.
        facts: What `edgecls train --progress json` said of it; `time`, in UTC; and `before`, the number of the version
            that was in use, or None.
    """

    number: int
    folder: Path
    facts: Mapping[str, Any]

    @property
    def model(self) -> Path:
        """Its model file."""
        return self.folder / MODEL


def model_title(path: str) -> str:
    """Return what to call a model file: its name, or of a version that was taught, the folder and the number."""
    parts = Path(path).parts
    inside = (*PurePosixPath(FOLDER).parts, parts[-2] if len(parts) > 1 else "", MODEL)
    if len(parts) > len(inside) and parts[-len(inside) :] == inside:
        return f"{parts[-len(inside) - 1]} {parts[-2]}"
    return Path(path).stem


class Versions:
    """All versions of a folder. Not for several threads at once.

    Args:
        root: The taught folder.
        steps: Its journal.
        most: How many are kept.
    """

    def __init__(self, root: Path, steps: Steps, *, most: int) -> None:
        self._root = root
        self._steps = steps
        self._most = most
        self._read: dict[int, Version] = {}

    def all(self) -> list[Version]:
        """Return them, the oldest first."""
        numbers = [step.facts["number"] for step in self._steps.done if step.kind == "version"]
        return [version for number in numbers if (version := self._version(number)) is not None]

    def version(self, number: int) -> Version:
        """Return one of them.

        Raises:
            NotTaughtError: There is no such version.
        """
        for version in self.all():
            if version.number == number:
                return version
        raise NotTaughtError(f"there is no version {number} of the model; train one first")

    @property
    def in_use(self) -> Version | None:
        """The version that was put into use last; None if none was."""
        for step in reversed(self._steps.done):
            if step.kind == "use":
                return self.version(step.facts["number"])
        return None

    def add(self, folder: Path, facts: Mapping[str, Any]) -> Version:
        """Add a version.

        Args:
            folder: Has the model file and the report.
            facts: What is said of it.

        Raises:
            OSError: It cannot be written.
        """
        number = self._next_number()
        staged = f"{KEPT}/version-{number}-{os.urandom(4).hex()}"
        (self._root / staged).mkdir(parents=True)
        for name in (MODEL, REPORT):
            if (folder / name).exists():
                (folder / name).rename(self._root / staged / name)
        (self._root / staged / FACTS).write_text(json.dumps(facts, ensure_ascii=False) + "\n", encoding="utf-8")
        for path in (self._root / staged).iterdir():
            flush(path)
        target = f"{FOLDER}/{number}"
        (self._root / FOLDER).mkdir(exist_ok=True)
        self._steps.do("version", [(staged, target)], number=number)
        self._forget_old()
        return self.version(number)

    def use(self, number: int) -> Version:
        """Put a version into use.

        Raises:
            NotTaughtError: There is no such version.
            TeachingConflictError: It is in use already.
        """
        version = self.version(number)
        in_use = self.in_use
        if in_use is not None and in_use.number == number:
            raise TeachingConflictError(f"version {number} is in use already")
        self._steps.do("use", number=number)
        return version

    def _version(self, number: int) -> Version | None:
        if number not in self._read:
            folder = self._root / FOLDER / str(number)
            try:
                facts = _checked(parse_json((folder / FACTS).read_bytes()))
            except FileNotFoundError:  # an old one that was deleted
                return None
            except (OSError, ValueError) as error:
                raise ModelFileError(f"cannot read {str(folder / FACTS)!r}: {error}; delete the folder") from error
            self._read[number] = Version(number, folder, facts)
        return self._read[number] if self._read[number].model.exists() else None

    def _next_number(self) -> int:
        taken = [int(path.name) for path in (self._root / FOLDER).glob("*") if path.name.isdecimal()]
        made = [int(step.facts["number"]) for step in self._steps.done if step.kind == "version"]
        return max([0, *taken, *made]) + 1

    def _forget_old(self) -> None:
        in_use = self.in_use
        kept = self.all()
        for version in kept[: max(0, len(kept) - self._most)]:
            if in_use is None or version.number != in_use.number:
                shutil.rmtree(version.folder, ignore_errors=True)
                self._read.pop(version.number, None)


_NUMBER = (int, float)
_KINDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("time", "accuracy_of"), (str,)),
    **dict.fromkeys(("duration_s", "cpu_s", "accuracy"), _NUMBER),
    **dict.fromkeys(("labels", "evaluated", "accuracy_interval"), (list,)),
    "images_per_label": (dict, type(None)),
    "before": (int, type(None)),
}
_KINDS_OF_ANSWERS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("image", "label", "predicted"), (str,)),
    **dict.fromkeys(("probability", "label_probability"), _NUMBER),
}


def _checked(facts: Any) -> dict[str, Any]:
    """Return the facts of a version if they are such.

    Raises:
        ValueError: They are not.
    """
    _check(facts, _KINDS, "the facts")
    if not all(isinstance(label, str) for label in facts["labels"]):
        raise ValueError("a label is no text")
    if not all(_is(count, (int,)) for count in (facts["images_per_label"] or {}).values()):
        raise ValueError("the number of images of a label is no number")
    if not all(_is(bound, _NUMBER) for bound in facts["accuracy_interval"]):
        raise ValueError("the interval of the accuracy has something else than numbers")
    for answer in facts["evaluated"]:
        _check(answer, _KINDS_OF_ANSWERS, "an answer")
    found: dict[str, Any] = facts
    return found


def _check(facts: Any, kinds: Mapping[str, tuple[type, ...]], what: str) -> None:
    if not isinstance(facts, dict):
        raise ValueError(f"{what} are no object")
    for name, kind in kinds.items():
        if name not in facts or not _is(facts[name], kind):
            raise ValueError(f"{name} of {what} is {str(facts.get(name))[:80]!r}")


def _is(value: object, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool) and value == value  # NaN is not
