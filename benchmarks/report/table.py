"""A table of docs/benchmarks.md: of one machine, or of several side by side."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

__all__ = ["Table", "side_by_side"]

MOST_COLUMNS = 8  # of a table in which every machine has columns of its own; beyond, it has rows


@dataclass(frozen=True)
class Table:
    """Figures with what stands around them.

    Attributes:
        head: Names of the columns.
        rows: Each with as many cells.
        keys: How many columns, the first ones, say what a row is about.
        before: A paragraph above it.
        after: A paragraph, or a list, below it.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[object]]
    keys: int = 1
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        lines = [list(self.head), ["---"] * len(self.head), *self.rows]
        table = "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
        return "\n\n".join(filter(None, (self.before, table, self.after)))

    def by_key(self) -> dict[tuple[str, ...], list[str]]:
        """Return the figures of every row; rows about the same are told apart by their number."""
        seen: Counter[tuple[str, ...]] = Counter()
        found = {}
        for row in self.rows:
            cells = list(map(str, row))
            key = tuple(cells[: self.keys])
            found[*key, str(seen[key])] = cells[self.keys :]
            seen[key] += 1
        return found


def side_by_side(tables: Mapping[str, Table]) -> str:
    """Return the tables of several machines as one: in columns side by side, or in rows where these would be too many.

    Tables with other columns stay apart.

    Args:
        tables: By what the machine is called here, at least one.
    """
    (first, *_) = tables.values()
    if len(tables) == 1:
        return str(first)
    notes = "\n\n".join(f"{name}:\n\n{table.after}" for name, table in tables.items() if table.after)
    if any((list(table.head), table.keys) != (list(first.head), first.keys) for table in tables.values()):
        return "\n\n".join(f"{name}:\n\n{table}" for name, table in tables.items())
    figures = {name: table.by_key() for name, table in tables.items()}
    keys = list(dict.fromkeys(key for each in figures.values() for key in each))
    columns = first.head[first.keys :]
    head: list[str] = list(first.head[: first.keys])
    rows: list[list[str]] = []
    if first.keys + len(columns) * len(tables) <= MOST_COLUMNS:
        head += [f"{column} ({name})" for column in columns for name in tables]
        for *key, number in keys:
            found = [each.get((*key, number), [""] * len(columns)) for each in figures.values()]
            rows.append([*key, *(cells[index] for index in range(len(columns)) for cells in found)])
    else:
        head += ["machine", *columns]
        rows = [
            [*key, name, *each[*key, number]]
            for *key, number in keys
            for name, each in figures.items()
            if (*key, number) in each
        ]
    return str(replace(first, head=head, rows=rows, after=notes))
