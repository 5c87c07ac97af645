"""The documents cite what was measured: every figure in them comes from a result file."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
sys.path.append(str(REPOSITORY / "benchmarks" / "report"))
sys.path.append(str(REPOSITORY / "benchmarks"))

from citations import cited_phrases, replace_cited  # noqa: E402
from document import render  # noqa: E402
from figures import FigureError, Results  # noqa: E402
from machines import GIB, QUOTED, STORED, machine_key, memory_class_gb  # noqa: E402
from table import Table, side_by_side  # noqa: E402
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

    lines = str(TABLES["gpu_inference_efficientnet_lite0"](Results(tmp_path))).splitlines()

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
    page = render("# T\n\n## A?\n\n<!--result slow: python slow.py-->\n{{slow.x}}\n\n## B?\n\nText.\n", [results])

    assert page == "# T\n\n## A?\n\nNot yet measured: `python slow.py`.\n\n## B?\n\nText.\n"


def test_a_section_tells_command_and_conditions(results: Results) -> None:
    page = render(
        "## A?\n\n<!--result speed: python speed.py-->\n{{speed.gain}}\n\n{{slow.x}} is left out.\n", [results]
    )

    assert page == (
        "## A?\n\n`python speed.py`\n\n*P, 2 cores, 5 rounds; Python 3.11, numpy 2; 2026-01-02, revision abc*\n\n"
        "2.16 (2.10 to 2.25)\n"
    )


def test_a_figure_of_every_round_has_an_interval_and_one_of_older_results_stands_alone(tmp_path: Path) -> None:
    value = {"value": 0.5, "low": 0.4, "high": 0.6}
    row = {"model": "small", "image": "00000", "form": "raw", "connections": 8, "served_per_s": [90.0, 100.0, 110.0]}
    row |= {"of_limit": value, "p50_ms": 7.0, "p99_ms": 9.0, "p99_of_queueing_bound": 1.0, "pss_mb": 70.0, "failed": 0}
    newer = row | {"p99_ms_each": [8.0, 9.0, 10.0]}
    (tmp_path / "server_load.json").write_text(json.dumps({"machine": {}, "rows": [row, newer]}))

    lines = str(TABLES["server_load"](Results(tmp_path))).splitlines()[2:]

    assert [line.split(" | ")[4] for line in lines] == ["100 (90 to 110)"] * 2
    assert [line.split(" | ")[8] for line in lines] == ["9.0", "9.0 (8.0 to 10.0)"]


def test_loads_at_fixed_rates_have_a_table_and_results_without_them_none(tmp_path: Path) -> None:
    each = {"rate": [50.0] * 3, "per_s": [49.0, 50.0, 50.0], "p50_ms": [4.0] * 3, "late_p99_ms": [0.1] * 3, "failed": 0}
    value = {"value": 0.5, "low": 0.4, "high": 0.6}
    rows: list[dict[str, Any]] = [
        {"server": "ours", "model": "small", "open": {"0.5": {**each, "p99_ms": [9.0, 10.0, 11.0]}}},
        {"server": "theirs", "model": "small", "open": {"0.5": {**each, "p99_ms": [20.0] * 3, "p99_of_peer": value}}},
    ]
    template = "# T\n\n{{table peers.open}}\n\nText.\n"
    (tmp_path / "peers.json").write_text(json.dumps({"machine": {}, "rows": rows}))

    lines = render(template, [Results(tmp_path)]).splitlines()

    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    assert table[0][3:8] == ["requests/s", "answered/s", "p50 ms", "p99 ms", "edgecls / peer: p99"]
    assert [row[2] for row in table[2:]] == ["50 %", "50 %"]
    assert [row[6:8] for row in table[2:]] == [
        ["10.0 (9.0 to 11.0)", ""],
        ["20.0 (20.0 to 20.0)", "0.50 (0.40 to 0.60)"],
    ]
    for row in rows:
        del row["open"]
    (tmp_path / "peers.json").write_text(json.dumps({"machine": {}, "rows": rows}))
    assert render(template, [Results(tmp_path)]) == "# T\n\nText.\n"


SLOWER = (
    '{"machine": {"processor": "Q", "usable_cores": 4, "memory_gb": 8, "python": "3.12", "packages": {"numpy": "2"},'
    ' "revision": "def", "time": "2026-02-03T04:05:06Z"}, "rounds": 5, "seconds": {"ours": [0.6, 0.2, 0.4]},'
    ' "gain": {"value": 1.5, "low": 1.4, "high": 1.6}, "rows": [{"model": "a.onnx", "n": 1, "mb": 3.5}]}'
)


@pytest.fixture
def two_machines(results: Results, tmp_path: Path) -> list[Results]:
    """Those of `results` and of a slower machine, which alone has a result `other`."""
    (tmp_path / "stored" / "q-4-cores-8-gb").mkdir(parents=True)
    (tmp_path / "stored" / "p-2-cores").mkdir()
    (tmp_path / "stored" / "empty").mkdir()
    (tmp_path / "speed.json").rename(tmp_path / "stored" / "p-2-cores" / "speed.json")
    for name in ("speed", "other"):
        (tmp_path / "stored" / "q-4-cores-8-gb" / f"{name}.json").write_text(SLOWER)
    return Results.of_each_machine(tmp_path / "stored", first="p-2-cores")


def test_the_machine_that_is_quoted_comes_first(two_machines: list[Results]) -> None:
    assert [(one.key, one.machine) for one in two_machines] == [
        ("p-2-cores", "P, 2 cores"),
        ("q-4-cores-8-gb", "Q, 4 cores, 8 GB"),
    ]


def test_a_section_tells_the_conditions_and_figures_of_every_machine(two_machines: list[Results]) -> None:
    page = render(
        "# T\n\n{{machines}}\n\n## A?\n\n<!--result speed: python speed.py-->\n"
        "It is {{speed.gain}} in {{speed.rounds}} rounds, {{speed.rows[model=a, b].mb}} MB.\n",
        two_machines,
    )

    assert page == (
        "# T\n\n- **A**: P, 2 cores\n- **B**: Q, 4 cores, 8 GB\n\n"
        "## A?\n\n`python speed.py`\n\n"
        "**A**: *P, 2 cores, 5 rounds; Python 3.11, numpy 2; 2026-01-02, revision abc*\n\n"
        "**B**: *Q, 4 cores, 5 rounds; Python 3.12, numpy 2; 2026-02-03, revision def*\n\n"
        "It is A 2.16 (2.10 to 2.25), B 1.50 (1.40 to 1.60) in 5 rounds, 4 MB.\n"
    )


def test_a_result_of_one_machine_alone_says_of_which(two_machines: list[Results]) -> None:
    page = render("## A?\n\n<!--result other: python o.py-->\nIt is {{other.gain}}.\n", two_machines)

    assert page == (
        "## A?\n\n`python o.py`\n\n**B**: *Q, 4 cores, 5 rounds; Python 3.12, numpy 2; 2026-02-03, revision def*\n\n"
        "It is 1.50 (1.40 to 1.60).\n"
    )


def test_one_machine_needs_no_list_of_machines(results: Results) -> None:
    assert render("# T\n\n{{machines}}\n\nText.\n", [results]) == "# T\n\nText.\n"


def test_of_a_figure_that_no_machine_has_the_report_fails(two_machines: list[Results]) -> None:
    with pytest.raises(FigureError, match="there is no 'loss'"):
        render("{{speed.loss}}", two_machines)


def test_few_figures_stand_in_columns_side_by_side() -> None:
    first = Table(["network", "ms"], [["a", 1], ["b", 2]])
    second = Table(["network", "ms"], [["b", 20], ["c", 30]])

    assert side_by_side({"A": first, "B": second}).splitlines() == [
        "| network | ms (A) | ms (B) |",
        "| --- | --- | --- |",
        "| a | 1 |  |",
        "| b | 2 | 20 |",
        "| c |  | 30 |",
    ]


def test_many_figures_stand_in_rows_below_each_other() -> None:
    head = ["network", "form", *"123456"]
    first = Table(head, [["a", "raw", *range(6)], ["b", "raw", *range(6)]], keys=2, after="- one")
    second = Table(head, [["b", "raw", *range(6)]], keys=2)

    assert side_by_side({"A": first, "B": second}).splitlines() == [
        "| network | form | machine | 1 | 2 | 3 | 4 | 5 | 6 |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        "| a | raw | A | 0 | 1 | 2 | 3 | 4 | 5 |",
        "| b | raw | A | 0 | 1 | 2 | 3 | 4 | 5 |",
        "| b | raw | B | 0 | 1 | 2 | 3 | 4 | 5 |",
        "",
        "A:",
        "",
        "- one",
    ]


def test_rows_about_the_same_are_paired_in_their_order() -> None:
    one, other = (Table(["n", "ms"], [["x", start], ["x", start + 1]]) for start in (1, 5))

    assert side_by_side({"A": one, "B": other}).splitlines()[2:] == ["| x | 1 | 5 |", "| x | 2 | 6 |"]


def test_tables_with_other_columns_stay_apart() -> None:
    one, other = Table(["n", "ms"], [["x", 1]]), Table(["n", "s"], [["x", 2]])

    assert side_by_side({"A": one, "B": other}) == f"A:\n\n{one}\n\nB:\n\n{other}"


@pytest.mark.parametrize(("reported_gib", "sold"), [(0.9, 1), (3.8, 4), (7.6, 8), (11.6, 12), (23.5, 24), (125, 128)])
def test_memory_is_told_by_the_size_in_which_it_is_sold(reported_gib: float, sold: int) -> None:
    assert memory_class_gb(int(reported_gib * GIB)) == sold


def test_a_machine_is_told_by_processor_cores_and_memory() -> None:
    facts = {"processor": "Intel(R) Xeon(R) CPU @ 2.20GHz", "usable_cores": 2, "memory_gb": 8, "system": "Linux"}

    assert machine_key(facts) == "intel-xeon-2.20ghz-2-cores-8-gb"
    assert machine_key(facts | {"system": "another"}) == machine_key(facts)
    assert len({machine_key(facts | {name: 4}) for name in ("usable_cores", "memory_gb")}) == 2
    assert machine_key(facts | {"memory_gb": None}) == "intel-xeon-2.20ghz-2-cores"


def test_results_of_another_machine_replace_none(tmp_path: Path) -> None:
    """A script writes into the folder of the machine that it runs on, whatever other machines have written."""
    script = (
        "import sys; sys.path.insert(0, 'benchmarks'); import machines, pathlib; machines.STORED = pathlib.Path({!r});"
        "import measure; measure.write_results('speed', {{'gain': 2}}); print(measure.machine_facts()['memory_gb'])"
    )
    elsewhere = tmp_path / "another-machine" / "speed.json"
    elsewhere.parent.mkdir()
    elsewhere.write_text("{}")

    environment = {name: value for name, value in os.environ.items() if name != "EDGECLS_BENCH_RESULTS"}
    subprocess.run([sys.executable, "-c", script.format(str(tmp_path))], cwd=REPOSITORY, env=environment, check=True)

    assert elsewhere.read_text() == "{}"
    (written,) = [path for path in tmp_path.glob("*/speed.json") if path != elsewhere]
    found = json.loads(written.read_text())
    assert (found["gain"], machine_key(found["machine"])) == (2, written.parent.name)


def test_every_stored_result_lies_in_the_folder_of_its_machine() -> None:
    for path in STORED.glob("*/*.json"):
        facts = json.loads(path.read_text(encoding="utf-8"))["machine"]
        assert path.parent.name.startswith(machine_key(facts)), path  # those of 2026-11-28 do not tell the memory


@pytest.mark.parametrize("document", sorted(cited_phrases()))
def test_a_document_names_the_machine_of_the_figures_that_it_cites(document: str) -> None:
    processor = Results(QUOTED)["server_load"]["machine"]["processor"]

    assert processor in (REPOSITORY / document).read_text(encoding="utf-8")


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
    "docs/how-to/desktop.md": ["20,000 images and 32 GiB; 512 MiB"],
    "docs/how-to/evaluation.md": ["95 % confidence interval", "at most 5 %", "most 0.95", "accepts 98 %"],
    "docs/how-to/exporting.md": [
        "160 kB per label",
        "205 kB for five labels",
        "98 % is the default",
        "(98 % takes 49)",
    ],
    "docs/reference/model-format.md": ["less than 3 kB"],
    "docs/how-to/providers-and-doctor.md": ["up to version 1.28 glibc", "up to version 1.23 macOS"],
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
    "docs/how-to/tuning.md": ["within 3 %", "for at most 10 s", "The 10 s include", "after 7 s", "allow 10 s a model"],
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
    measured = Results(QUOTED)["bundled_model"]

    assert measured["network_sha256"] == read_model(BUNDLED_MODEL).network_sha256
