"""The documents say what was measured: every figure in them comes from a result file."""

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
sys.path.append(str(REPOSITORY / "benchmarks" / "report"))

from document import render  # noqa: E402
from figures import FigureError, Results, fill_marks  # noqa: E402


@pytest.fixture
def results(tmp_path: Path) -> Results:
    (tmp_path / "speed.json").write_text(
        '{"machine": {"processor": "P", "usable_cores": 2, "python": "3.11", "packages": {"numpy": "2"},'
        ' "revision": "abc", "time": "2026-01-02T03:04:05Z"}, "rounds": 5, "seconds": {"ours": [0.3, 0.1, 0.2]},'
        ' "gain": {"value": 2.16, "low": 2.1, "high": 2.25}, "rows": [{"model": "a.onnx", "n": 1, "mb": 3.5}]}'
    )
    return Results(tmp_path)


@pytest.mark.parametrize(
    ("expression", "shown"),
    [
        ("speed.rounds", "5"),
        ("speed.seconds.ours|median*1000:.0f", "200"),
        ("speed.seconds.ours|min:.1f", "0.1"),
        ("speed.seconds.ours|count", "3"),
        ("speed.gain", "2.16 (2.10 to 2.25)"),
        ("speed.gain:.1f", "2.2 (2.1 to 2.2)"),
        ("speed.gain.value:.1f", "2.2"),
        ("speed.rows[model=a.onnx,n=1].mb:.1f", "3.5"),
    ],
)
def test_an_expression_gives_the_figure(results: Results, expression: str, shown: str) -> None:
    assert results.figure(expression) == shown


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("slow.rounds", "there is no 'slow'"),
        ("speed.seconds.theirs|median", "there is no 'theirs'"),
        ("speed.rows[n=2].mb", "0 entries have n=2"),
        ("speed.seconds.ours|mean", "'mean' is none of median"),
        ("speed|", "is not written like"),
    ],
)
def test_an_expression_without_a_figure_is_refused(results: Results, expression: str, reason: str) -> None:
    with pytest.raises(FigureError, match=reason):
        results.figure(expression)


def test_a_marked_figure_is_replaced_and_the_rest_is_left(results: Results) -> None:
    text = "So <!--measured speed.gain.value:.1f-->9.9<!--/--> times as fast, 9.9 otherwise."

    assert fill_marks(text, results) == (
        "So <!--measured speed.gain.value:.1f-->2.2<!--/--> times as fast, 9.9 otherwise."
    )


def test_a_section_without_its_result_says_how_to_measure_it(results: Results) -> None:
    page = render("# T\n\n## A?\n\n<!--result slow: python slow.py-->\n{{slow.x}}\n\n## B?\n\nText.\n", results)

    assert page == "# T\n\n## A?\n\nNot yet measured: `python slow.py`.\n\n## B?\n\nText.\n"


def test_a_section_tells_command_and_conditions(results: Results) -> None:
    page = render("## A?\n\n<!--result speed: python speed.py-->\n{{speed.gain}}\n\n{{slow.x}} is left out.\n", results)

    assert page == (
        "## A?\n\n`python speed.py`\n\n*P, 2 cores, 5 rounds; Python 3.11, numpy 2; 2026-01-02, revision abc*\n\n"
        "2.16 (2.10 to 2.25)\n"
    )


def test_documents_say_what_the_results_say() -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/report/run.py", "--check"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, f"run python benchmarks/report/run.py; it changes {done.stdout}{done.stderr}"
