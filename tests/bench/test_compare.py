"""Comparing made-up measurements: what is beyond the noise, and what is not."""

from typing import Any

import pytest
from made_up_benchmark import NOISY, STEADY, made_up_document

from edgecls.bench.compare import Comparison, Verdict, compare
from edgecls.bench.document import recorded_from


def _compare(baseline: dict[str, Any], current: dict[str, Any]) -> Comparison:
    return compare(recorded_from(baseline, name="baseline"), recorded_from(current, name="current"))


@pytest.mark.parametrize(
    ("baseline", "current", "verdict"),
    [
        ({}, {}, Verdict.LEVEL),
        ({}, {"slowness": 1.2}, Verdict.SLOWER),
        ({}, {"slowness": 0.8}, Verdict.FASTER),
        ({}, {"slowness": 1.02}, Verdict.LEVEL),
        ({}, {"slowness": 0.98}, Verdict.LEVEL),
        ({"shape": NOISY}, {"shape": NOISY, "slowness": 1.2}, Verdict.NOISY),
        ({"shape": NOISY}, {"shape": STEADY}, Verdict.NOISY),
        ({"shape": NOISY}, {"shape": NOISY, "slowness": 5}, Verdict.SLOWER),
        ({}, {"shape": STEADY[:4], "slowness": 2}, Verdict.NOISY),
        ({}, {"machine_slowness": 1.5}, Verdict.LEVEL),
        ({}, {"machine_slowness": 1.5, "slowness": 1.2}, Verdict.SLOWER),
        ({"machine_slowness": 1.5}, {}, Verdict.LEVEL),
        ({"machine_slowness": 1.5, "slowness": 1.2}, {}, Verdict.FASTER),
    ],
    ids=[
        "the same",
        "slower beyond the noise",
        "faster beyond the noise",
        "slower by too little to matter",
        "faster by too little to matter",
        "slower within the noise",
        "the same, one of them noisy",
        "slower beyond much noise",
        "slower, from too few rounds",
        "the machine was slower as a whole",
        "the machine was slower, and edgecls too",
        "the machine was slower baseline",
        "the machine was slower baseline, and edgecls too",
    ],
)
def test_every_figure_gets_the_verdict_that_it_deserves(
    baseline: dict[str, Any], current: dict[str, Any], verdict: Verdict
) -> None:
    found = _compare(made_up_document(**baseline), made_up_document(**current))

    assert [row.verdict for row in found.rows] == [verdict] * 3
    assert [row.what for row in found.slower] == [row.what for row in found.rows if verdict is Verdict.SLOWER]


def test_a_row_tells_both_times_and_the_ratio() -> None:
    row = _compare(made_up_document(), made_up_document(slowness=1.5)).rows[0]

    assert row.what == "花, cpu, 1 image at a time, back-to-back"
    assert (row.baseline_ms, row.current_ms) == (pytest.approx(10), pytest.approx(15))
    assert row.ratio.low <= row.ratio.value <= row.ratio.high
    assert row.ratio.value == pytest.approx(1.5)


def test_what_was_measured_one_time_only_is_named() -> None:
    found = _compare(made_up_document(settings=["a", "b"]), made_up_document(settings=["b", "c"]))

    assert found.only_in_baseline == ("花, a, back-to-back", "花, a, paced")
    assert found.only_in_current == ("花, c, back-to-back", "花, c, paced")
    assert [row.what for row in found.rows] == ["花, b, back-to-back", "花, b, paced", "花, cpu, start"]


def test_nothing_in_common_is_no_verdict() -> None:
    baseline = {**made_up_document(settings=["a"]), "placements": []}

    assert _compare(baseline, made_up_document(settings=["b"])).rows == ()


def test_another_machine_other_versions_networks_and_images_are_named() -> None:
    current = made_up_document(processor="Abacus", packages={"numpy": "2.1", "click": "8"})
    current["models"][0]["network_sha256"] = "f00d"
    current["images"]["sha256"] = "dead"
    current["pace_s"] = 1

    assert _compare(made_up_document(), current).differences == (
        "processor: was Slide Rule 3, is Abacus",
        "click: was None, is 8",
        "numpy: was 2.0, is 2.1",
        "花: another network",
        "other images",
        "pace: was 0.1 s, is 1 s",
    )


def test_another_time_and_revision_are_no_differences() -> None:
    assert _compare(made_up_document(), made_up_document(time="1971", revision="v2")).differences == ()
