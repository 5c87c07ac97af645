"""What people would use instead: the same bytes and the same model through other servers.

Every server answers with the same Python call, `Classifier.predict_bytes`, so that only the servers differ. Each is
installed into a virtual environment of its own (benchmarks/.peers, made when missing, from the package index).
In every round all of them are loaded in turn, in changing order, each between two samples of the in-process limit,
after the answer to the image was compared with that of the model itself. Then each gets the image at fixed rates
(benchmarks/open_loop.py), the same for all that are asked in the same form: 50 % and 80 % of what edgecls serves over
the first number of connections. edgecls's share of the limit in this round (in the first one it comes first), times the
limit at that moment, is that rate, so that all have equal load although the machine drifts. A peer that
cannot keep up with it shows that in its latency. A round of all of them takes about 8 minutes for each model with the
defaults (5 rounds of two models: 80 minutes), installing them 5 minutes and 5 GB.

    python benchmarks/peers/run.py [--rounds 5] [--seconds 3] [--connections 8,32] [--open-seconds 4]
        [--peers edgecls,fastapi,...]
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from environments import PACKAGES, environment, size_mb
from in_process_limit import measure_limit
from measure import byte_compile, machine_facts, write_results
from open_loop import PARTS, OpenLoad, rounds_of, run_open_loop
from server_load import write_images
from server_process import free_port, serving
from servers import PEERS, Peer
from small_model import write_small_model
from wrk_load import image_body, run_wrk

import edgecls
from edgecls.commands.options import BUNDLED_MODEL
from edgecls.measuring.turns import Estimate, median_of, ratio_of
from edgecls.runtime.machine.cores import usable_cores

SAME_WITHIN = 1e-4  # of a probability; builds of onnxruntime differ by less


@dataclass
class Samples:
    """What was measured of a peer with one model at one number of connections, a value for each round."""

    of_limit: list[float] = field(default_factory=list)
    per_s: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    pss_mb: list[float] = field(default_factory=list)
    start_s: list[float] = field(default_factory=list)
    opened: dict[float, list[OpenLoad]] = field(default_factory=lambda: {part: [] for part in PARTS})
    failed: int = 0


def _load(
    peer: Peer,
    model: Path,
    image: Path,
    samples: Mapping[int, Samples],
    ours: Mapping[int, Samples],
    *,
    seconds: float,
    open_seconds: float,
) -> None:
    """Start a peer, load it with each number of connections and at fixed rates, and stop it.

    Args:
        peer: Which one.
        model: What it serves.
        image: What it is asked.
        samples: Where what was measured goes.
        ours: The same of edgecls, asked in this form; empty if it is not measured.
        seconds: Of each load.
        open_seconds: Of each load at a fixed rate; 0 for none.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}{peer.path.format(model=model.stem)}"
    body, content_type = image_body(image.read_bytes(), peer.form)
    command = [str(part) for part in peer.command(environment(peer.environment), model, port)]
    with serving(command, url, body, content_type, environment=_environment_of(model)) as server:
        _check_answer(
            url,
            body,
            content_type,
            expected=edgecls.load(model, "cpu").predict_bytes(image.read_bytes()).probabilities,
        )
        run_wrk(url, body, content_type, connections=min(samples), seconds=1)  # warms up
        for connections, kept in samples.items():
            before = measure_limit(model, image, seconds=seconds / 2)
            load = run_wrk(url, body, content_type, connections=connections, seconds=seconds)
            kept.pss_mb.append(server.pss_mb())
            limit = (before + measure_limit(model, image, seconds=seconds / 2)) / 2
            kept.per_s.append(load.per_s)
            kept.of_limit.append(load.per_s / limit)
            kept.p99_ms.append(load.p99_ms)
            kept.start_s.append(server.start_s)
            kept.failed += load.failed
        if open_seconds:
            first = min(samples)
            reference = (ours.get(first) or samples[first]).of_limit or samples[first].of_limit
            for part, loads in samples[first].opened.items():
                limit = measure_limit(model, image, seconds=seconds / 2)
                rate = part * reference[-1] * limit
                loads.append(run_open_loop(url, body, content_type, rate=rate, seconds=open_seconds))


def _environment_of(model: Path) -> dict[str, str]:
    """Return the environment variables of a peer that serves a model, or prepares for it."""
    return {
        **os.environ,
        "EDGECLS_BENCH_MODEL": str(model),
        "RAY_DEDUP_LOGS": "0",
        "BENTOML_DO_NOT_TRACK": "1",
        "PYTHONPATH": str(Path(__file__).parent),
    }


def _prepare(peer: Peer, model: Path, image: Path) -> None:
    """Run what has to be run once before a peer serves a model.

    Raises:
        RuntimeError: It fails; with its last words.
    """
    if peer.before is None:
        return
    command = [str(part) for part in peer.before(environment(peer.environment), model, image)]
    done = subprocess.run(command, env=_environment_of(model), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{peer.before.__name__.strip('_')}: {done.stderr.strip()[-400:]}")
    print(f"{peer.name}: {done.stderr.strip()}")


def _ours(peer: Peer) -> Peer:
    """Return edgecls, asked in the same form as a peer."""
    return next(one for one in PEERS if one.environment == "edgecls" and one.form == peer.form)


def _check_answer(url: str, body: bytes, content_type: str, *, expected: Sequence[float]) -> None:
    """Compare the answer to an image with that of the model without a server.

    Raises:
        RuntimeError: It is another.
    """
    request = urllib.request.Request(url, data=body, headers={"Content-Type": content_type})
    with urllib.request.urlopen(request, timeout=30) as answer:
        told = json.load(answer)
    outputs = {output["name"]: output["data"] for output in told.get("outputs", ())}
    (first,) = told.get("predictions", [told])
    found = max(outputs["probabilities"]) if outputs else first["probability"]
    if abs(found - max(expected)) > SAME_WITHIN:
        raise RuntimeError(f"answers {found:.6f} where the model says {max(expected):.6f}")


def _row(peer: Peer, model: Path, connections: int, samples: Samples, ours: Samples | None) -> dict[str, Any]:
    row: dict[str, Any] = {
        "server": peer.name,
        "model": model.stem,
        "connections": connections,
        "per_s": [round(value, 1) for value in samples.per_s],
        "of_limit": asdict(median_of(samples.of_limit)),
        "p99_ms": round(statistics.median(samples.p99_ms), 2),
        "p99_ms_each": [round(value, 2) for value in samples.p99_ms],
        "pss_mb": round(statistics.median(samples.pss_mb), 1),
        "pss_mb_each": [round(value, 1) for value in samples.pss_mb],
        "first_answer_s": round(statistics.median(samples.start_s), 2),
        "first_answer_s_each": [round(value, 2) for value in samples.start_s],
        "failed": samples.failed,
        "environment_mb": round(size_mb(peer.environment), 0),
    }
    opened = {part: loads for part, loads in samples.opened.items() if loads}
    if opened:
        row["open"] = {str(part): rounds_of(loads) for part, loads in opened.items()}
    if ours is not None and ours is not samples:
        for part, loads in opened.items():
            ratio = ratio_of([load.p99_ms for load in ours.opened[part]], [load.p99_ms for load in loads])
            row["open"][str(part)]["p99_of_peer"] = asdict(ratio)
        pairs = {
            "edgecls_beside_it": (ours.of_limit, samples.of_limit),
            "p99_of_peer": (ours.p99_ms, samples.p99_ms),
            "pss_of_peer": (ours.pss_mb, samples.pss_mb),
            "first_answer_of_peer": (ours.start_s, samples.start_s),
        }
        row |= {name: asdict(ratio_of(mine, its)) for name, (mine, its) in pairs.items()}
    return row


def _measure(
    peers: Sequence[Peer],
    model: Path,
    image: Path,
    *,
    connections: Sequence[int],
    rounds: int,
    seconds: float,
    open_seconds: float,
    missing: dict[str, str],
) -> list[dict[str, Any]]:
    """Load all peers in turn, in a changing order; one that fails is noted in `missing` and left out from then on."""
    samples = {peer.name: {count: Samples() for count in connections} for peer in peers}
    order = random.Random(0)
    for index in range(rounds):
        in_order = order.sample(peers, len(peers))
        if index == 0:  # what the fixed rates are taken from
            in_order.sort(key=lambda peer: peer is not _ours(peer))
        for peer in in_order:
            if peer.name in missing:
                continue
            try:
                if index == 0:
                    _prepare(peer, model, image)
                ours = samples.get(_ours(peer).name, {})
                _load(peer, model, image, samples[peer.name], ours, seconds=seconds, open_seconds=open_seconds)
            except (RuntimeError, OSError, KeyError, ValueError, subprocess.SubprocessError) as error:
                missing[peer.name] = str(error)
                print(f"{peer.name}: {error}")
        print(f"{model.stem}: round {index + 1} of {rounds}", flush=True)
    measured = {name: taken for name, taken in samples.items() if name not in missing}
    rows = []
    for peer in peers:
        ours = measured.get(_ours(peer).name, {})
        for count, taken in measured.get(peer.name, {}).items():
            rows.append(_row(peer, model, count, taken, ours.get(count)))
            _print(rows[-1])
    return rows


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="of each load, whole ones")
    parser.add_argument("--open-seconds", type=float, default=4, help="of each load at a fixed rate; 0 for none")
    parser.add_argument("--connections", default="8,32")
    parser.add_argument("--peers", default=",".join(PACKAGES))
    arguments = parser.parse_args()
    peers = [peer for peer in PEERS if peer.environment in arguments.peers.split(",")]
    connections = [int(count) for count in arguments.connections.split(",")]
    byte_compile()
    machine = machine_facts()
    print(f"{machine['processor']}, {usable_cores()} cores, {arguments.rounds} rounds of {arguments.seconds:g} s")
    missing: dict[str, str] = {}
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["XDG_CACHE_HOME"] = str(Path(scratch) / "cache")  # what was tuned at other times does not count
        image = write_images(Path(scratch))["photo"]
        for model in (BUNDLED_MODEL, write_small_model(Path(scratch) / "small.onnx")):
            rows += _measure(
                peers,
                model,
                image,
                connections=connections,
                rounds=arguments.rounds,
                seconds=arguments.seconds,
                open_seconds=arguments.open_seconds,
                missing=missing,
            )
    results = {"rounds": arguments.rounds, "seconds": arguments.seconds, "rows": rows, "missing": missing}
    print(f"wrote {write_results('peers', results)}")


def _print(row: dict[str, Any]) -> None:
    beside = row.get("edgecls_beside_it")
    print(
        f"{row['server']:30} {row['model']:8} c{row['connections']:<4} {row['of_limit']['value']:.2f} of the limit  "
        f"p99 {row['p99_ms']:8.1f} ms  {row['pss_mb']:7.1f} MB  first answer {row['first_answer_s']:5.2f} s  "
        f"disk {row['environment_mb']:.0f} MB  failed {row['failed']}"
        + (f"  edgecls {Estimate(**beside)} of it" if beside else "")
        + "".join(
            f"\n    at {part}: {statistics.median(found['per_s']):.1f} of {statistics.median(found['rate']):.1f}/s  "
            f"p99 {statistics.median(found['p99_ms']):.1f} ms  failed {found['failed']}  client late {found['late']}"
            for part, found in row.get("open", {}).items()
        ),
        flush=True,
    )


if __name__ == "__main__":
    main()
