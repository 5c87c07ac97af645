"""Does the simulation of queues agree with a real server?

`edgecls serve` gets photos at times that do not depend on its answers (an open loop, as many clients together are), at
several parts of what it can do, the last beyond that. The access log has how long each request waited, and how long it
took otherwise; /metrics has how long threads worked on all of them. The simulation gets the same arrivals and the
times that threads worked, in their order, and has to say how long requests wait and how many are refused. Client and
server share the cores.

    python benchmarks/fleet_load.py [--seconds 8] [--parts 0.3,0.5,0.7,0.9,1.4] [--max-waiting 64] [--plot FILE.png]
"""

import argparse
import asyncio
import json
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from fleet_queue import Autoscaler, PodShape, arrivals_at, burst_rate, simulate
from measure import write_results
from server_load import write_images
from socket_load import post_from_sockets

from edgecls.commands.options import BUNDLED_MODEL
from edgecls.runtime.machine.cores import usable_cores

BURST = {"pods": 5, "rate": 2000.0, "factor": 2.5, "from_s": 60.0, "for_s": 120.0, "until_s": 300.0}
CALIBRATION_S = 6.0
LOG_S = 1.0  # the log is written by a thread of its own, every tenth of a second


@dataclass(frozen=True)
class Waits:
    """How long requests waited for a thread, and how many were refused."""

    mean_ms: float
    p50_ms: float
    p99_ms: float
    refused: float


def _waits(waits_s: Sequence[float] | np.ndarray[Any, Any], refused: int) -> Waits:
    waits_ms = np.asarray(waits_s) * 1000
    p50, p99 = np.percentile(waits_ms, [50, 99])
    values = (waits_ms.mean(), p50, p99, refused / (refused + len(waits_ms)))
    return Waits(*(round(float(value), 4) for value in values))


async def _post(address: tuple[str, int], head: bytes, body: bytes, idle: list[Any]) -> None:
    """Send one request over a connection that is free, or a new one."""
    reader, writer = idle.pop() if idle else await asyncio.open_connection(*address)
    writer.write(head + body)
    lines = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
    length = next(int(line.partition(b":")[2]) for line in lines if line.lower().startswith(b"content-length"))
    await reader.readexactly(length)
    if any(line.lower() == b"connection: close" for line in lines):
        writer.close()
    else:
        idle.append((reader, writer))


async def _send(address: tuple[str, int], body: bytes, arrivals_s: Sequence[float], part: str) -> list[float]:
    """Send a request at each of these times; return when they were really sent."""
    idle: list[Any] = []
    sent_s: list[float] = []
    began_s = time.monotonic() + 0.1
    async with asyncio.TaskGroup() as sending:
        for number, arrival_s in enumerate(arrivals_s):
            await asyncio.sleep(max(0.0, began_s + arrival_s - time.monotonic()))
            sent_s.append(time.monotonic() - began_s)
            head = f"POST /predict HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: {part}-{number}\r\n"
            head += f"Content-Type: image/jpeg\r\nContent-Length: {len(body)}\r\n\r\n"
            sending.create_task(_post(address, head.encode(), body, idle))
    for _, writer in idle:
        writer.close()
    return sent_s


def _measure(url: str, log: Path, image: Path, *, rate: float, seconds: float, part: str, shape: PodShape) -> Any:
    """Return what the server did with a part of the load, and what the simulation says of the same requests."""
    arrivals = arrivals_at(lambda _: rate, until_s=seconds, most=rate, seed=len(part) + round(rate))
    place = urlsplit(url)
    address = (place.hostname or "", place.port or 0)
    before_s = _worked_s(url)
    sent_s = asyncio.run(_send(address, image.read_bytes(), arrivals.tolist(), part))
    time.sleep(LOG_S)
    entries = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    mine = {int(entry["id"].partition("-")[2]): entry for entry in entries if entry["id"].startswith(f"{part}-")}
    answered = [mine[number] for number in sorted(mine) if mine[number]["status"] == 200]
    others_ms = np.array([max(0.0, entry["duration_ms"] - entry["queue_ms"]) for entry in answered])
    mean_s = (_worked_s(url) - before_s) / len(answered)
    times = iter((others_ms * (mean_s / others_ms.mean())).tolist())  # without what arriving and answering take
    found = simulate(sent_s, lambda: next(times, mean_s), shape=shape)
    return {
        "part": float(part),
        "rate": round(rate, 1),
        "requests": len(mine),
        "latest_ms": round(1000 * float(np.max(np.array(sent_s) - arrivals)), 1),
        "compute_ms": round(mean_s * 1000, 3),
        "measured": asdict(_waits([entry["queue_ms"] / 1000 for entry in answered], len(mine) - len(answered))),
        "simulated": asdict(_waits(found.waits_s, len(found.refused_s))),
    }


def _worked_s(url: str) -> float:
    """Return how long threads of a server have worked on all requests so far."""
    with urllib.request.urlopen(url.replace("/predict", "/metrics")) as answer:
        text = answer.read().decode()
    found = re.findall(
        r'^edgecls_stage_duration_seconds_sum\{.*stage="(?:decode|infer|rest)".*\} (\S+)$', text, re.MULTILINE
    )
    return sum(map(float, found))


def _burst() -> dict[str, list[float]]:
    """Return the waits and refusals of a burst with an autoscaler, second by second."""
    rate = burst_rate(BURST["rate"], BURST["factor"], from_s=BURST["from_s"], for_s=BURST["for_s"])
    arrivals = arrivals_at(rate, until_s=BURST["until_s"], most=BURST["rate"] * BURST["factor"], seed=1)
    found = simulate(arrivals, lambda: 0.00303, pods=int(BURST["pods"]), autoscaler=Autoscaler(most=50))
    seconds = np.arange(0, BURST["until_s"], 1.0)
    counts = [np.histogram(times, [*seconds, BURST["until_s"]])[0] for times in (found.arrivals_s, found.refused_s)]
    pods = [[count for at_s, count in found.pods if at_s <= second][-1] for second in seconds]
    return {
        "second": seconds.tolist(), "answered": counts[0].tolist(), "refused": counts[1].tolist(), "pods": pods
    }  # fmt: skip


def plot_png(rows: list[dict[str, Any]], burst: dict[str, list[float]]) -> bytes:
    """Draw waits, measured and simulated, and a burst that an autoscaler follows."""
    from edgecls.plots.figure import COLORS, figure, png_bytes

    with figure(9.0, 3.4) as made:
        left, right = made.subplots(1, 2)
        parts = [row["part"] for row in rows]
        for name, color in (("p50_ms", COLORS[0]), ("p99_ms", COLORS[1])):
            label = name.removesuffix("_ms")
            floor = 0.01
            left.plot(
                parts,
                [max(floor, row["measured"][name]) for row in rows],
                "o-",
                color=color,
                label=f"{label}, measured",
            )
            left.plot(
                parts,
                [max(floor, row["simulated"][name]) for row in rows],
                "x--",
                color=color,
                label=f"{label}, simulated",
            )
        left.set_yscale("log")
        left.yaxis.set_major_formatter("{x:g}")
        left.set_xlabel("offered load, relative to what the server can do")
        left.set_ylabel("wait for a thread, ms")
        left.set_title("One server, measured and simulated")
        left.legend(fontsize=7.5)
        right.plot(burst["second"], burst["answered"], color=COLORS[2], label="answered/s")
        right.plot(burst["second"], burst["refused"], color=COLORS[3], label="refused/s (503)")
        right.set_xlabel("seconds")
        right.set_ylabel("images/s")
        right.set_title("A burst, autoscaled (simulated)")
        pods = right.twinx()
        pods.step(burst["second"], burst["pods"], where="post", color=COLORS[7], linewidth=1.0, label="pods")
        pods.set_ylim(0)
        pods.locator_params(axis="y", integer=True)
        pods.grid(visible=False)
        pods.set_ylabel("pods")
        lines = [*right.get_lines(), *pods.get_lines()]
        right.legend(lines, [line.get_label() for line in lines], fontsize=7.5, loc="center right")
        return png_bytes(made)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--parts", default="0.3,0.5,0.7,0.9,1.4")
    parser.add_argument("--max-waiting", type=int, default=64)
    parser.add_argument("--model", type=Path, default=BUNDLED_MODEL)
    parser.add_argument("--plot", type=Path, help="where to draw it")
    given = parser.parse_args()
    shape = PodShape(usable_cores(), given.max_waiting)
    with tempfile.TemporaryDirectory() as folder:
        image, log = write_images(Path(folder))["photo"], Path(folder) / "access.log"
        command = [sys.executable, "-m", "edgecls", "serve", str(given.model), "--provider", "cpu", "--port", "0"]
        command += ["--max-waiting", str(given.max_waiting), "--access-log", str(log)]
        server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            assert server.stderr is not None
            url = next(line.split()[-1] for line in server.stderr if line.startswith("listening on "))
            next(line for line in server.stderr if line.startswith("ready: "))
            url += "/predict"
            posted = post_from_sockets(url, image, "image/jpeg", connections=2 * shape.slots, seconds=CALIBRATION_S)
            print(f"The server answers {posted.per_s:.0f} images/s at most, client included.\n")
            print(
                "| load | images/s | compute ms | wait: mean | p50 | p99 | refused | simulated | p50 | p99 | refused |"
            )
            print("|" + " --- |" * 11)
            rows = []
            for part in given.parts.split(","):
                rate = float(part) * posted.per_s
                row = _measure(url, log, image, rate=rate, seconds=given.seconds, part=part, shape=shape)
                rows.append(row)
                cells = [
                    f"{one['mean_ms']:.2f} | {one['p50_ms']:.2f} | {one['p99_ms']:.1f} | {one['refused']:.1%}"
                    for one in (row["measured"], row["simulated"])
                ]
                print(f"| {part} | {row['rate']:.0f} | {row['compute_ms']:.2f} | {' | '.join(cells)} |", flush=True)
        finally:
            server.terminate()
            server.wait()
    burst = _burst()
    write_results("fleet_load", {"capacity_per_s": round(posted.per_s, 1), "rows": rows})
    if given.plot is not None:
        given.plot.write_bytes(plot_png(rows, burst))


if __name__ == "__main__":
    main()
