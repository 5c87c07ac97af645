"""Files of results: what is in them after stops at any point, and what they are not gone on with."""

import csv
import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecls.errors import OutputError
from edgecls.results.results_file import ResultsFile
from edgecls.results.rows import Row

FACTS: dict[str, Any] = {"edgecls": "1.2.3", "model": {"sha256": "ab12"}, "options": {"top": 1}}
NAMES = ["a.png", 'b "quoted", with\na line break.png', "c\r.png", "猫.png", "e'.png"]
ENDINGS = ["jsonl", "csv", "parquet"]


@pytest.fixture(params=ENDINGS)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "parquet":
        pytest.importorskip("pyarrow")
    return tmp_path / f"results.{request.param}"


def _row(name: str, label: str = "rose") -> Row:
    answer = {"label": label, "known": True, "reason": None, "probability": 0.75, "familiarity": None, "time_ms": 1.5}
    return {"image": name, **answer, "top": [{"label": label, "probability": 0.75}]}


def _error(name: str) -> Row:
    return {"image": name, "error": {"type": "ImageReadError", "message": f"cannot read\n{name!r}"}}


def _open(path: Path, **changes: Any) -> ResultsFile:
    return ResultsFile(path, {**FACTS, **changes}, top=1)


def _run(path: Path, names: list[str], *, failing: str = "", first: int | None = None) -> list[str]:
    """Do as a run does that is stopped after so many rows, and return the names it took."""
    with _open(path) as results:
        if results.failed_before:
            results.survey(names)
        taken = list[str]()
        for name in results.pending(names):
            if len(taken) == first:
                return taken
            results.append(_error(name) if name == failing else _row(name))
            taken.append(name)
        results.finish()
    return taken


def _read(path: Path) -> list[tuple[str, str | None]]:
    """Return the name and the label of every row, as other programs read the file."""
    if path.suffix == ".jsonl":
        rows = list(map(json.loads, path.read_text(encoding="utf-8").splitlines()))
        return [(row["image"], row.get("label")) for row in rows]
    if path.suffix == ".csv":
        with open(path, encoding="utf-8", newline="") as stream:
            return [(row["image"], row["label"] or None) for row in csv.DictReader(stream)]
    import pyarrow.parquet

    return [(row["image"], row["label"]) for row in pyarrow.parquet.read_table(path).to_pylist()]


def test_rows_are_in_the_order_in_which_they_came(path: Path) -> None:
    assert _run(path, NAMES) == NAMES

    assert _read(path) == [(name, "rose") for name in NAMES]


def test_a_stopped_run_is_gone_on_with_and_a_finished_one_has_nothing_to_do(path: Path) -> None:
    assert _run(path, NAMES, first=2) == NAMES[:2]
    assert _run(path, NAMES) == NAMES[2:]
    assert _run(path, NAMES) == []

    assert _read(path) == [(name, "rose") for name in NAMES]


def test_images_that_are_new_are_added_to_a_finished_file(path: Path) -> None:
    _run(path, NAMES[:2])
    assert _run(path, NAMES) == NAMES[2:]

    assert _read(path) == [(name, "rose") for name in NAMES]


def test_an_image_that_is_named_twice_or_in_two_ways_has_one_row(path: Path) -> None:
    assert _run(path, ["a.png", "./a.png", os.path.abspath("a.png"), "b.png", "a.png"]) == ["a.png", "b.png"]
    assert _run(path, ["./b.png", "x/../a.png"]) == []

    assert _read(path) == [("a.png", "rose"), ("b.png", "rose")]


@pytest.mark.parametrize("first", [None, 4], ids=["finished", "stopped"])
def test_an_image_with_an_error_is_tried_again_and_has_one_row(path: Path, first: int | None) -> None:
    _run(path, NAMES, failing=NAMES[1], first=first)
    assert _run(path, NAMES) == [NAMES[1], *NAMES[first or 5 :]]

    assert sorted(_read(path)) == sorted((name, "rose") for name in NAMES)


def test_an_error_of_an_image_that_is_not_there_any_more_stays(path: Path) -> None:
    _run(path, NAMES, failing=NAMES[1])
    with _open(path) as results:
        count = results.survey(["new.png", NAMES[0], "new.png"])
        taken = list(results.pending([NAMES[0], "new.png"]))
        results.append(_row("new.png"))
        results.finish()
        assert (count, taken, results.before, results.failed_before) == (1, ["new.png"], 4, 1)

    assert _read(path) == [(name, None if name == NAMES[1] else "rose") for name in [*NAMES, "new.png"]]


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_a_file_that_was_cut_at_any_byte_is_gone_on_with(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"results.{ending}"
    _run(path, NAMES)
    whole = path.read_bytes()

    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        with _open(path) as results:
            for name in results.pending(NAMES):
                results.append(_row(name))
        assert path.read_bytes() == whole, cut


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
@settings(max_examples=40, deadline=None)
@given(
    cut=st.integers(min_value=0, max_value=700),
    names=st.lists(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1), max_size=5),
)
def test_wherever_the_file_was_cut_no_row_is_lost_or_doubled(ending: str, cut: int, names: list[str]) -> None:
    names = [f"n{name}" for name in names] + NAMES
    distinct = list(dict.fromkeys(names))
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"results.{ending}"
        _run(path, names, failing=NAMES[0])
        whole = path.read_bytes()
        path.write_bytes(whole[: min(cut, len(whole))])

        _run(path, names)

        assert sorted(_read(path)) == sorted((name, "rose") for name in distinct)


def test_every_cut_of_a_journal_of_parquet_is_gone_on_with(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    path = tmp_path / "results.parquet"
    journal = tmp_path / "results.parquet.run" / "rows.jsonl"
    _run(path, NAMES, first=3)
    whole = journal.read_bytes()

    for cut in range(0, len(whole), 17):
        path.unlink(missing_ok=True)
        journal.write_bytes(whole[:cut])
        _run(path, NAMES)
        assert _read(path) == [(name, "rose") for name in NAMES], cut


def test_a_kill_between_writing_parquet_and_emptying_its_journal_doubles_nothing(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    path = tmp_path / "results.parquet"
    journal = tmp_path / "results.parquet.run" / "rows.jsonl"
    _run(path, NAMES[:3], first=2)
    rows = journal.read_bytes()
    _run(path, NAMES[:3])
    journal.write_bytes(rows)

    assert _run(path, NAMES) == NAMES[3:]

    assert sorted(_read(path)) == sorted((name, "rose") for name in NAMES)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"edgecls": "1.2.4"}, 'edgecls was "1.2.3", is "1.2.4"'),
        ({"model": {"sha256": "cd34"}}, 'sha256 was "ab12", is "cd34"'),
        ({"options": {"top": 2}}, "top was 1, is 2"),
    ],
    ids=["version", "model", "option"],
)
def test_another_model_or_option_is_refused_until_the_file_is_removed(
    changes: dict[str, Any], said: str, path: Path
) -> None:
    _run(path, NAMES)
    before = path.read_bytes()

    with pytest.raises(OutputError, match=f"{said}.*begin anew"):
        _open(path, **changes)

    assert path.read_bytes() == before
    _open(path).close()  # the refusal has let go of it
    path.unlink()
    _open(path, **changes).close()


def test_only_one_process_writes_at_a_time(path: Path) -> None:
    first = _open(path)

    with pytest.raises(OutputError, match="another run is writing it"):
        _open(path)

    first.close()
    _open(path).close()


def test_a_file_of_somebody_else_is_left_alone(path: Path) -> None:
    path.write_text("image,label\na.png,rose\n")

    with pytest.raises(OutputError, match="'edgecls run -o' has not written it"):
        _open(path)

    assert path.read_text() == "image,label\na.png,rose\n"
    assert list(path.parent.iterdir()) == [path]


def test_an_empty_file_is_taken(path: Path) -> None:
    path.touch()

    assert _run(path, NAMES) == NAMES


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_a_damaged_row_is_named_and_nothing_changed(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"results.{ending}"
    _run(path, ["a.png", "b.png", "c.png"])
    lines = path.read_bytes().splitlines(keepends=True)
    lines[-2] = b"\0" * 20 + b"\n"
    path.write_bytes(b"".join(lines))

    with pytest.raises(OutputError, match=rf"row {len(lines) - 1} of .* is damaged"):
        _open(path)

    assert path.read_bytes() == b"".join(lines)


def test_a_damaged_parquet_file_is_named(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    path = tmp_path / "results.parquet"
    _run(path, NAMES)
    path.write_bytes(path.read_bytes()[:-9])

    with pytest.raises(OutputError, match=r"cannot (go on with|write) .*results.parquet"):
        _open(path)


def test_damaged_facts_are_named(path: Path) -> None:
    _run(path, NAMES)
    (path.with_name(f"{path.name}.run") / "facts.json").write_text("{")

    with pytest.raises(OutputError, match=r"cannot read .*facts.json"):
        _open(path)


def test_a_folder_that_is_not_there_is_named(path: Path) -> None:
    with pytest.raises(OutputError, match="make its folder first"):
        _open(path.parent / "gone" / path.name)


def test_a_folder_in_its_place_is_refused(path: Path) -> None:
    path.mkdir()

    with pytest.raises(OutputError, match="it is a folder"):
        _open(path)


def test_a_link_keeps_leading_to_the_file(path: Path) -> None:
    (path.parent / "elsewhere").mkdir()
    path.symlink_to(path.parent / "elsewhere" / path.name)

    _run(path, NAMES, failing=NAMES[0])
    _run(path, NAMES)

    assert path.is_symlink()
    assert sorted(_read(path)) == sorted((name, "rose") for name in NAMES)


def test_names_that_are_no_unicode_are_escaped_and_recognized(path: Path) -> None:
    names = [os.fsdecode(b"caf\xe9.png"), "caf.png"]

    assert _run(path, names) == names
    assert _run(path, names) == []

    assert _read(path) == [("caf\\xe9.png", "rose"), ("caf.png", "rose")]


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from edgecls.errors import OutputError
from edgecls.results.results_file import ResultsFile

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
answer = {"label": "rose", "known": True, "reason": None, "probability": 0.5, "familiarity": None, "time_ms": 1.0}
with ResultsFile(Path(sys.argv[1]), {"options": {}}, top=1) as results:
    try:
        for number in range(100):
            results.append({"image": f"{number}.png", **answer, "top": [{"label": "rose", "probability": 0.5}]})
    except OutputError as error:
        print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limits on the size of files")
@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_what_was_written_before_the_disk_was_full_is_whole(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"results.{ending}"

    done = subprocess.run([sys.executable, "-c", FULL_DISK, path], capture_output=True, text=True, check=True)

    assert os.strerror(errno.EFBIG) in done.stdout
    assert "the same command goes on" in done.stdout
    assert path.read_bytes().endswith(b"\n")
    rows = _read(path)
    assert [name for name, _ in rows] == [f"{number}.png" for number in range(len(rows))]
    assert 0 < len(rows) < 100


def test_embeddings_are_a_column_of_parquet(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    path = tmp_path / "results.parquet"
    with ResultsFile(path, FACTS, top=1, embeddings=True) as results:
        results.append(_error("a.png"))
        results.append({**_row("b.png"), "embedding": [0.5, 2.0]})
        results.finish()

    import pyarrow.parquet

    assert pyarrow.parquet.read_table(path)["embedding"].to_pylist() == [None, [0.5, 2.0]]
