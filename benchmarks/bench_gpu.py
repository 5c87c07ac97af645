"""Everything that is to be measured on a GPU, in at most 8 minutes: for one that is at hand rarely and not for long.

It runs in the Python that calls it and installs nothing. There need be no TensorFlow there: model files are exported
beforehand (--prepare, where TensorFlow is) and carried along. Each step is a process with a bound on its time; one that
fails is skipped with its reason. The record is written after every step, and the same command goes on where an earlier
one was cut off (benchmarks/steps.py). With --dry all of it is rehearsed on the CPU with small sizes.

    python benchmarks/bench_gpu.py --prepare [--arch efficientnet_lite0]... [--limit-mib 54]
    python benchmarks/bench_gpu.py [--dry] [--record .gpu/bench_gpu.json] [--again STEP]...
    python benchmarks/bench_gpu.py --unpack benchmarks/results      # the record's figures, for the report
"""

import argparse
import ctypes
import importlib
import importlib.metadata
import importlib.util
import os
import signal
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from gpu_models import ARCHITECTURES, LIMIT_MIB, QUICK_NAME, carried_models, prepare_models
from steps import DONE, REPOSITORY, Step, read_record, run_steps, store_results

__all__ = ["SECONDS", "plan"]

HERE = Path(__file__).parent
MODELS = REPOSITORY / ".gpu" / "models"
SECONDS = 480.0
DRY_FACTOR = 10.0  # a rehearsal may take so many times longer: a CPU is no GPU
BUNDLED = REPOSITORY / "edgecls" / "assets" / "flowers.onnx"
MARK = "pytest.mark.gpu"
PLUGINS = {"nv_tensorrt_rtx": "onnxruntime_ep_nv_tensorrt_rtx", "webgpu": "onnxruntime_ep_webgpu"}
"""Providers from wheels of their own that run on GPUs of NVIDIA's, with the modules that bring them."""

PACKAGES = {
    "classifying": ("numpy", "cv2", "onnxruntime", "click"),
    "the server": ("bottle", "httptools", "multipart", "prometheus_client"),
    "training on JAX": ("keras", "jax", "absl", "namex", "optree", "rich", "h5py", "ml_dtypes", "packaging"),
    "PyTorch beside it": ("torch",),
    "model files made here": ("onnx", "google.protobuf"),
    "tests": ("pytest",),
}
"""What the steps import, by what for. Training is imported as a whole beside it."""


def plan(models: Path, *, dry: bool, data: Path | None = None) -> list[Step]:
    """Return the steps, the most important first.

    Args:
        models: The folder that --prepare wrote.
        dry: With small sizes, on the CPU.
        data: Images to train on, in any form; made up without.
    """
    found, why_not = carried_models(models)
    lacking = f"there are no model files in {models.name}: run bench_gpu.py --prepare where TensorFlow is"
    provider = "cpu" if dry else "cuda"
    environment = {"EDGECLS_BENCH_COMPILE": "0", "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment |= {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"} if dry else {}

    def script(name: str, budget_s: float, file: str, *options: str, hindrance: str | None = None) -> Step:
        return Step(name, (sys.executable, str(HERE / file), *options), budget_s, environment, hindrance)

    golden = ["--provider", provider, "--batches", "1,2" if dry else "1,8,64"]
    rates = ["--provider", provider, "--rounds", "5", "--least-s", "0.1", "--batches", "1,2" if dry else "1,8,64,256"]
    short = ["--rounds", "1", "--seconds", "1"] if dry else ["--rounds", "2", "--seconds", "2"]
    first, *others = list(found) or [ARCHITECTURES[0]]
    no_models = None if found else lacking
    files = [str(path) for path in (found[first].float32, found[first].float16)] if found else []
    keras_file = found[first].keras if found else None
    model = str(found[first].float32 if found else BUNDLED)
    beside = ["--keras", str(keras_file), "--torch-ways", "traced" if dry else "eager,traced"] if keras_file else []
    training = ["--data", str(data)] if data else ["--made-up", "20" if dry else "640"]
    training += ["--arch", first, "--seeds", "1", "--rounds", "5", "--epochs", "1" if dry else "3"]
    training += ["--side", "32", "--batch-size", "8", "--images", "8"] if dry else ["--images", "512"]
    compiled = str(Path(tempfile.gettempdir()) / "bench_gpu_jax")  # the second network of a kind need not be compiled
    steps = [
        script("packages", 40, "bench_gpu.py", "--packages"),
        Step("doctor", (sys.executable, "-m", "edgecls", "doctor"), 60, environment),
        script(f"golden {first}", 45, "gpu_golden.py", *files, *golden, hindrance=no_models),
        *(
            script(
                f"inference {first} {precision}",
                75,
                "gpu_inference.py",
                *(*files, *rates, "--precision", precision, *torch),
                hindrance=no_models,
            )
            # In float16 PyTorch takes minutes on a CPU.
            for precision, torch in (("float32", beside), ("float16", [] if dry else beside), ("TF32", []))
        ),
        script("predict_many", 75, "predict_many.py", "--model", model, "--provider", provider, *short),
        script(
            "serve",
            100,
            "server_load.py",
            *("--model", model, "--provider", provider, *short),
            *("--connections", "4" if dry else "128", "--forms", "raw", "--tune", "1" if dry else "15"),
        ),
        replace(
            script("training", 120, "gpu_training.py", *training),
            environment={**environment, "KERAS_BACKEND": "jax", "JAX_COMPILATION_CACHE_DIR": compiled},
        ),
        _gpu_tests(environment, dry=dry),
        script(
            "quick training",
            75,
            "gpu_quick.py",
            str(models / QUICK_NAME),
            *("--provider", provider, "--rounds", "5", "--batches", "1,2" if dry else "1,8,64"),
            hindrance=None if (models / QUICK_NAME).exists() else lacking,
        ),
        script(
            "gRPC",
            45,
            "grpc_load.py",
            *("--model", model, "--provider", provider, *short, "--threads", "1" if dry else "8"),
            hindrance=_lacking("grpc", "tritonclient", "geventhttpclient"),
        ),
        *(
            script(f"golden {arch}", 45, "gpu_golden.py", str(found[arch].float32), str(found[arch].float16), *golden)
            for arch in others
        ),
        *(script(f"golden {arch}", 1, "gpu_golden.py", hindrance=reason) for arch, reason in why_not.items()),
        script(
            "TensorRT",
            120,
            "gpu_inference.py",
            *(files[:1]),
            *("--provider", "tensorrt", "--rounds", "5", "--batches", "64,1", "--precision", "float32"),
            hindrance=no_models or _tensorrt_hindrance(),
        ),
        *(
            script(
                f"inference {first} on {plugin}",
                60,
                "gpu_inference.py",
                *(*files[:1], "--provider", plugin, "--rounds", "5", "--precision", "float32"),
                *("--batches", "1,2" if dry else "1,64"),
                hindrance=no_models or _lacking(module),
            )
            for plugin, module in PLUGINS.items()
        ),
        script(
            f"inference {first} on the CPU",
            45,
            "gpu_inference.py",
            *(*files[:1], "--provider", "cpu", "--rounds", "5", "--precision", "float32", "--batches", "1,8"),
            hindrance=no_models,
        ),
        script(
            "PyTorch compiled",
            75,
            "torch_inference.py",
            *(str(keras_file), "float32" if dry else "float16", "--rounds", "5"),
            *("--batches", "1" if dry else "1,64", "--ways", "traced,compiled"),
            hindrance=None if keras_file else no_models or f"{first} was carried without its .keras file",
        ),
    ]
    torch_device = {"KERAS_TORCH_DEVICE": "cpu" if dry else "cuda"}
    steps[-1] = replace(steps[-1], environment={**environment, **torch_device})
    return [replace(step, budget_s=step.budget_s * DRY_FACTOR) for step in steps] if dry else steps


def _gpu_tests(environment: dict[str, str], *, dry: bool) -> Step:
    """Return the tests with the mark: of their files alone, as others import what is not there. Dry: only found."""
    tests = REPOSITORY / "tests"
    marked = sorted(path for path in tests.rglob("test_*.py") if f"@{MARK}" in path.read_text(encoding="utf-8"))
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-m", "gpu", "-p", "no:cacheprovider"]
    # An option of the project's that the pytest there does not know yet is no fault.
    command += ["-o", "addopts=--import-mode=importlib", "-W", "ignore::pytest.PytestConfigWarning"]
    command += ["--collect-only"] if dry else []
    command += [str(path.relative_to(REPOSITORY)) for path in marked]
    # What else is installed there for pytest may warn, and warnings are errors here.
    return Step("tests", tuple(command), 120, {**environment, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})


def _lacking(*modules: str) -> str | None:
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    return f"not installed: {', '.join(missing)}" if missing else None


def _tensorrt_hindrance() -> str | None:
    if importlib.util.find_spec("tensorrt_libs"):
        return None
    try:
        ctypes.CDLL("libnvinfer.so.10")
    except OSError as error:
        return f"TensorRT 10 is not here: {error}"
    return None


def _print_packages() -> None:
    """Print the version of each package that the steps need; those that are missing end this with an error."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    brought = importlib.metadata.packages_distributions()
    missing = []
    for purpose, names in PACKAGES.items():
        versions = []
        for name in names:
            try:
                importlib.import_module(name)
            except ImportError as error:
                missing.append(f"{name} for {purpose} ({error})")
                continue
            wheels = sorted(set(brought.get(name.partition(".")[0], [])))
            versions.append(" and ".join(f"{wheel} {importlib.metadata.version(wheel)}" for wheel in wheels) or name)
        print(f"{purpose}: {', '.join(versions)}", flush=True)
    if missing:
        raise SystemExit(f"missing: {'; '.join(missing)}")
    importlib.import_module("edgecls.training.trainer")
    importlib.import_module("edgecls.server")
    print(f"Python {sys.version.split()[0]}: nothing is missing")


def _summarize(record: dict[str, dict[str, object]], steps: list[Step], started_s: float, path: Path) -> None:
    print(f"\n{'step':34} seconds")
    for step in steps:
        entry = record.get(step.name, {"seconds": 0.0, "state": "", "reason": "not begun"})
        outcome = "" if entry["state"] == DONE else f"SKIPPED: {entry['reason']}"
        print(f"{step.name:34} {entry['seconds']:7.1f}  {outcome}")
    skipped = [step for step in steps if record.get(step.name, {}).get("state") != DONE]
    known = [step for step in skipped if step.hindrance]
    print(
        f"{len(steps) - len(skipped)} of {len(steps)} done, {len(known)} cannot be run here, "
        f"{len(skipped) - len(known)} failed; {time.monotonic() - started_s:.0f} s; {path}"
    )
    sys.exit(1 if len(skipped) > len(known) else 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry", action="store_true", help="rehearse on the CPU, with small sizes")
    parser.add_argument("--models", type=Path, default=MODELS, help="the folder that --prepare writes and a run reads")
    parser.add_argument("--record", type=Path, help="by default bench_gpu.json or bench_gpu_dry.json in .gpu")
    parser.add_argument("--data", type=Path, help="images to train on, in any form; made up without")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for all steps together")
    parser.add_argument("--again", action="append", default=[], metavar="STEP", help="run it even if it is done")
    parser.add_argument("--prepare", action="store_true", help="export the model files to carry, and end")
    parser.add_argument("--arch", action="append", help="with --prepare: carry these, the most important first")
    parser.add_argument("--limit-mib", type=float, help="with --prepare: of all files together")
    parser.add_argument(
        "--unpack",
        type=Path,
        metavar="FOLDER",
        help="write the record's results into its machine's folder there, and end",
    )
    parser.add_argument("--packages", action="store_true", help=argparse.SUPPRESS)
    return parser


def main() -> None:
    """Prepare, run or unpack."""
    started_s = time.monotonic()
    parser = _parser()
    options = parser.parse_args()
    record = options.record or MODELS.parent / ("bench_gpu_dry.json" if options.dry else "bench_gpu.json")
    if options.packages:
        _print_packages()
    elif options.prepare:
        prepare_models(options.models, options.arch or ARCHITECTURES, limit_mib=options.limit_mib or LIMIT_MIB)
    elif options.unpack:
        for path in store_results(read_record(record), options.unpack):
            print(f"wrote {path}")
    else:
        steps = plan(options.models.resolve(), dry=options.dry, data=options.data and options.data.resolve())
        unknown = set(options.again) - {step.name for step in steps}
        if unknown:
            names = ", ".join(repr(step.name) for step in steps)
            parser.error(f"--again: no step is called {', '.join(sorted(unknown))}; they are {names}")
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))  # and so ends the step that runs
        total_s = options.seconds * (DRY_FACTOR if options.dry else 1)
        done = run_steps(steps, record.resolve(), total_s=total_s, again=options.again)
        _summarize(done, steps, started_s, record)


if __name__ == "__main__":
    main()
