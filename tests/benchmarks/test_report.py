"""The documents cite what was measured: every figure in them comes from a result file."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
sys.path.append(str(REPOSITORY / "benchmarks" / "report"))

from citations import cited_phrases, replace_cited  # noqa: E402
from document import render  # noqa: E402
from figures import FigureError, Results  # noqa: E402
from tables import TABLES  # noqa: E402

from edgecls.commands.options import BUNDLED_MODEL  # noqa: E402
from edgecls.modelfile import read_model  # noqa: E402


@pytest.fixture
def results(tmp_path: Path) -> Results:
    (tmp_path / "speed.json").write_text(
        '{"machine": {"processor": "P", "usable_cores": 2, "python": "3.11", "packages": {"numpy": "2"},'
        ' "revision": "abc", "time": "2026-01-02T03:04:05Z"}, "rounds": 5, "seconds": {"ours": [0.3, 0.1, 0.2]},'
        ' "gain": {"value": 2.16, "low": 2.1, "high": 2.25}, "rows": [{"model": "a.onnx", "n": 1, "mb": 3.5},'
        ' {"model": "a, b", "n": 1, "mb": 4}]}'
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
        ("speed.rows[model=a, b,n=1].mb:.1f", "4.0"),
    ],
)
def test_an_expression_gives_the_figure(results: Results, expression: str, shown: str) -> None:
    assert results.figure(expression) == shown


def test_the_table_of_a_gpu_leaves_open_what_was_not_measured(tmp_path: Path) -> None:
    """As `make bench-gpu` does it: not all stands beside PyTorch, and not every network runs as a CUDA graph."""
    value = {"value": 100.0, "low": 90.0, "high": 110.0}
    rate = {"batch": 1, "per_s": {"edgecls": value}, "of_copied": value}
    rows = {
        "float32": {
            "rates": [{**rate, "per_s": {"edgecls": value, "graph": value}}],
            "torch": {"rates": [{"batch": 1, "per_s": {"eager": [3.0, 4.0, 5.0], "traced": [7.0]}}]},
        },
        "TF32": {"rates": [rate], "torch": {"failed": "it was not asked for"}},
        "float16": {"failed": "out of memory"},
    }
    found = {"machine": {}, "architecture": "resnet18", "provider": "tensorrt", "rows": rows}
    (tmp_path / "gpu_inference_resnet18_tensorrt.json").write_text(json.dumps(found))

    lines = TABLES["gpu_inference_mobilenet_v2"](Results(tmp_path)).splitlines()

    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    assert [(row[0], row[1], *row[5:9]) for row in cells] == [
        ("resnet18, tensorrt", "float32", "100", "4", "7", ""),
        ("resnet18, tensorrt", "TF32", "", "", "", ""),
    ]


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("slow.rounds", "there is no 'slow'"),
        ("speed.seconds.theirs|median", "there is no 'theirs'"),
        ("speed.rows[n=2].mb", "0 entries have n=2"),
        ("speed.seconds.ours|mean", "'mean' is not one of median"),
        ("speed|", "is not written like"),
    ],
)
def test_an_expression_without_a_figure_is_refused(results: Results, expression: str, reason: str) -> None:
    with pytest.raises(FigureError, match=reason):
        results.figure(expression)


def test_a_cited_figure_is_replaced_and_the_rest_is_left(results: Results) -> None:
    text = "It is 9.9\n  times as fast: 9.99 (1.00 to 9.00), or 9.9 otherwise."
    phrases = ["is {speed.gain.value:.1f} times as fast", "fast: {speed.gain}, or"]

    replaced = replace_cited(text, phrases, results.figure)

    assert replaced == "It is 2.2\n  times as fast: 2.16 (2.10 to 2.25), or 9.9 otherwise."


@pytest.mark.parametrize("text", ["Nothing of the kind.", "It is 2.2 s here, and it is 2.2 s there."])
def test_words_that_do_not_occur_exactly_once_are_refused(results: Results, text: str) -> None:
    with pytest.raises(FigureError, match=r"occurs [02] times"):
        replace_cited(text, ["is {speed.gain.value:.1f} s"], results.figure)


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


_TIME = r"ms|µs|microseconds?|milliseconds?|s|seconds?|minutes?|秒|毫秒"
_SIZE = r"[kKMG]i?B|bytes"
_UNIT = rf"(?:{_TIME}|/s|{_SIZE}|%|per cent|times as|times faster|[x×] faster|percentage points|倍)"
_PART = r"(?<![\d.])[01]\.\d{2,}(?![\d.])"  # such as an accuracy
_FIGURE = re.compile(rf"\d[\d.,]*\s?(?:images|photos|requests)?{_UNIT}(?!\w)|{_PART}|\btwice as (?:fast|small|much)\b")

_RULES = {
    "docs/explanation/familiarity.md": ["98 %", "99 %"],
    "docs/how-to/adopt.md": ["larger than 2000 MB"],
    "docs/explanation/architecture.md": ["(8 MiB)"],
    "docs/reference/architectures.md": ["Keras has 0.999"],
    "docs/how-to/bench.md": ["95 %", "wider than 15 %", "by 3 % or more", "within 10 %"],
    "docs/how-to/classical-models.md": ["256 bytes"],
    "docs/how-to/data-check-and-split.md": ["by 0.93 or more"],
    "docs/how-to/evaluation.md": ["95 % confidence interval", "at most 5 %", "most 0.95", "accepts 98 %"],
    "docs/how-to/exporting.md": [
        "160 kB per label",
        "205 kB for five labels",
        "98 % is the default",
        "(98 % takes 49)",
    ],
    "docs/reference/model-format.md": ["less than 3 kB"],
    "docs/how-to/pretrained-weights.md": ["| 17 MB |", "| 20 MB |", "| 23 MB |", "within 5 seconds"],
    "docs/how-to/quantizing.md": [
        "at least 0.02 (float16: 0.01)",
        "more than 0.25",
        "at least 0.02 (float16: 0.005)",
        "0.025) is not",
    ],
    "docs/how-to/quick-training.md": ["at most 96 MB"],
    "docs/how-to/running.md": ["accepts 95 %"],
    "docs/how-to/serving-grpc.md": ["| ", "more than 2 s"],
    "docs/how-to/serving-operations.md": [
        "up to 0.1 seconds",
        "up to 30 seconds",
        "and 256 MiB of",
        "more than 64 MiB",
    ],
    "docs/reference/http.md": ["more than 64 MiB", "At most 8 MiB", "4 bytes, little-endian", "at least 1 KiB"],
    "docs/how-to/serving.md": ["| ", "for at most 25 s"],
    "docs/how-to/training.md": ["| "],
    "docs/how-to/tuning.md": ["within 3 %"],
    "docs/how-to/video.md": ["| 10s |", "again after 0.5 s"],
}
"""Limits, defaults and rules, which are no measurements: lines with one of these texts."""


PAGES = sorted(
    path.relative_to(REPOSITORY).as_posix() for path in REPOSITORY.glob("docs/**/*.md") if "_build" not in path.parts
)
WRITTEN_OR_COMPUTED = ("docs/benchmarks.md", "docs/how-to/scaling.md")
"""Written from the results, or computed from them: test_fleet.py does the arithmetic of scaling.md again."""


def _uncited_figures(document: str, text: str) -> list[str]:
    """Return the lines with a figure that looks measured and comes from no result."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"`[^`\n]*`", "", text)
    return [
        line
        for line in text.splitlines()
        if _FIGURE.search(line) and not any(rule in line for rule in _RULES.get(document, []))
    ]


@pytest.mark.parametrize(
    "line",
    [
        "It takes 3 ms.",
        "accuracy 0.943",
        "2.1 times as fast",
        "300 MB",
        "快 2 倍",
        "twice as fast",
        "225 bytes",
        "301 images/s",
    ],
)
def test_a_figure_that_comes_from_no_result_is_found(line: str) -> None:
    assert _uncited_figures("README.md", line) == [line]


@pytest.mark.parametrize("line", ["`--max 3 s`", "version 1.26.4", "3.11 or newer"])
def test_what_is_not_a_measurement_is_left_alone(line: str) -> None:
    assert _uncited_figures("README.md", line) == []


@pytest.mark.parametrize(
    "document",
    ["README.md", "README.zh-CN.md", *PAGES],
)
def test_documents_have_no_figure_that_comes_from_no_result(document: str) -> None:
    if document not in WRITTEN_OR_COMPUTED:
        text = (REPOSITORY / document).read_text(encoding="utf-8")
        without_cited = replace_cited(text, cited_phrases().get(document, []), lambda _: "")
        assert _uncited_figures(document, without_cited) == []


@pytest.mark.parametrize("document", sorted(_RULES))
def test_every_rule_stands_in_its_document(document: str) -> None:
    text = (REPOSITORY / document).read_text(encoding="utf-8")

    assert [rule for rule in _RULES[document] if rule not in text] == []


def test_the_bundled_model_of_the_results_is_the_one_that_is_shipped() -> None:
    measured = Results(REPOSITORY / "benchmarks" / "results")["bundled_model"]

    assert measured["network_sha256"] == read_model(BUNDLED_MODEL).network_sha256
