"""The arithmetic of a fleet: by hand, its bounds, and that the document shows what the script prints."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from fleet import Demand, Measured, Policy, break_even_per_s, fleet_of, lines_of, main, measured_from

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
    document = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")

    main([])
    printed = capsys.readouterr().out.strip()
    main(["--price-core-hour", "0.04"])
    priced = capsys.readouterr().out.strip().splitlines()

    assert printed in document
    assert all(line in document for line in priced[-2:])


def test_the_figures_are_those_that_were_measured() -> None:
    measured = measured_from()

    assert 0 < measured.decode_ms < measured.cpu_ms
    assert measured.image_kb > measured.answer_kb
