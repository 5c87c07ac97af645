"""How long does `edgecls export` take, and how much memory, for a large network and for one of many layers?

VGG16 has 138 million weights, NASNetMobile a thousand layers. The baseline is tf2onnx alone: load
the .keras file, convert, serialise, without verifying anything. Every run is a process of its own. Processor
time is given in addition to wall-clock time, as other programs disturb it less.

    python benchmarks/export.py [--rounds 5] [--networks VGG16 NASNetMobile]

Earlier results of networks that are not measured again stay.
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from measure import byte_compile, earlier_results, machine_facts, write_results

from edgecls import image
from edgecls.measuring.turns import ratio_of, take_turns

SAMPLES = 8
IMAGENET_LABELS = 1000

MAKE = """
import sys, keras
keras.utils.set_random_seed(0)
getattr(keras.applications, sys.argv[1])(weights=None).save(sys.argv[2])
"""

BASELINE = """
import sys, keras, tensorflow, tf2onnx
model = keras.models.load_model(sys.argv[1], compile=False)
signature = [tensorflow.TensorSpec(model.inputs[0].shape, tensorflow.float32, name="image")]
proto, _ = tf2onnx.convert.from_keras(model, input_signature=signature, opset=18)
open(sys.argv[2], "wb").write(proto.SerializeToString())
"""


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--networks", nargs="+", default=["VGG16", "NASNetMobile"])
    arguments = parser.parse_args()
    byte_compile()
    machine = machine_facts()
    print(f"{machine['processor']}, {machine['usable_cores']} cores, {arguments.rounds} rounds, byte-compiled")
    results = _earlier(arguments.networks)
    with tempfile.TemporaryDirectory() as folder:
        samples, labels = write_samples(Path(folder))
        for network in arguments.networks:
            source = Path(folder) / f"{network}.keras"
            _run([sys.executable, "-c", MAKE, network, str(source)])
            target = str(Path(folder) / "out.onnx")
            edgecls = [str(Path(sys.executable).with_name("edgecls")), "export", str(source), "-o", target]
            commands = {
                "tf2onnx alone": [sys.executable, "-c", BASELINE, str(source), target],
                "edgecls export": [*edgecls, "--labels", labels, "--samples", samples, "--pixel-range", "0", "1"],
            }
            subjects = {name: _until_killed(command) for name, command in commands.items()}
            results[network] = dict(take_turns(subjects, rounds=arguments.rounds, warm_up=0))
            _report(network, results[network])
            if all(run for runs in results[network].values() for run in runs):
                seconds = ([run["cpu_seconds"] for run in results[network][name]] for name in reversed(list(commands)))
                results[network] |= {"cpu_ratio": asdict(ratio_of(*seconds))}
    print(f"wrote {write_results('export', {'rounds': arguments.rounds, 'networks': results})}")


def _earlier(measured: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the earlier results of this machine, without the networks that are measured now."""
    found = earlier_results("export").get("networks", {})
    return {network: taken for network, taken in found.items() if network not in measured}


def write_samples(folder: Path) -> tuple[str, str]:
    """Write a few images and 1,000 labels, and return the folder of the first and the file of the second."""
    rng = np.random.default_rng(0)
    (folder / "samples").mkdir()
    for index in range(SAMPLES):
        coarse = rng.integers(0, 256, (12, 12, 3), np.uint8)
        (folder / "samples" / f"{index}.png").write_bytes(image.encode_png(coarse.repeat(20, 0).repeat(20, 1)))
    (folder / "labels.txt").write_text("\n".join(f"label {index}" for index in range(IMAGENET_LABELS)))
    return str(folder / "samples"), str(folder / "labels.txt")


def _until_killed(command: list[str]) -> Callable[[], dict[str, float] | None]:
    """Return `_run` for a command, which is not run again once it was killed: that also empties the file cache."""
    is_killed = False

    def run() -> dict[str, float] | None:
        nonlocal is_killed
        taken = None if is_killed else _run(command)
        is_killed = taken is None
        return taken

    return run


def _run(command: list[str]) -> dict[str, float] | None:
    """Run a command and return its seconds on the clock, its processor seconds, and its peak memory in gigabytes.

    None if the system killed it, for want of memory.
    """
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode == -signal.SIGKILL:
        return None
    if process.returncode:
        raise SystemExit(errors.decode(errors="replace"))
    return {
        "seconds": round(time.perf_counter() - start, 2),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
        "peak_gb": round(usage.ru_maxrss * 1024 / 1e9, 2),
    }


def _report(network: str, taken: dict[str, list[dict[str, float] | None]]) -> None:
    done = {name: [run for run in runs if run] for name, runs in taken.items()}
    for name, runs in done.items():
        if len(runs) < len(taken[name]):
            print(f"{network:14} {name:15} killed for want of memory, and not run again")
        if not runs:
            continue
        figures = {key: [run[key] for run in runs] for key in runs[0]}
        print(
            f"{network:14} {name:15} {statistics.median(figures['seconds']):6.1f} s "
            f"(best {min(figures['seconds']):.1f}), "
            f"{statistics.median(figures['cpu_seconds']):6.1f} s of processor time, "
            f"peak {max(figures['peak_gb']):.2f} GB"
        )
    if not all(len(runs) == len(taken[name]) for name, runs in done.items()):
        return
    for key in ("seconds", "cpu_seconds"):
        ratio = ratio_of(*([run[key] for run in done[name]] for name in ("edgecls export", "tf2onnx alone")))
        print(f"{network:14} edgecls export / tf2onnx alone, {key}: {ratio}")


if __name__ == "__main__":
    main()
