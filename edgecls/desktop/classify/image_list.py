"""The images of the window as a list of Qt, of which one group is shown at a time."""

import os
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, Qt, Signal

from edgecls.desktop.shared.entries import ALL, CORRECTED, Answer, Entry, Group
from edgecls.desktop.shared.thumbnail_grid import PATH_ROLE, Index
from edgecls.desktop.shared.words import Words

__all__ = ["ENTRY_ROLE", "ImageList"]

ENTRY_ROLE = Qt.ItemDataRole.UserRole
_NO_INDEX = QModelIndex()


class ImageList(QAbstractListModel):
    """All images, of which those of a group are the rows, in the order in which they were added.

    Attributes:
        entries: All images.
        group: Which are shown.
        counts: Images in each group.
    """

    counts_changed = Signal()

    def __init__(self, words: Words, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.words = words
        self.entries: list[Entry] = []
        self.group = ALL
        self.counts: Counter[Group] = Counter()
        self._number_of: dict[str, int] = {}
        self._shown: list[int] = []  # numbers of entries, rising

    def rowCount(self, parent: Index = _NO_INDEX) -> int:  # noqa: N802  Qt's name
        """Return the number of images that are shown."""
        return 0 if parent.isValid() else len(self._shown)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return what views and screen readers ask of an image."""
        if not index.isValid() or index.row() >= len(self._shown):
            return None
        entry = self.entry(index.row())
        if role == ENTRY_ROLE:
            return entry
        if role == PATH_ROLE:
            return entry.path
        name = os.path.basename(entry.path)
        if role == Qt.ItemDataRole.DisplayRole:
            return name
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{entry.path}\n{entry.fault or self.words.entry(entry)}"
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{name}: {self.words.entry(entry)}"
        return None

    def entry(self, row: int) -> Entry:
        """Return the image in a row."""
        return self.entries[self._shown[row]]

    def row_of(self, path: str) -> int | None:
        """Return the row of an image; None if it is not shown."""
        number = self._number_of.get(path)
        return None if number is None else self._row(number)

    def find(self, path: str) -> Entry | None:
        """Return the image of a path, shown or not."""
        number = self._number_of.get(path)
        return None if number is None else self.entries[number]

    def add(self, entries: Iterable[Entry]) -> list[Entry]:
        """Add images; those that are there already are left out. Returns the new ones."""
        new: list[Entry] = []
        for entry in entries:
            if entry.path not in self._number_of:
                self._number_of[entry.path] = len(self.entries) + len(new)
                new.append(entry)
        if not new:
            return []
        numbers = range(len(self.entries), len(self.entries) + len(new))
        shown = [number for number, entry in zip(numbers, new, strict=True) if entry.is_in(self.group)]
        if shown:
            self.beginInsertRows(QModelIndex(), len(self._shown), len(self._shown) + len(shown) - 1)
        self.entries += new
        self._shown += shown
        if shown:
            self.endInsertRows()
        for entry in new:
            self._count(entry, 1)
        self.counts_changed.emit()
        return new

    def clear(self) -> None:
        """Remove all images."""
        self.beginResetModel()
        self.entries, self._shown, self._number_of = [], [], {}
        self.group = ALL
        self.counts.clear()
        self.endResetModel()
        self.counts_changed.emit()

    def show_group(self, group: Group) -> None:
        """Show the images of a group."""
        self.beginResetModel()
        self.group = group
        self._shown = [number for number, entry in enumerate(self.entries) if entry.is_in(group)]
        self.endResetModel()

    def take_answers(self, answers: Sequence[tuple[Entry, Answer | str]]) -> None:
        """Give images their answers, or why they have none."""
        changed = []
        for entry, result in answers:
            number = self._number_of.get(entry.path)
            if number is None or self.entries[number] is not entry:
                continue  # removed while it was under way
            self._count(entry, -1)
            entry.answer, entry.fault = (None, result) if isinstance(result, str) else (result, None)
            self._count(entry, 1)
            changed.append(number)
        self._refresh(changed)

    def forget_answers(self) -> None:
        """Take away all answers: there is another model."""
        for entry in self.entries:
            entry.answer = entry.fault = None
        self._recount()
        self.show_group(ALL)
        self.counts_changed.emit()

    def take_corrections(self, labels: Mapping[str, str | None]) -> None:
        """Set the corrections of images by path, or take them away."""
        changed = []
        for path, label in labels.items():
            number = self._number_of.get(path)
            if number is None or self.entries[number].correction == label:
                continue
            entry = self.entries[number]
            self._count(entry, -1)
            entry.correction = label
            self._count(entry, 1)
            changed.append(number)
        self._refresh(changed)

    def take_moves(self, moves: Iterable[tuple[str, str]]) -> None:
        """Give images that were moved their new paths."""
        changed = []
        for old, new in moves:
            if (number := self._number_of.get(old)) is not None and new not in self._number_of:
                del self._number_of[old]
                self._number_of[new] = number
                self.entries[number].path = new
                changed.append(number)
        self._refresh(changed)

    def next_unsure(self, row: int) -> int | None:
        """Return the row of the next image that is worth a look, after all others from the beginning again."""
        count = len(self._shown)
        rows = ((row + step) % count for step in range(1, count + 1)) if count else iter(())
        return next((found for found in rows if found != row and self.entry(found).is_unsure), None)

    def refresh_all(self) -> None:
        """Show everything again, as in another language."""
        if self._shown:
            self.dataChanged.emit(self.index(0), self.index(len(self._shown) - 1))

    def _row(self, number: int) -> int | None:
        row = bisect_left(self._shown, number)
        return row if row < len(self._shown) and self._shown[row] == number else None

    def _count(self, entry: Entry, change: int) -> None:
        groups = [ALL, entry.group] if entry.correction is None else [ALL, entry.group, CORRECTED]
        for group in groups:
            self.counts[group] += change

    def _recount(self) -> None:
        self.counts.clear()
        for entry in self.entries:
            self._count(entry, 1)

    def _refresh(self, numbers: Sequence[int]) -> None:
        """Show images anew whose group may have changed."""
        if not numbers:
            return
        stayed = []
        for number in sorted(numbers):
            belongs, row = self.entries[number].is_in(self.group), self._row(number)
            if belongs and row is None:
                place = bisect_left(self._shown, number)
                self.beginInsertRows(QModelIndex(), place, place)
                self._shown.insert(place, number)
                self.endInsertRows()
            elif not belongs and row is not None:
                self.beginRemoveRows(QModelIndex(), row, row)
                del self._shown[row]
                self.endRemoveRows()
            elif row is not None:
                stayed.append(number)
        if stayed:
            first, last = bisect_left(self._shown, stayed[0]), bisect_left(self._shown, stayed[-1])
            self.dataChanged.emit(self.index(first), self.index(last))
        self.counts_changed.emit()
