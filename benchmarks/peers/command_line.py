"""How long from the command to the last label, for one image and for a folder of 100?

MobileNetV2 at 224 x 224 with random weights, in float32: as a model file for `edgecls run`, as a .keras file for the
script that one writes with Keras alone (keras_predict.py). `yolo classify predict` runs YOLOv8n-cls at the same size,
also with random weights: no file of one fits the other. Each is in a virtual environment of its own (benchmarks/.peers,
made when missing; the one of YOLO takes several GB), byte-compiled, and runs once before it is timed.

    python benchmarks/peers/command_line.py [--rounds 5] [--images 100]
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from environments import environment
from folder import write_photos
from measure import byte_compile, machine_facts, write_results

from edgecls import image
from edgecls.measuring.turns import ratio_of, time_rounds

APPS = Path(__file__).parent
SIZE = 224
LABELS = 1000
SAMPLES = 4
TIMEOUT_S = 600
NOTES = (
    "The weights are random, so labels mean nothing: checked is that every image gets one.",
    "YOLOv8n-cls is another network, of 0.8 times MobileNetV2's weights: the row tells what the command costs.",
)
MAKE_KERAS = """
import sys, keras
keras.utils.set_random_seed(0)
keras.applications.MobileNetV2(weights=None, classes=int(sys.argv[2])).save(sys.argv[1])
"""
MAKE_YOLO = """
import sys, torch, ultralytics
torch.manual_seed(0)
ultralytics.YOLO("yolov8n-cls.yaml").save(sys.argv[1])
"""


@dataclass(frozen=True)
class Models:
    """The files that the commands load.

    Attributes:
        keras: MobileNetV2 as Keras saves it.
        onnx: The same as a model file.
        yolo: YOLOv8n-cls as ultralytics saves it.
    """

    keras: Path
    onnx: Path
    yolo: Path


@dataclass(frozen=True)
class Program:
    """A command that tells the label of images.

    Attributes:
        name: As in the table.
        environment: Which virtual environment it runs in.
        prepare: Makes the file it loads, given the folder of its programs; raises RuntimeError where that fails.
        command: The command, from the folder of its programs, the files and the image or folder.
    """

    name: str
    environment: str
    prepare: Callable[[Path, Models], None]
    command: Callable[[Path, Models, Path], list[object]]


def _make_keras(programs: Path, models: Models) -> None:
    if not models.keras.exists():
        _run([programs / "python", "-c", MAKE_KERAS, models.keras, LABELS])


def _make_onnx(programs: Path, models: Models) -> None:
    here = Path(sys.executable).parent
    _make_keras(here, models)
    samples, labels = models.onnx.parent / "samples", models.onnx.parent / "labels.txt"
    samples.mkdir()
    rng = np.random.default_rng(0)
    for index in range(SAMPLES):
        pixels = rng.integers(0, 256, (12, 12, 3), np.uint8).repeat(20, 0).repeat(20, 1)
        (samples / f"{index}.png").write_bytes(image.encode_png(pixels))
    labels.write_text("\n".join(f"label {index}" for index in range(LABELS)))
    told = ["--labels", labels, "--samples", samples, "--pixel-range", "0", "1"]
    _run([here / "edgecls", "export", models.keras, "-o", models.onnx, *told])


def _make_yolo(programs: Path, models: Models) -> None:
    _run([programs / "python", "-c", MAKE_YOLO, models.yolo])


def _edgecls(programs: Path, models: Models, images: Path) -> list[object]:
    return [programs / "edgecls", "run", "-m", models.onnx, "--provider", "cpu", images]


def _keras(programs: Path, models: Models, images: Path) -> list[object]:
    return [programs / "python", APPS / "keras_predict.py", models.keras, images]


def _yolo(programs: Path, models: Models, images: Path) -> list[object]:
    # Without save=False it also writes every image again, with the label in it.
    options = [f"model={models.yolo}", f"source={images}", f"imgsz={SIZE}", "device=cpu", "save=False"]
    return [programs / "yolo", "classify", "predict", *options, f"project={models.yolo.parent / 'runs'}"]


PROGRAMS = (
    Program("edgecls run", "edgecls", _make_onnx, _edgecls),
    Program("Keras, model.predict", "keras", _make_keras, _keras),
    Program("yolo classify predict", "ultralytics", _make_yolo, _yolo),
)


def _run(command: list[object]) -> str:
    """Run a command and return what it says.

    Raises:
        RuntimeError: It fails or takes too long; with its last words.
    """
    quiet = {"YOLO_OFFLINE": "true", "TF_CPP_MIN_LOG_LEVEL": "3", "ORT_DISABLE_TELEMETRY": "1", "NO_COLOR": "1"}
    kept = {key: value for key, value in os.environ.items() if key not in ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH")}
    try:
        done = subprocess.run(
            [*map(str, command)],
            env={**kept, **quiet},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RuntimeError(f"does not run: {error}") from error
    if done.returncode:
        raise RuntimeError(f"fails: {(done.stderr or done.stdout).strip()[-400:]}")
    return done.stdout + done.stderr


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=100, help="in the folder")
    arguments = parser.parse_args()
    byte_compile()
    machine = machine_facts()
    print(f"{machine['processor']}, {machine['usable_cores']} cores, {arguments.rounds} rounds")
    missing: dict[str, str] = {}
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        models = Models(folder / "network.keras", folder / "network.onnx", folder / "network.pt")
        one, many = folder / "one", folder / "many"
        for target, count in ((one, 1), (many, arguments.images)):
            target.mkdir()
            write_photos(target, count)
        (image,) = one.iterdir()
        ready = _ready(models, image, missing)
        for count, images in ((1, image), (arguments.images, many)):
            rows += _measure(ready, models, images, count=count, rounds=arguments.rounds)
    results = {"rounds": arguments.rounds, "rows": rows, "missing": missing, "notes": NOTES}
    print(f"wrote {write_results('command_line', results)}")


def _ready(models: Models, image: Path, missing: dict[str, str]) -> dict[Program, Path]:
    """Return the programs that answer, each with its folder; say of the others why not."""
    ready = {}
    for program in PROGRAMS:
        try:
            programs = environment(program.environment)
            program.prepare(programs, models)
            if image.name not in _run(program.command(programs, models, image)):
                raise RuntimeError("gives the image no label")
        except RuntimeError as error:
            missing[program.name] = str(error)
            print(f"{program.name}: {error}")
        else:
            ready[program] = programs
    return ready


def _measure(
    ready: dict[Program, Path], models: Models, images: Path, *, count: int, rounds: int
) -> list[dict[str, object]]:
    def timed(program: Program, programs: Path) -> Callable[[], object]:
        return lambda: _run(program.command(programs, models, images))

    subjects = {program.name: timed(program, programs) for program, programs in ready.items()}
    seconds = time_rounds(subjects, rounds=rounds)
    ours = seconds.get("edgecls run")
    rows: list[dict[str, object]] = []
    for name, values in seconds.items():
        row: dict[str, object] = {"command": name, "images": count, "seconds": [round(value, 3) for value in values]}
        beside = ""
        if ours is not None and values is not ours:
            ratio = ratio_of(ours, values)
            row["edgecls_over_it"] = asdict(ratio)
            beside = f", edgecls takes {ratio.value:.3f} ({ratio.low:.3f} to {ratio.high:.3f}) of it"
        print(f"{name:24} {count:4} images: median {statistics.median(values):7.2f} s{beside}", flush=True)
        rows.append(row)
    return rows


if __name__ == "__main__":
    main()
