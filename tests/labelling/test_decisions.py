"""Decisions on labels: which files move where, what is refused before the first one moves, and how it is undone."""

import csv
from pathlib import Path

import pytest

from edgecls.dataset.checks.quarantine import MANIFEST_NAME, restore
from edgecls.errors import DatasetError, OutputError
from edgecls.labelling.decisions import COLUMNS, Applied, apply_decisions, decisions_csv
from edgecls.labelling.review import Review


def _files(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def _csv(path: Path, *rows: tuple[str, ...], header: str = "path,decision,label") -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(header + "\n")
        csv.writer(file).writerows(rows)
    return path


def _labels(root: Path) -> list[str]:
    return sorted(folder.name for folder in root.iterdir())


def test_images_are_relabelled_removed_and_brought_back(mislabelled: Path, tmp_path: Path) -> None:
    first, second, third = _labels(mislabelled)
    before = _files(mislabelled)
    decided = _csv(
        tmp_path / "d.csv",
        (f"{second}/wrong.png", "relabel", first),
        (str(mislabelled / first / "copy.png"), "remove", ""),
        (f"{third}/照片 03.png", " Keep ", ""),
        (f"{third}/照片 04.png", "", ""),
    )

    applied = apply_decisions(mislabelled, decided, tmp_path / "out")

    assert applied == Applied(kept=1, relabelled=1, removed=1, undecided=1, done_before=0)
    after = _files(mislabelled)
    assert after[f"{first}/wrong.png"] == before[f"{second}/wrong.png"]
    assert set(before) - set(after) == {f"{second}/wrong.png", f"{first}/copy.png"}
    assert (tmp_path / "out" / first / "copy.png").read_bytes() == before[f"{first}/copy.png"]
    assert apply_decisions(mislabelled, decided, tmp_path / "out").done_before == 2
    restored = restore(tmp_path / "out")
    assert len(restored.moved) == 2
    assert _files(mislabelled) == before


def test_a_reviews_own_csv_can_be_filled_in(review: Review, mislabelled: Path, tmp_path: Path) -> None:
    first, second, _ = _labels(mislabelled)
    rows = list(csv.DictReader(decisions_csv(review).splitlines()))
    assert tuple(rows[0]) == COLUMNS
    filled = []
    for row in rows:
        inner = Path(row["path"]).relative_to(review.data)
        filled.append((str(inner), row["suggested"], "relabel" if inner.name == "wrong.png" else "keep"))

    applied = apply_decisions(
        mislabelled, _csv(tmp_path / "d.csv", *filled, header="path,suggested,decision"), tmp_path / "out"
    )

    assert applied.relabelled == 1
    assert (mislabelled / first / "wrong.png").exists()
    assert not (mislabelled / second / "wrong.png").exists()


def test_a_name_that_is_taken_gets_a_number(mislabelled: Path, tmp_path: Path) -> None:
    first, second, _ = _labels(mislabelled)
    name = "照片 05.png"
    before = _files(mislabelled)

    apply_decisions(mislabelled, _csv(tmp_path / "d.csv", (f"{second}/{name}", "relabel", first)), tmp_path / "out")

    after = _files(mislabelled)
    assert after[f"{first}/{name}"] == before[f"{first}/{name}"]
    assert after[f"{first}/照片 05-2.png"] == before[f"{second}/{name}"]


def test_images_stay_in_their_split(mislabelled: Path, tmp_path: Path) -> None:
    root = tmp_path / "divided"
    for split in ("train", "val"):
        for folder in sorted(mislabelled.iterdir()):
            (root / split / folder.name).mkdir(parents=True)
            for index, path in enumerate(sorted(folder.iterdir())[:6]):
                if (index % 3 == 0) == (split == "val"):
                    (root / split / folder.name / path.name).write_bytes(path.read_bytes())
    first, second, _ = _labels(root / "val")
    moved = sorted((root / "val" / second).iterdir())[0]

    apply_decisions(root, _csv(tmp_path / "d.csv", (str(moved), "relabel", first)), tmp_path / "out")

    assert not moved.exists()
    assert [path.name for path in (root / "val" / first).iterdir() if path.name.startswith(moved.stem)]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("{second}/wrong.png", "relable", "{first}"), "line 3 .* decision 'relable'.*did you mean relabel"),
        (("{second}/wrong.png", "relabel", "nothing"), "line 3 .* 'nothing', which the dataset does not have"),
        (("{second}/wrong.png", "relabel", "{second}"), "the label it has"),
        (("{second}/wrong.png", "relabel", ""), "line 3 .* gives no label"),
        (("{second}/other.png", "remove", ""), r"1 image\(s\) .* are not in .*other.png' \(line 3\)"),
        (("", "remove", ""), "line 3 .* has no path"),
        (("{third}/照片 02.png", "keep", ""), "lines 2 and 3 .* decide differently"),
    ],
    ids=["word", "label", "same label", "no label", "missing", "no path", "twice"],
)
def test_a_wrong_line_is_refused_before_anything_moves(
    row: tuple[str, ...], message: str, mislabelled: Path, tmp_path: Path
) -> None:
    names = dict(zip(("first", "second", "third"), _labels(mislabelled), strict=True))
    before = _files(mislabelled)
    good = (f"{names['third']}/照片 02.png", "remove", "")
    decided = _csv(tmp_path / "d.csv", good, tuple(cell.format(**names) for cell in row))

    with pytest.raises(DatasetError, match=message):
        apply_decisions(mislabelled, decided, tmp_path / "out")

    assert _files(mislabelled) == before
    assert not (tmp_path / "out" / MANIFEST_NAME).exists()


def test_moving_needs_a_folder_outside(mislabelled: Path, tmp_path: Path) -> None:
    _, second, _ = _labels(mislabelled)
    decided = _csv(tmp_path / "d.csv", (f"{second}/wrong.png", "remove", ""))

    with pytest.raises(DatasetError, match="--quarantine DIR"):
        apply_decisions(mislabelled, decided, None)
    with pytest.raises(OutputError, match="it is in the dataset"):
        apply_decisions(mislabelled, decided, mislabelled / "out")
    assert (mislabelled / second / "wrong.png").exists()


def test_a_list_is_refused(mislabelled: Path, tmp_path: Path) -> None:
    listed = tmp_path / "list.csv"
    listed.write_text("path,label\n", encoding="utf-8")

    with pytest.raises(DatasetError, match="it is a list"):
        apply_decisions(listed, _csv(tmp_path / "d.csv", ("a.png", "remove", "")), tmp_path / "out")


def test_files_of_spreadsheets_are_read(mislabelled: Path, tmp_path: Path) -> None:
    _, second, _ = _labels(mislabelled)
    decided = tmp_path / "d.csv"
    decided.write_bytes(f"\ufeffPath;Decision\r\n{second}/wrong.png;REMOVE\r\n".encode())

    assert apply_decisions(mislabelled, decided, tmp_path / "out").removed == 1


def test_other_columns_are_refused(mislabelled: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="columns 'path' and 'decision'"):
        apply_decisions(mislabelled, _csv(tmp_path / "d.csv", header="image,verdict"), tmp_path / "out")
