"""Rows in Parquet files."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from edgecls.extras import import_from_extra
from edgecls.results.rows import Row

__all__ = ["ROWS_AT_ONCE", "check_parquet", "parquet_rows", "write_parquet"]

EXTRA = "parquet"
ROWS_AT_ONCE = 10_000
"""Rows of a row group; as many are in memory when one is written."""


def check_parquet() -> None:
    """Find out before long work whether Parquet can be written.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    import_from_extra("pyarrow.parquet", extra=EXTRA, purpose="writing Parquet")


def write_parquet(
    path: Path,
    rows: Iterable[Row],
    *,
    embeddings: bool,
    rows_at_once: int = ROWS_AT_ONCE,
    before: Path | None = None,
    keeps: Callable[[str], bool] = lambda name: True,
) -> None:
    """Write rows with the columns that every prediction has; what only some have follows, typed by its values.

    Args:
        path: The file.
        rows: What to write; those of one row group are in memory.
        embeddings: Whether there is a column for these, even where every row has an error.
        rows_at_once: Rows of a row group. The first one decides which further columns there are.
        before: A file of the same columns whose rows come first.
        keeps: Whether to take a row of that file, by its name.
    """
    arrow = import_from_extra("pyarrow", extra=EXTRA, purpose="writing Parquet")
    parquet = import_from_extra("pyarrow.parquet", extra=EXTRA, purpose="writing Parquet")
    text, number = arrow.string(), arrow.float64()
    columns = {
        "image": text,
        "label": text,
        "known": arrow.bool_(),
        "reason": text,
        "probability": number,
        "familiarity": number,
        "top": arrow.list_(arrow.struct([("label", text), ("probability", number)])),
        "time_ms": number,
        "error": arrow.struct([("type", text), ("message", text)]),
    }
    if embeddings:
        columns["embedding"] = arrow.list_(arrow.float32())
    rows = iter(rows)
    first = list(itertools.islice(rows, rows_at_once))
    others = dict.fromkeys(key for row in first for key in row if key not in columns)
    columns |= {key: arrow.array([row.get(key) for row in first]).type for key in others}
    schema = arrow.schema(list(columns.items()))
    with parquet.ParquetWriter(path, schema) as writer:
        if before is not None:
            with parquet.ParquetFile(before) as file:
                for batch in file.iter_batches(rows_at_once):
                    kept = arrow.array([keeps(name) for name in batch.column("image").to_pylist()], arrow.bool_())
                    writer.write_batch(batch.filter(kept))
        batch_rows = first
        while batch_rows:
            arrays = [arrow.array([row.get(key) for row in batch_rows], kind) for key, kind in columns.items()]
            writer.write_table(arrow.Table.from_arrays(arrays, schema=schema))
            batch_rows = list(itertools.islice(rows, rows_at_once))


def parquet_rows(path: Path, columns: list[str] | None = None) -> Iterator[Row]:
    """Yield the rows of a file, as far as these columns go; what a row does not have is None.

    Raises:
        OSError, ValueError: It cannot be read, or is no such file.
    """
    parquet = import_from_extra("pyarrow.parquet", extra=EXTRA, purpose="reading Parquet")
    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(columns=columns):
            yield from batch.to_pylist()
