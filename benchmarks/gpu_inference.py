"""What does a GPU make of a model: in float32, TF32 and float16, in batches, through edgecls and without it?

In every round the same batch of pixels goes through `Classifier.probabilities` and through loops on onnxruntime alone
(benchmarks/bound_loop.py): plain, bound to the device with pixels copied there, and bound with pixels that are there
already; on CUDA also replayed as a CUDA graph, where the network can be. Beside them stand PyTorch running the same
network from its .keras file (benchmarks/torch_inference.py), and the floor counted from arithmetic and bytes
(benchmarks/network_cost.py). Each precision runs in a process of its own, as TF32 is switched for a whole process. The
golden samples are checked at every batch size.

    edgecls quantize flowers.onnx -o flowers-fp16.onnx --calibrate images --fp16
    python benchmarks/gpu_inference.py flowers.onnx flowers-fp16.onnx [--keras flowers.keras] [--provider cuda]
    python benchmarks/gpu_inference.py --arch resnet50v2        # untrained, so for speed alone
        [--batches 1,2,4,8,16,32,64,128,256] [--rounds 7] [--peak-tflops 67,494.5,989.5] [--bandwidth-gbs 3350]
        [--precision TF32] [--torch-ways eager,traced,compiled]

With --precision the figures of the others stay as the file of results has them, so that each can be measured alone.
"""

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from bound_loop import graph_run, plain_runs, plain_session
from folder import write_photos
from measure import byte_compile, earlier_results, machine_facts, write_results
from network_cost import DevicePeak, floor_s, known_device, network_cost
from untrained_network import UNTRAINED_NAME, write_untrained

from edgecls.measuring.turns import median_of, ratio_of, time_rounds
from edgecls.modelfile import ACTIVATION_NAME, FEATURES_NAME, read_model
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.execution.gpu import this_machine
from edgecls.runtime.execution.ort import one_line, onnxruntime_errors
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.golden import check_golden
from edgecls.runtime.opening import load
from edgecls.runtime.optional_outputs import without_outputs

__all__ = ["PRECISIONS", "batch_sizes", "in_a_process", "measure_here", "time_filled_rounds"]

LEAST_ROUNDS = 5
PHOTOS = 16  # for an untrained network
PRECISIONS = ("float32", "TF32", "float16")
TF32_SWITCH = "NVIDIA_TF32_OVERRIDE"  # what NVIDIA's libraries look for; 0 forbids it


@dataclasses.dataclass(frozen=True)
class _Plan:
    """What is measured, for all precisions."""

    models: dict[str, Path]
    keras: Path | None
    provider: Provider
    batches: list[int]
    rounds: int
    torch_ways: str
    least_s: float


def time_filled_rounds(
    runs: Mapping[str, Callable[[], object]], first: str, *, rounds: int, least_s: float
) -> tuple[int, dict[str, list[float]]]:
    """Time rounds in which everything runs so often that one of the runs, `first`, takes at least so long.

    Returns:
        How often, and the seconds of each round by the runs' names.
    """
    repeats = max(1, round(least_s / min(time_rounds(runs, rounds=3, warm_up=3)[first])))

    def repeated(run: Callable[[], object]) -> Callable[[], object]:
        def repeat() -> None:
            for _ in range(repeats):
                run()

        return repeat

    return repeats, time_rounds({name: repeated(run) for name, run in runs.items()}, rounds=rounds)


def _rates(
    model: Path, classifier: Classifier, plain: Any, *, batch: int, rounds: int, least_s: float
) -> dict[str, Any]:
    pixels = np.random.default_rng(0).integers(0, 256, (batch, *classifier.card.image.shape_hwc), dtype=np.uint8)
    runs = {"edgecls": lambda: classifier.probabilities(pixels), **plain_runs(plain, classifier.provider, pixels)}
    graph_failed = None
    if classifier.provider is Provider.CUDA:
        try:
            runs["graph"] = graph_run(model, pixels)
        except onnxruntime_errors() as error:
            graph_failed = one_line(error)
    repeats, times = time_filled_rounds(runs, "edgecls", rounds=rounds, least_s=least_s)
    return {
        "batch": batch,
        "per_s": {
            name: dataclasses.asdict(median_of([batch * repeats / taken for taken in values]))
            for name, values in times.items()
        },
        **{
            f"of_{name}": dataclasses.asdict(ratio_of(times[name], times["edgecls"]))
            for name in runs
            if name != "edgecls"
        },
        "graph_failed": graph_failed,
    }


def measure_here(model: Path, provider: Provider, batches: list[int], rounds: int, least_s: float) -> dict[str, Any]:
    """Measure a model in this process and return its figures."""
    classifier = load(model, provider, batch_sizes=batches)
    golden = check_golden(classifier.card, classifier.probabilities, batch_sizes=batches)
    plain = plain_session(model, provider, batches)
    return {
        "provider": classifier.provider.value,
        "nodes": classifier.nodes,
        "golden_largest_difference": max(result.difference for result in golden),
        "golden_failed": [str(result) for result in golden if not result.passed],
        "rates": [_rates(model, classifier, plain, batch=batch, rounds=rounds, least_s=least_s) for batch in batches],
    }


def in_a_process(command: list[str], precision: str, device: str) -> dict[str, Any]:
    """Return what a script prints as JSON, or {"failed": the end of what it says} if it fails."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_TORCH_DEVICE": device}
    environment.pop(TF32_SWITCH, None)
    if precision != "TF32":
        environment[TF32_SWITCH] = "0"
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        return {"failed": done.stderr.strip()[-400:]}
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _measure(precision: str, plan: _Plan, peak: DevicePeak | None) -> dict[str, Any]:
    model = plan.models[precision]
    batches, rounds = ",".join(map(str, plan.batches)), str(plan.rounds)
    beside = ["--batches", batches, "--rounds", rounds, "--least-s", str(plan.least_s)]
    device = "cuda" if plan.provider.runs_on_nvidia else "cpu"
    row = in_a_process([__file__, str(model), "--here", "--provider", plan.provider, *beside], precision, device)
    if plan.keras is None:
        row["torch"] = {"failed": "there is no .keras file of this network; give it with --keras"}
    elif find_spec("torch") is None:
        row["torch"] = {"failed": "PyTorch is not installed; pip install torch"}
    else:
        script = str(Path(__file__).with_name("torch_inference.py"))
        ways = ["--ways", plan.torch_ways]
        row["torch"] = in_a_process([script, str(plan.keras), precision, *beside, *ways], precision, device)
    if peak is not None:
        cost = network_cost(without_outputs(read_model(plan.models["float32"]).onnx, ACTIVATION_NAME, FEATURES_NAME))
        row["floor"] = [_floor(cost, peak, precision, batch) for batch in plan.batches]
    return row


def _floor(cost: Any, peak: DevicePeak, precision: str, batch: int) -> dict[str, float]:
    whole, layered = floor_s(cost, peak, precision=precision, batch=batch)
    return {"batch": batch, "most_per_s": round(batch / whole, 1), "layered_per_s": round(batch / layered, 1)}


def _print(precision: str, row: dict[str, Any]) -> None:
    if "failed" in row:
        print(f"{precision:8} {row['failed']}")
        return
    wrong = f", WRONG: {row['golden_failed'][0]}" if row["golden_failed"] else ""
    nodes = ", ".join(f"{count} on {provider}" for provider, count in row["nodes"].items()) or "all on the CPU"
    print(f"{precision:8} nodes: {nodes}; golden samples within {row['golden_largest_difference']:.2g}{wrong}")
    torch = {rate["batch"]: rate["per_s"] for rate in row["torch"].get("rates", [])}
    floors = {floor["batch"]: floor for floor in row.get("floor", [])}
    for rate in row["rates"]:
        batch, copied = rate["batch"], rate["of_copied"]
        print(
            f"{precision:8} batch {batch:<4}"
            + "".join(f" {name} {value['value']:9.1f}" for name, value in rate["per_s"].items())
            + "".join(f" {name} {median_of(values).value:9.1f}" for name, values in torch.get(batch, {}).items())
            + (f" floor {floors[batch]['most_per_s']:9.0f}" if batch in floors else "")
            + f" /s; edgecls is {copied['value']:.2f} ({copied['low']:.2f} to {copied['high']:.2f}) of copied, "
            f"{rate['of_bound']['value']:.2f} of bound"
        )
    for rate in row["rates"]:
        if rate["graph_failed"]:
            print(f"{precision:8} batch {rate['batch']}: no CUDA graph: {rate['graph_failed']}")
    if "failed" in row["torch"]:
        print(f"{precision:8} PyTorch: {row['torch']['failed']}")


def _peak(arguments: argparse.Namespace, gpus: list[str]) -> DevicePeak | None:
    """Return what the device can do: as the options say, or else as its data sheet says, if it is known."""
    known = known_device(gpus[0]) if gpus else None
    if arguments.peak_tflops is None and arguments.bandwidth_gbs is None:
        return known
    tflops = dict(zip(PRECISIONS, arguments.peak_tflops or [], strict=bool(arguments.peak_tflops)))
    bandwidth = arguments.bandwidth_gbs or (known and known.bandwidth_gbs)
    tflops = tflops or (known.tflops if known else {})
    if not (tflops and bandwidth):
        raise SystemExit("the floor takes both --peak-tflops and --bandwidth-gbs where the GPU is not known")
    return DevicePeak(tflops, bandwidth)


def _three_numbers(text: str) -> list[float]:
    numbers = [float(number) for number in text.split(",")]
    if len(numbers) != len(PRECISIONS) or min(numbers) <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} must be three numbers above 0, for {', '.join(PRECISIONS)}")
    return numbers


def batch_sizes(text: str) -> list[int]:
    """Return the numbers of an option, such as 1,8,64."""
    return [int(size) for size in text.split(",")]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?", help="in float32")
    parser.add_argument("float16", type=Path, nargs="?", help="the same in float16")
    parser.add_argument("--arch", help="an untrained network of this architecture instead of files")
    parser.add_argument("--keras", type=Path, help="the same network as Keras saves it, for PyTorch")
    parser.add_argument("--provider", type=Provider, default=Provider.CUDA)
    parser.add_argument("--batches", type=batch_sizes, default=batch_sizes("1,2,4,8,16,32,64,128,256"))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--peak-tflops", type=_three_numbers, help="10^12 operations/s in float32, TF32, float16")
    parser.add_argument("--bandwidth-gbs", type=float, help="of the device's memory, 10^9 bytes/s")
    parser.add_argument("--precision", choices=PRECISIONS, action="append", help="these alone; others stay as they are")
    parser.add_argument("--torch-ways", default="eager,traced,compiled", help="compiling takes long")
    parser.add_argument("--least-s", type=float, default=0.2, help="of a round, so that it holds many runs")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    return parser


def main() -> None:
    """Measure, print and write the results."""
    parser = _parser()
    arguments = parser.parse_args()
    if arguments.here:
        print(
            json.dumps(
                measure_here(
                    arguments.model, arguments.provider, arguments.batches, arguments.rounds, arguments.least_s
                )
            )
        )
        return
    if (arguments.model is None) == (arguments.arch is None):
        parser.error("give model files, or an architecture with --arch, and not both")
    if arguments.rounds < LEAST_ROUNDS:
        parser.error(f"--rounds must be at least {LEAST_ROUNDS}, not {arguments.rounds}")
    byte_compile()
    gpus = [gpu.name for gpu in this_machine().gpus]
    peak = _peak(arguments, gpus if arguments.provider is not Provider.CPU else [])
    print(f"{machine_facts()['processor']}, {', '.join(gpus) or 'no GPU'}")
    with tempfile.TemporaryDirectory() as scratch:
        float32, float16, keras = arguments.model, arguments.float16, arguments.keras
        if arguments.arch:
            photos = Path(scratch) / "photos"
            photos.mkdir()
            write_photos(photos, PHOTOS)
            try:
                made = write_untrained(photos, Path(scratch), arch=arguments.arch, precision="float16")
            except RuntimeError as error:
                parser.error(str(error))
            float32, float16, keras = made.float32, made.reduced, made.keras
        models = {"float32": float32, "TF32": float32, **({"float16": float16} if float16 else {})}
        plan = _Plan(
            models,
            keras,
            arguments.provider,
            arguments.batches,
            arguments.rounds,
            arguments.torch_ways,
            arguments.least_s,
        )
        card = read_model(float32).card
        print(f"{card.architecture}, {card.image}, {arguments.rounds} rounds")
        facts = {
            "gpus": gpus,
            "provider": arguments.provider.value,
            "architecture": card.architecture,
            "image": str(card.image),
            "trained": card.name != UNTRAINED_NAME,
            "rounds": arguments.rounds,
            "peak": dataclasses.asdict(peak) if peak else None,
        }
        name = f"gpu_inference_{card.architecture}"
        name += f"_{arguments.provider}" if arguments.provider is not Provider.CUDA else ""
        rows = _earlier(name, facts) if arguments.precision else {}
        for precision in arguments.precision or list(plan.models):
            if precision not in plan.models:
                parser.error(f"--precision {precision}: give the model file in {precision}, too")
            rows[precision] = _measure(precision, plan, peak)
            _print(precision, rows[precision])
            written = write_results(name, {**facts, "rows": rows})  # a run that is cut off keeps what it has
        print(f"wrote {written}")
    failed = [f"{precision}: {row['failed']}" for precision, row in rows.items() if "failed" in row]
    if failed:
        sys.exit("; ".join(" ".join(words.split()) for words in failed))


def _earlier(name: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rows of a file of results if it was measured like this, or none."""
    found = earlier_results(name)
    alike = json.loads(json.dumps(facts)).items() <= found.items()
    return {name: row for name, row in found["rows"].items() if "failed" not in row} if alike else {}


if __name__ == "__main__":
    main()
