"""The words of the window, in English and Chinese."""

from enum import StrEnum
from typing import Any

from edgecls.desktop.shared.entries import Answer, Entry, Group, Kind
from edgecls.desktop.shared.text_en import ENGLISH
from edgecls.desktop.shared.text_zh import CHINESE

__all__ = ["Language", "Words"]


class Language(StrEnum):
    """A language of the window."""

    ENGLISH = "en"
    CHINESE = "zh"

    @classmethod
    def of_locale(cls, name: str) -> "Language":
        """Return the language for a locale, as "zh_CN"."""
        return cls.CHINESE if name.lower().startswith("zh") else cls.ENGLISH


class Words:
    """The words in one language.

    Args:
        language: Which.
    """

    def __init__(self, language: Language) -> None:
        self.language = language
        self._table = CHINESE if language is Language.CHINESE else ENGLISH

    def __call__(self, key: str, **values: Any) -> str:
        """Return a text with its values filled in; of `count` 1, the singular where the language has one."""
        if values.get("count") == 1:
            key = f"{key}.one" if f"{key}.one" in self._table else key
        return self._table[key].format(**values)

    def has(self, key: str) -> bool:
        """True if there is a text of that key."""
        return key in self._table

    def fault(self, error: Exception) -> str:
        """Return what is wrong, in this language if there are words for errors of that kind."""
        key = f"fault.{type(error).__name__}"
        return self(key) if self.has(key) else str(error)

    def group(self, group: Group) -> str:
        """Return the name of a group."""
        return group.label if group.kind is Kind.LABEL else self(f"group.{group.kind}")

    def answer(self, answer: Answer) -> str:
        """Return an answer as a sentence: the label, or why it is unknown."""
        first, second = ([score.label for score in answer.scores] + [""])[:2]
        return (
            answer.best.label if answer.reason is None else self(f"answer.{answer.reason}", first=first, second=second)
        )

    def entry(self, entry: Entry) -> str:
        """Return what is known of an image, in a few words."""
        if entry.correction is not None:
            return self("corrected", label=entry.correction)
        if entry.fault is not None:
            return self("group.failed")
        if entry.answer is None:
            return self("group.waiting")
        return f"{self.answer(entry.answer)}, {100 * entry.answer.best.probability:.1f} %"
