"""The output folder of a cluster job: its manifest, its parts, and who may write there."""

import json
from pathlib import Path
from typing import Any

import pytest

from edgecls.distributed.output import OutputFolder
from edgecls.errors import DistributedError

FACTS: dict[str, Any] = {
    "edgecls": "1.2.3",
    "model": {"name": "colors", "sha256": "ab12"},
    "options": {"format": "json", "top": 1},
}
ROWS = [{"image": "a.png", "label": "red"}, {"image": "b.png", "error": {"type": "ImageError", "message": "it is bad"}}]


def _changed(**changes: Any) -> dict[str, Any]:
    return {**FACTS, **changes}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"edgecls": "1.2.4"}, 'edgecls was "1.2.3", is "1.2.4"'),
        ({"model": {"name": "colors", "sha256": "cd34"}}, 'sha256 was "ab12", is "cd34"'),
        ({"options": {"format": "json", "top": 2}}, "top was 1, is 2"),
        ({"relative_to": "/home"}, 'relative_to was null, is "/home"'),
    ],
)
def test_a_folder_goes_on_only_with_the_same_model_options_and_version(
    changes: dict[str, Any], said: str, tmp_path: Path
) -> None:
    OutputFolder.open(tmp_path, FACTS).close()
    OutputFolder.open(tmp_path, FACTS).close()

    with pytest.raises(DistributedError, match=said):
        OutputFolder.open(tmp_path, _changed(**changes))

    OutputFolder.open(tmp_path, FACTS).close()  # the refusal has let go of it


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "holiday.png").write_bytes(b"")

    with pytest.raises(DistributedError, match=r"'holiday.png' for one, and no manifest.json"):
        OutputFolder.open(tmp_path, FACTS)

    assert [path.name for path in tmp_path.iterdir()] == ["holiday.png"]


def test_only_one_process_writes_at_a_time(tmp_path: Path) -> None:
    first = OutputFolder.open(tmp_path, FACTS)

    with pytest.raises(DistributedError, match="another run is writing there"):
        OutputFolder.open(tmp_path, FACTS)

    first.close()
    OutputFolder.open(tmp_path, FACTS).close()


def test_finished_parts_say_what_is_done_and_the_next_takes_the_next_number(tmp_path: Path) -> None:
    folder = OutputFolder.open(tmp_path, FACTS)
    folder.write(ROWS)
    folder.close()
    (tmp_path / ".0a1b2c3d-part-000002.jsonl").write_text('{"image": "c.png", "la')  # as a kill leaves it

    folder = OutputFolder.open(tmp_path, FACTS)
    done = list(folder.finished())
    folder.write([{"image": "c.png", "label": "blue"}])
    folder.finish(images=3, errors=1)
    folder.close()

    assert done == [("a.png", True), ("b.png", False)]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "manifest.json",
        "part-000001.jsonl",
        "part-000002.jsonl",
    ]
    finished = json.loads((tmp_path / "manifest.json").read_text())["finished"]
    assert (finished["images"], finished["errors"], finished["parts"]) == (3, 1, 2)
    OutputFolder.open(tmp_path, FACTS).close()  # what is finished may be gone on with


def test_a_damaged_part_is_named(tmp_path: Path) -> None:
    folder = OutputFolder.open(tmp_path, FACTS)
    (tmp_path / "part-000001.jsonl").write_text('{"image": "a.p')

    with pytest.raises(DistributedError, match=r"cannot read the part .*part-000001.jsonl"):
        list(folder.finished())

    folder.close()


def test_parquet_keeps_columns_that_only_some_predictions_have(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs edgecls[ray]")
    folder = OutputFolder.open(tmp_path, _changed(options={"format": "parquet"}))

    folder.write([{**ROWS[0], "familiarity": 0.5}, ROWS[1]])
    done = list(folder.finished())
    folder.close()

    table = parquet.read_table(tmp_path / "part-000001.parquet")
    assert table.column("familiarity").to_pylist() == [0.5, None]
    assert table.column("error").to_pylist() == [None, {"type": "ImageError", "message": "it is bad"}]
    assert done == [("a.png", True), ("b.png", False)]


def test_parquet_has_typed_columns_for_what_no_row_of_a_part_has(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    facts = _changed(options={"format": "parquet", "embeddings": True})
    folder = OutputFolder.open(tmp_path, facts)
    folder.write(ROWS[1:])
    folder.write([{"image": "c.png", "known": False, "reason": "unlike", "familiarity": 0.25, "embedding": [0.5, 2.0]}])
    folder.close()

    parts = [parquet.read_table(path) for path in sorted(tmp_path.glob("part-*"))]

    assert parts[0].schema.equals(parts[1].schema)
    assert str(parts[0].schema.field("embedding").type) == "list<element: float>"
    assert [part["embedding"].to_pylist() for part in parts] == [[None], [[0.5, 2.0]]]
    assert parts[1]["reason"].to_pylist() == ["unlike"]
