"""How much of the machine does `edgecls serve` turn into answers?

The limit is what the same machine classifies without a server (benchmarks/in_process_limit.py), taken before and after
each load. On a GPU it is the smaller one of what all cores decode and what the GPU classifies in batches; the server
batches there as `edgecls tune` finds best, if --tune has that measure first. wrk posts one image again and again; it
shares the cores with the server.

With 8 connections, photos are also posted at 50 % and 80 % of the rate just reached, whatever the server does
(benchmarks/open_loop.py): closed loops such as wrk hide how long requests queue.

    python benchmarks/server_load.py [--rounds 5] [--seconds 3] [--connections 1,8,32,128]
        [--open-seconds 4] [--workers 1] [--provider cpu] [--model my.onnx]... [--name server_load]
        [--forms raw,multipart] [--tune SECONDS]
"""

import argparse
import functools
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from folder import write_photos
from in_process_limit import measure_limit
from measure import byte_compile, machine_facts, write_results
from open_loop import PARTS, OpenLoad, rounds_of, run_open_loop
from server_process import ServerProcess, free_port, serving
from small_model import write_small_model
from wrk_load import Load, image_body, run_load

from edgecls.commands.options import BUNDLED_MODEL
from edgecls.measuring.turns import ratio_of, take_turns
from edgecls.runtime.machine.cores import usable_cores

__all__ = ["edgecls_command", "write_images"]

QUEUEING_BOUND = "connections / throughput"
OPEN_FOR = (8, "00000", "raw")  # connections, image and form of the load that is also offered at fixed rates


def write_images(folder: Path) -> dict[str, Path]:
    """Write a photo of 500 x 375 and its thumbnail of 128 x 96; return them by name."""
    write_photos(folder, 1)
    photo = folder / "00000.jpg"
    pixels = cv2.imdecode(np.frombuffer(photo.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    small = cv2.resize(pixels, (128, 96), interpolation=cv2.INTER_AREA)
    thumbnail = folder / "thumbnail.jpg"
    thumbnail.write_bytes(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())
    return {"photo": photo, "thumbnail": thumbnail}


def edgecls_command(model: Path, port: int, *more: str, provider: str = "cpu") -> list[str]:
    """Return the command of the server under test."""
    serve = [sys.executable, "-m", "edgecls", "serve", "-m", str(model), "--provider", provider]
    return [*serve, "--port", str(port), *more]


def _measure(
    server: ServerProcess,
    model: Path,
    image: Path,
    form: str,
    *,
    connections: int,
    rounds: int,
    seconds: float,
    open_seconds: float,
    provider: str,
) -> dict[str, Any]:
    body, content_type = image_body(image.read_bytes(), form)
    threads = 1 if connections == 1 else None
    measure_half_limit = functools.partial(
        measure_limit, model, image, seconds=seconds / 2, threads=threads, provider=provider
    )

    parts = PARTS if (connections, image.stem, form) == OPEN_FOR and open_seconds else ()
    opened: dict[float, list[OpenLoad]] = {part: [] for part in parts}

    def load_between_limits() -> tuple[float, Load, float]:
        before, cpu_s = measure_half_limit(), server.cpu_s()
        load = run_load(server.url, body, content_type, connections=connections, seconds=seconds)
        cpu_s = server.cpu_s() - cpu_s
        limit = (before + measure_half_limit()) / 2
        for part, loads in opened.items():
            loads.append(run_open_loop(server.url, body, content_type, rate=part * load.per_s, seconds=open_seconds))
        return limit, load, 1000 * cpu_s / max(1.0, load.per_s * seconds)

    taken = take_turns({"load": load_between_limits}, rounds=rounds)["load"]
    limits, loads, cpu_ms = (list(figures) for figures in zip(*taken, strict=True))
    rates, p50, p99 = ([getattr(load, key) for load in loads] for key in ("per_s", "p50_ms", "p99_ms"))
    failed = sum(load.failed for load in loads)
    of_limit = ratio_of(rates, limits)
    of_cpu = ratio_of(cpu_ms, [1000 * (threads or usable_cores()) / limit for limit in limits])
    row = {
        "model": model.stem,
        "image": image.stem,
        "form": form,
        "connections": connections,
        "limit_per_s": [round(value, 1) for value in limits],
        "served_per_s": [round(value, 1) for value in rates],
        "of_limit": asdict(of_limit),
        "cpu_of_limit": asdict(of_cpu),
        "cpu_ms_a_request": round(statistics.median(cpu_ms), 3),
        "p50_ms": round(statistics.median(p50), 3),
        "p50_ms_each": [round(value, 3) for value in p50],
        "p99_ms": round(statistics.median(p99), 3),
        "p99_ms_each": [round(value, 3) for value in p99],
        "over_in_process_p50_ms": round(statistics.median(p50) - 1000 * connections / statistics.median(limits), 3),
        "p99_of_queueing_bound": round(
            statistics.median(p * rate / (1000 * connections) for p, rate in zip(p99, rates, strict=True)), 3
        ),
        "failed": failed,
        "pss_mb": round(server.pss_mb(), 1),
    }
    if opened:  # the first round warms up, as everywhere
        row["open"] = {str(part): rounds_of(loads[1:]) for part, loads in opened.items()}
    print(
        f"{model.stem:10} {image.stem:10} {form:10} c{connections:<4} {statistics.median(rates):8.1f}/s  "
        f"{of_limit} of the limit  p50 {row['p50_ms']} ms  p99 {row['p99_ms']} ms "
        f"({row['p99_of_queueing_bound']} of {QUEUEING_BOUND})  {row['cpu_ms_a_request']} ms CPU, "
        f"{of_cpu} of the limit's  "
        f"{row['pss_mb']} MB  failed {failed}",
        *(
            f"\n    at {part} of that: p50 {statistics.median(found['p50_ms']):.2f} ms  "
            f"p99 {statistics.median(found['p99_ms']):.2f} ms  failed {found['failed']}  client late {found['late']}"
            for part, found in row.get("open", {}).items()
        ),
        flush=True,
    )
    return row


def _tune(model: Path, provider: str, seconds: float) -> None:
    command = [sys.executable, "-m", "edgecls", "tune", str(model), "--provider", provider, "--seconds", f"{seconds:g}"]
    subprocess.run(command, check=True)


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="of each load, whole ones")
    parser.add_argument("--open-seconds", type=float, default=4, help="of each load at a fixed rate; 0 for none")
    parser.add_argument("--connections", default="1,8,32,128")
    parser.add_argument("--workers", type=int, default=1, help="processes of the server")
    parser.add_argument(
        "--provider", default="cpu", help="cuda: the limit is the smaller one of decoding and inference"
    )
    parser.add_argument("--model", type=Path, action="append", help="instead of the bundled and the small one")
    parser.add_argument("--forms", choices=["raw", "raw,multipart"], default="raw,multipart")
    parser.add_argument("--tune", type=float, metavar="SECONDS", help="run edgecls tune for so long before")
    parser.add_argument("--name", help="of the file of results")
    arguments = parser.parse_args()
    byte_compile()
    machine = machine_facts()
    print(f"{machine['processor']}, {usable_cores()} cores, {arguments.rounds} rounds of {arguments.seconds:g} s")
    rows, starts = [], {}
    workers = ["--workers", str(arguments.workers)] if arguments.workers > 1 else []
    untuned = [] if arguments.tune else ["--no-tuned"]
    name = f"server_load_{arguments.workers}_workers" if workers else "server_load"
    name += f"_{arguments.provider}" if arguments.provider != "cpu" else ""
    with tempfile.TemporaryDirectory() as scratch:
        images = write_images(Path(scratch))
        models = arguments.model or [BUNDLED_MODEL, write_small_model(Path(scratch) / "small.onnx")]
        for model in models:
            port = free_port()
            url = f"http://127.0.0.1:{port}/predict"
            photo = images["photo"].read_bytes()
            if arguments.tune:
                _tune(model, arguments.provider, arguments.tune)
            with serving(
                edgecls_command(model, port, *workers, *untuned, provider=arguments.provider),
                url,
                *image_body(photo, "raw"),
            ) as server:
                starts[model.stem] = round(server.start_s, 3)
                print(f"{model.stem}: first answer after {server.start_s:.2f} s")
                plans = [("photo", "raw", int(count)) for count in arguments.connections.split(",")]
                plans += [("photo", "multipart", 8)] if "multipart" in arguments.forms.split(",") else []
                plans += [("thumbnail", "raw", 8), ("thumbnail", "raw", 32)] if model.stem == "small" else []
                rows += [
                    _measure(
                        server,
                        model,
                        images[image],
                        form,
                        connections=connections,
                        rounds=arguments.rounds,
                        seconds=arguments.seconds,
                        open_seconds=arguments.open_seconds,
                        provider=arguments.provider,
                    )
                    for image, form, connections in plans
                ]
    results = {
        "load": "wrk" if shutil.which("wrk") else "sockets of Python's",
        "tuned": bool(arguments.tune),
        "rounds": arguments.rounds,
        "seconds": arguments.seconds,
        "first_answer_s": starts,
        "rows": rows,
    }
    print(f"wrote {write_results(arguments.name or name, results)}")


if __name__ == "__main__":
    main()
