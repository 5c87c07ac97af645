"""What fleet of servers does a load need, and what does it cost?

Arithmetic over measured figures: by default server_load.json of the machine that documents quote (benchmarks/results),
with the bundled model and photos of 500 x 375 pixels. Prices are yours; without one, costs are core-hours.
docs/how-to/scaling.md explains each line.

    python benchmarks/fleet.py [--peak 10000] [--month 10e9] [--price-core-hour 0.04] [--help]
"""

import argparse
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from machines import QUOTED

__all__ = ["Demand", "Fleet", "Measured", "Policy", "break_even_per_s", "fleet_of", "lines_of", "measured_from"]

RESULTS = QUOTED / "server_load.json"
MONTH_S = 365.25 / 12 * 86400
ROW = {"model": "flowers", "image": "00000", "form": "raw", "connections": 8}


@dataclass(frozen=True)
class Measured:
    """What one server was measured to need.

    Attributes:
        cpu_ms: CPU time of the server per image, reading the request and writing the answer included.
        decode_ms: What of that goes into decoding and resizing, which a GPU does not take over.
        memory_mb: Memory of one process.
        start_s: From the start of a process to its first answer, its files in the page cache.
        image_kb: Size of an image as it is sent.
        answer_kb: Size of an answer with its head.
        log_bytes: A line of the access log.
        install_mb: What a new node has to fetch.
    """

    cpu_ms: float
    decode_ms: float
    memory_mb: float
    start_s: float
    image_kb: float
    answer_kb: float
    log_bytes: float
    install_mb: float


@dataclass(frozen=True)
class Demand:
    """What is asked of the fleet.

    Attributes:
        peak_per_s: Images a second at the busiest time.
        month: Images a month.
    """

    peak_per_s: float
    month: float


@dataclass(frozen=True)
class Policy:
    """How the fleet is run.

    Attributes:
        utilisation: The part of its cores that is busy at the peak; the rest takes up bursts.
        mean_utilisation: The part that is busy on average over the month; nights are paid for too.
        cores_each: Cores of a pod.
        zones: Zones that the pods are spread over; one may fail at the peak. 1 for no such reserve.
        price_core_hour: Price of a core for an hour, in any currency; None if unknown.
    """

    utilisation: float = 0.6
    mean_utilisation: float = 0.4
    cores_each: int = 2
    zones: int = 3
    price_core_hour: float | None = None

    def __post_init__(self) -> None:
        for name in ("utilisation", "mean_utilisation"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} must be above 0 and at most 1, got {getattr(self, name)}")
        if self.cores_each < 1 or self.zones < 1:
            raise ValueError("a pod has at least 1 core, and there is at least 1 zone")


@dataclass(frozen=True)
class Fleet:
    """A fleet and what it takes.

    Attributes:
        per_core_s: Images a second that one busy core serves.
        busy_cores: Cores that are busy at the peak.
        pods: Pods at the peak, those included that stand in for a failed zone.
        cores: Their cores.
        memory_gb: Their memory.
        in_gbit_s: Network into the fleet at the peak.
        out_mbit_s: Network out of it.
        mean_per_s: Images a second on average over the month.
        images_tb: All images of a month, if they are stored.
        log_tb: Lines of the access log of a month.
        rollout_gb: What all pods fetch for a new version.
        core_hours_per_million: Core-hours that a million images cost, idle time included.
        cost_per_million: The same as a price; None without one.
        cost_per_month: All images of a month; None without a price.
    """

    per_core_s: float
    busy_cores: float
    pods: int
    cores: int
    memory_gb: float
    in_gbit_s: float
    out_mbit_s: float
    mean_per_s: float
    images_tb: float
    log_tb: float
    rollout_gb: float
    core_hours_per_million: float
    cost_per_million: float | None
    cost_per_month: float | None


def measured_from(results: Path = RESULTS) -> Measured:
    """Return the figures that benchmarks/server_load.py and its neighbours have measured on the CPU.

    Args:
        results: What it has written; decode_and_fit.json and install_size.json lie beside it.
    """
    served = json.loads(results.read_text(encoding="utf-8"))
    row = next(row for row in served["rows"] if all(row[key] == value for key, value in ROW.items()))
    decoding = json.loads((results.parent / "decode_and_fit.json").read_text(encoding="utf-8"))
    photo = next(one for one in decoding["rows"] if (one["image"], one["side"]) == ("500x375", 224))
    installed = json.loads((results.parent / "install_size.json").read_text(encoding="utf-8"))
    return Measured(
        cpu_ms=row["cpu_ms_a_request"],
        decode_ms=photo["milliseconds"]["edgecls"],
        memory_mb=row["pss_mb"],
        start_s=served["first_answer_s"]["flowers"],
        image_kb=photo["bytes"] / 1000,
        answer_kb=1.0,
        log_bytes=350,
        install_mb=installed["bytes"] / 1e6,
    )


def fleet_of(measured: Measured, demand: Demand, policy: Policy) -> Fleet:
    """Return the fleet that a demand needs."""
    cpu_s = measured.cpu_ms / 1000
    busy_cores = demand.peak_per_s * cpu_s
    pods = math.ceil(_rounded(busy_cores / policy.utilisation / policy.cores_each))
    if policy.zones > 1:
        pods = policy.zones * math.ceil(pods / (policy.zones - 1))
    core_hours = 1e6 * cpu_s / 3600 / policy.mean_utilisation
    price = policy.price_core_hour
    return Fleet(
        per_core_s=1 / cpu_s,
        busy_cores=busy_cores,
        pods=pods,
        cores=pods * policy.cores_each,
        memory_gb=pods * measured.memory_mb / 1000,
        in_gbit_s=demand.peak_per_s * measured.image_kb * 8e-6,
        out_mbit_s=demand.peak_per_s * measured.answer_kb * 8e-3,
        mean_per_s=demand.month / MONTH_S,
        images_tb=demand.month * measured.image_kb * 1e-9,
        log_tb=demand.month * measured.log_bytes * 1e-12,
        rollout_gb=pods * measured.install_mb / 1000,
        core_hours_per_million=core_hours,
        cost_per_million=None if price is None else core_hours * price,
        cost_per_month=None if price is None else core_hours * price * demand.month / 1e6,
    )


def break_even_per_s(measured: Measured, *, price_core_hour: float, price_gpu_hour: float) -> float:
    """Return the images a second from which on a GPU is cheaper than cores, all of it at full use.

    Decoding stays on cores, so the GPU saves the rest of the CPU time only.
    """
    saved_core_s = (measured.cpu_ms - measured.decode_ms) / 1000
    return price_gpu_hour / price_core_hour / saved_core_s


def _rounded(value: float) -> float:
    """Return a number without the error of its last digits, so that 10.000000001 pods are 10."""
    return round(value, 6)


def lines_of(measured: Measured, demand: Demand, policy: Policy) -> Iterator[str]:
    """Yield the fleet as the rows of a table in Markdown."""
    fleet = fleet_of(measured, demand, policy)
    yield "| what | for | how |"
    yield "| --- | --- | --- |"
    rows = [
        ("images a second, one core", f"{fleet.per_core_s:.0f}", f"1 / {measured.cpu_ms:.2f} ms of CPU time, measured"),
        (
            "busy cores at the peak",
            f"{fleet.busy_cores:.1f}",
            f"{demand.peak_per_s:,.0f} images/s x {measured.cpu_ms:.2f} ms",
        ),
        (
            "pods",
            f"{fleet.pods}",
            f"of {policy.cores_each} cores, {policy.utilisation:.0%} busy"
            + (f", with one of {policy.zones} zones lost" if policy.zones > 1 else ""),
        ),
        ("cores", f"{fleet.cores}", "of all pods"),
        ("memory", f"{fleet.memory_gb:.1f} GB", f"{measured.memory_mb:.0f} MB a process, measured"),
        ("network in", f"{fleet.in_gbit_s:.1f} Gbit/s", f"{measured.image_kb:.0f} kB an image"),
        ("network out", f"{fleet.out_mbit_s:.0f} Mbit/s", f"{measured.answer_kb:.0f} kB an answer"),
        ("images a second, mean", f"{fleet.mean_per_s:,.0f}", f"{demand.month:,.0f} a month"),
        ("images of a month", f"{fleet.images_tb:,.0f} TB", "if they are stored"),
        ("access log of a month", f"{fleet.log_tb:.1f} TB", f"{measured.log_bytes:.0f} bytes a line"),
        ("fetched for a new version", f"{fleet.rollout_gb:.0f} GB", f"{measured.install_mb:.0f} MB a pod, measured"),
        (
            "core-hours per million images",
            f"{fleet.core_hours_per_million:.2f}",
            f"{measured.cpu_ms:.2f} ms each, cores {policy.mean_utilisation:.0%} busy on average",
        ),
    ]
    if fleet.cost_per_million is not None and fleet.cost_per_month is not None:
        given = f"at {policy.price_core_hour:g} a core-hour, which is your figure"
        rows += [
            ("cost per million images", f"{fleet.cost_per_million:.3f}", given),
            ("cost of a month", f"{fleet.cost_per_month:,.0f}", given),
        ]
    yield from (f"| {what} | {value} | {how} |" for what, value, how in rows)


def main(arguments: Sequence[str] | None = None) -> None:
    measured, policy = measured_from(), Policy()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peak", type=float, default=10_000, help="images a second at the busiest time")
    parser.add_argument("--month", type=float, default=10e9, help="images a month")
    parser.add_argument("--cpu-ms", type=float, default=measured.cpu_ms, help="CPU time per image, in ms")
    parser.add_argument("--decode-ms", type=float, default=measured.decode_ms, help="what of it is decoding")
    parser.add_argument("--memory-mb", type=float, default=measured.memory_mb, help="memory of a process")
    parser.add_argument("--image-kb", type=float, default=measured.image_kb, help="size of an image")
    parser.add_argument("--answer-kb", type=float, default=measured.answer_kb, help="size of an answer")
    parser.add_argument("--utilisation", type=float, default=policy.utilisation, help="busy part of cores at the peak")
    parser.add_argument("--mean-utilisation", type=float, default=policy.mean_utilisation, help="the same on average")
    parser.add_argument("--cores-each", type=int, default=policy.cores_each, help="cores of a pod")
    parser.add_argument("--zones", type=int, default=policy.zones, help="zones, of which one may fail")
    parser.add_argument("--price-core-hour", type=float, help="what a core costs for an hour")
    parser.add_argument("--price-gpu-hour", type=float, help="what a GPU costs for an hour: prints the break-even")
    given = parser.parse_args(arguments)
    try:
        policy = Policy(given.utilisation, given.mean_utilisation, given.cores_each, given.zones, given.price_core_hour)
    except ValueError as error:
        parser.error(str(error))
    measured = Measured(
        given.cpu_ms, given.decode_ms, given.memory_mb, measured.start_s, given.image_kb, given.answer_kb,
        measured.log_bytes, measured.install_mb,
    )  # fmt: skip
    print("\n".join(lines_of(measured, Demand(given.peak, given.month), policy)))
    if given.price_gpu_hour is not None:
        if given.price_core_hour is None:
            parser.error("--price-gpu-hour needs --price-core-hour")
        rate = break_even_per_s(measured, price_core_hour=given.price_core_hour, price_gpu_hour=given.price_gpu_hour)
        print(f"\nA GPU pays from {rate:,.0f} images/s on, decoding left to cores.")


if __name__ == "__main__":
    main()
