"""The arithmetic of a fleet: by hand, its bounds, and that the document shows what the script prints."""

import json
import re
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from fleet import Demand, Measured, Policy, break_even_per_s, fleet_of, lines_of, main, measured_from
from fleet_queue import Autoscaler, arrivals_at, burst_rate, mdc_wait_s, simulate
from machines import QUOTED

ROOT = Path(__file__).parents[2]
ROUND = Measured(
    cpu_ms=4.0,
    decode_ms=1.0,
    memory_mb=100.0,
    start_s=0.5,
    image_kb=50.0,
    answer_kb=1.0,
    log_bytes=300.0,
    install_mb=300.0,
)


def test_a_fleet_is_what_one_gets_by_hand() -> None:
    fleet = fleet_of(ROUND, Demand(1000, 1e9), Policy(0.5, 0.25, cores_each=2, zones=1, price_core_hour=0.1))

    assert (fleet.per_core_s, fleet.busy_cores, fleet.pods, fleet.cores) == (250, 4, 4, 8)
    assert fleet.memory_gb == pytest.approx(0.4)
    assert fleet.in_gbit_s == pytest.approx(0.4)
    assert fleet.out_mbit_s == pytest.approx(8)
    assert fleet.images_tb == pytest.approx(50)
    assert fleet.log_tb == pytest.approx(0.3)
    assert fleet.rollout_gb == pytest.approx(1.2)
    assert fleet.core_hours_per_million == pytest.approx(4000 / 3600 / 0.25)
    assert fleet.cost_per_million == pytest.approx(4000 / 3600 / 0.25 * 0.1)
    assert fleet.cost_per_month == pytest.approx(4000 / 3600 / 0.25 * 0.1 * 1000)


@pytest.mark.parametrize(("zones", "pods"), [(1, 4), (2, 8), (3, 6), (5, 5)])
def test_with_one_zone_lost_the_others_carry_the_peak(zones: int, pods: int) -> None:
    fleet = fleet_of(ROUND, Demand(1000, 1e9), Policy(0.5, 0.5, cores_each=2, zones=zones))

    assert fleet.pods == pods
    assert fleet.pods * (zones - 1 if zones > 1 else 1) / zones >= 4


def test_without_a_price_there_is_no_cost() -> None:
    fleet = fleet_of(ROUND, Demand(1000, 1e9), Policy())

    assert (fleet.cost_per_million, fleet.cost_per_month) == (None, None)
    assert not any("cost" in line for line in lines_of(ROUND, Demand(1000, 1e9), Policy()))


def test_a_gpu_pays_once_it_saves_as_many_cores_as_it_costs() -> None:
    rate = break_even_per_s(ROUND, price_core_hour=0.1, price_gpu_hour=3.0)

    assert rate * (ROUND.cpu_ms - ROUND.decode_ms) / 1000 * 0.1 == pytest.approx(3.0)


@pytest.mark.parametrize(
    "options",
    [{"utilisation": 0.0}, {"utilisation": 1.2}, {"mean_utilisation": -1.0}, {"cores_each": 0}, {"zones": 0}],
    ids=lambda options: next(iter(options)),
)
def test_a_policy_that_cannot_be_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="at "):
        Policy(**options)  # type: ignore[arg-type]


def test_a_wrong_option_ends_with_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--utilisation", "1.5"])

    assert "utilisation must be above 0 and at most 1, got 1.5" in capsys.readouterr().err


def test_the_document_shows_what_the_script_prints(capsys: pytest.CaptureFixture[str]) -> None:
    document = (ROOT / "docs" / "how-to" / "scaling.md").read_text(encoding="utf-8")

    main([])
    printed = capsys.readouterr().out.strip()
    main(["--price-core-hour", "0.04"])
    priced = capsys.readouterr().out.strip().splitlines()

    assert printed in document
    assert all(line in document for line in priced[-2:])


def _burst(**changed: float) -> str:
    """Return the part of requests that is refused in the burst of the document, as a percentage."""
    pods, start_s, scaled = int(changed.get("pods", 5)), changed.get("start_s", 30), changed.get("scaled", 1)
    arrivals = arrivals_at(burst_rate(2000, 2.5, from_s=60, for_s=120), until_s=300, most=5000, seed=1)
    scaler = Autoscaler(most=50, start_s=start_s) if scaled else None
    found = simulate(arrivals, lambda: 0.00303, pods=pods, autoscaler=scaler)
    return f"{100 * found.refused:.2g} %"


def test_the_document_has_the_figures_that_the_arithmetic_gives() -> None:
    document = re.sub(r"\s+", " ", (ROOT / "docs" / "how-to" / "scaling.md").read_text(encoding="utf-8"))
    measured, cpu_s = measured_from(), 0.00303
    waits = [1000 * mdc_wait_s(busy * 2 / cpu_s, cpu_s, 2) for busy in (0.5, 0.6, 0.8, 0.9, 0.95)]
    demand = Demand(10_000, 10e9)
    prices = {"price_core_hour": 0.04, "price_gpu_hour": 2.0}
    loads = json.loads((QUOTED / "fleet_load.json").read_text(encoding="utf-8"))["rows"]
    p99s = [[f"{row[kind]['p99_ms']:.0f}" for row in loads] for kind in ("measured", "simulated")]
    refused = [[f"{100 * row[kind]['refused']:.0f} %" for row in loads[-2:]] for kind in ("measured", "simulated")]

    at = " %, ".join(f"{wait:.1f} at {busy}" for wait, busy in zip(waits[1:4], (60, 80, 90), strict=True))
    measured_ms, simulated_ms = (f"{', '.join(values[:-1])} and {values[-1]} ms" for values in p99s)
    lost = [" and ".join(values) for values in refused]
    for phrase in (
        f"wait is {waits[0]:.1f} ms at 50 %, {at} % and {waits[4]:.0f} at 95 %",
        f"with eight, {1000 * mdc_wait_s(0.8 * 8 / cpu_s, cpu_s, 8):.1f} ms at 80 %",
        f"(`--zones 1`) {fleet_of(measured, demand, Policy(zones=1)).pods} pods",
        f"first answer comes {measured.start_s:.2f} s after",
        f"that is {break_even_per_s(measured, **prices):,.0f} images/s from one GPU",
        f"still takes {break_even_per_s(measured, **prices) * measured.decode_ms / 1000:.0f} cores",
        f"{round(10e9 * measured.cpu_ms / 3.6e6, -2):,.0f} core-hours",
        f"256 x {1000 * cpu_s:.2f} ms / 2 cores",
        f"wait was {measured_ms}; simulated {simulated_ms}",
        f"Refused were {lost[0]} at the last two; simulated {lost[1]}",
        f"| a fixed number of 5 pods | {_burst(scaled=0)} of all requests |",
        f"| the autoscaler, 30 s from decision to a pod that serves | {_burst()} |",
        f"| the autoscaler, 5 s (image on every node) | {_burst(start_s=5)} |",
    ):
        assert phrase in document
    assert _burst(pods=8) == "0 %"


def test_the_figures_are_those_that_were_measured() -> None:
    measured = measured_from()

    assert 0 < measured.decode_ms < measured.cpu_ms
    assert measured.image_kb > measured.answer_kb
