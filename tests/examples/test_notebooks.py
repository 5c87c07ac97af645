"""The notebooks of examples/ run, and show what is stored in them."""

import os
import re
from pathlib import Path

import pytest

if "EDGECLS_REQUIRE_NOTEBOOK" not in os.environ:
    for _package in ("nbclient", "ipykernel", "sklearn", "imagehash"):
        pytest.importorskip(_package, reason='needs pip install "edgecls[quick,dev]"')

import nbformat
from executed_notebook import executed
from nbformat import NotebookNode

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))
LARGEST = 200_000  # bytes
NEAR = 0.06  # of probabilities, and of the share of other numbers, from one machine to another
_NUMBER = re.compile(r"\d+\.\d+")


def _shown(cell: NotebookNode) -> list[str]:
    """Return the text of each output of a cell."""
    return [output["text"] if output.output_type == "stream" else output.data["text/plain"] for output in cell.outputs]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_no_cell_fails_and_the_outputs_are_those_that_are_stored(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_runtime = "EDGECLS_BROWSER_RUNTIME" in os.environ
    if not has_runtime:  # nothing may be fetched
        monkeypatch.setenv("EDGECLS_BROWSER_RUNTIME", str(tmp_path / "none.tgz"))
    stored = nbformat.read(path, as_version=4)

    found = executed(path, tmp_path)

    for before, after in zip(stored.cells, found.cells, strict=True):
        if before.cell_type != "code" or ("edgecls page" in before.source or '"page"' in before.source) > has_runtime:
            continue
        expected, shown = _shown(before), _shown(after)
        assert [_NUMBER.sub("#", text) for text in shown] == [_NUMBER.sub("#", text) for text in expected]
        for text, other in zip(expected, shown, strict=True):
            pairs = zip(map(float, _NUMBER.findall(text)), map(float, _NUMBER.findall(other)), strict=True)
            assert all(abs(one - two) <= NEAR * max(1, one) for one, two in pairs), (text, other)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_stored_notebook_is_small_and_says_nothing_of_the_machine_that_ran_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    code = [cell for cell in nbformat.reads(text, as_version=4).cells if cell.cell_type == "code"]

    assert path.stat().st_size < LARGEST
    assert not re.search(r"/(work|tmp|root|home|Users|opt)/|\\r|time_ms|execution\"|127\.0\.0\.1", text)
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert sum(bool(cell.outputs) for cell in code) > len(code) / 2
