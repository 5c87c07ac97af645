"""How long does `edgecls run image.jpg` take from process start to label?

The floor is a bare script that imports numpy, cv2 and onnxruntime, opens the same model and runs
it once: no command line on these libraries can be much faster. An interpreter that
does nothing is measured too, for scale.

    python benchmarks/cold_start.py [--rounds 20]
"""

import argparse
import os
import statistics
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from measure import byte_compile, machine_facts, write_results

from edgecls.commands.options import BUNDLED_MODEL
from edgecls.measuring.turns import ratio_of, time_rounds
from edgecls.modelfile import read_model

IMAGE = Path(__file__).parent.parent / "examples" / "dandelion.jpg"

FLOOR = """
import cv2, numpy, onnxruntime
session = onnxruntime.InferenceSession({model!r}, providers=["CPUExecutionProvider"])
print(session.run(None, {{"image": numpy.zeros({shape}, numpy.uint8)}})[0].argmax())
"""


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    byte_compile()
    shape = (1, *read_model(BUNDLED_MODEL).card.image.shape_hwc)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    commands = {
        "interpreter": [sys.executable, "-c", "pass"],
        "floor": [sys.executable, "-c", FLOOR.format(model=str(BUNDLED_MODEL), shape=shape)],
        "edgecls run": [str(Path(sys.executable).with_name("edgecls")), "run", str(IMAGE)],
    }

    def runner(command: list[str]) -> object:
        return lambda: subprocess.run(command, env=environment, check=True, capture_output=True)

    times = time_rounds({name: runner(command) for name, command in commands.items()}, rounds=rounds)
    comparison = ratio_of(times["edgecls run"], times["floor"])
    machine = machine_facts()
    print(f"{machine['processor']}, {machine['usable_cores']} cores, {rounds} rounds, byte-compiled")
    for name, values in times.items():
        print(f"{name:12}  median {1000 * statistics.median(values):5.0f} ms  best {1000 * min(values):5.0f} ms")
    print(f"edgecls run / floor: {comparison}")
    path = write_results(
        "cold_start",
        {
            "rounds": rounds,
            "seconds": {name: [round(value, 4) for value in values] for name, values in times.items()},
            "edgecls_over_floor": asdict(comparison),
        },
    )
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
