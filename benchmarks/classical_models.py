"""How accurate do the classical models get, on which features?

Every one of them on grey pixels, grey HOG and colour HOG, trained as `edgecls train` does, on the same images, with
the same ones held out: accuracy and cross-entropy on these, the size of the file, and the processor time of it all.

    python benchmarks/classical_models.py --data FOLDER [--side 64] [--arch svm]...
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from measure import machine_facts, write_results

from edgecls.image_spec import Color, ImageSpec
from edgecls.models.classical import classical_names
from edgecls.models.classical.features import Features
from edgecls.training.classical import ClassicalConfig, ClassicalListener, run_classical_training
from edgecls.training.images import PreparedImages

WAYS = ((Features.PIXELS, Color.GRAY), (Features.HOG, Color.GRAY), (Features.HOG_COLOR, Color.RGB))


def _train(data: Path, arch: str, features: Features, spec: ImageSpec) -> dict[str, Any]:
    counts: dict[str, int] = {}

    def note(images: PreparedImages) -> None:
        counts.update(training=len(images.train_indices), held_out=len(images.validation_indices))

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{arch}.onnx"
        start_s = time.process_time()
        config = ClassicalConfig(spec, arch=arch, features=features)
        found = run_classical_training(data, path, config, listener=ClassicalListener(on_prepared=note))
        cpu_s = time.process_time() - start_s
        row = {
            "arch": arch,
            "features": f"{spec.color} {features}",
            "accuracy": found.scores.validation_accuracy,
            "cross_entropy": found.scores.validation_loss,
            "file_bytes": path.stat().st_size,
            "processor_s": round(cpu_s, 1),
            "images": counts,
        }
    print(
        f"{arch:14} {row['features']:14} accuracy {row['accuracy']:.3f}, cross-entropy {row['cross_entropy']:.3f}, "
        f"{row['file_bytes'] / 1e6:.2f} MB, {cpu_s:.1f} s of processor time",
        flush=True,
    )
    return row


def main() -> None:
    """Train, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a dataset in any form")
    parser.add_argument("--side", type=int, default=64, help="of the image that the models take, in pixels")
    parser.add_argument("--arch", action="append", choices=classical_names(), help="instead of all")
    arguments = parser.parse_args()
    print(machine_facts()["processor"])
    rows = [
        _train(arguments.data, arch, features, ImageSpec(arguments.side, arguments.side, color))
        for arch in arguments.arch or classical_names()
        for features, color in WAYS
    ]
    print(f"wrote {write_results('classical_models', {'side': arguments.side, 'rows': rows})}")


if __name__ == "__main__":
    main()
