"""Does the input pipeline keep the device busy?

Images a second of `fit` as `edgecls train` feeds it, against the same model and the same steps fed
one constant batch that is in memory already: 1 means that images cost nothing. Images are kept
in memory, in a mapped file, or decoded anew in every epoch (stream), and augmented or not. Without a dataset, class
folders of made-up photos take its place: what they show makes no difference to the speed.

    python benchmarks/training.py [--data FOLDER] [--arch simple_cnn] [--side 128] [--batch-size 32]
        [--images 384] [--rounds 7] [--cache memory --cache disk --cache stream] [--mixed-precision auto]
"""

import argparse
import os
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
from fit_rounds import measure_fit
from folder import write_class_folders
from measure import byte_compile, machine_facts, write_results

from edgecls.dataset.cache_kind import Cache
from edgecls.dataset.formats.read import read_dataset
from edgecls.image_spec import ImageSpec
from edgecls.training.config import MixedPrecision, TrainConfig

LEAST_ROUNDS = 5


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a dataset in any form, instead of made-up photos")
    parser.add_argument("--arch", default="simple_cnn")
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--images", type=int, default=384)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--cache", action="append", choices=["memory", "disk", "stream"])
    parser.add_argument("--mixed-precision", choices=list(MixedPrecision), default="auto")
    parser.add_argument("--no-augment", action="store_true")
    options = parser.parse_args()
    if options.images < options.batch_size or options.rounds < LEAST_ROUNDS:
        parser.error(f"--images must be at least one batch, and --rounds at least {LEAST_ROUNDS}")
    byte_compile()
    config = TrainConfig(
        ImageSpec(options.side, options.side),
        arch=options.arch,
        weights="none",
        batch_size=options.batch_size,
        augment=not options.no_augment,
        mixed_precision=options.mixed_precision,
    )
    caches = [Cache(cache) for cache in options.cache or ["memory", "disk", "stream"]]
    with tempfile.TemporaryDirectory() as scratch:
        data = options.data or write_class_folders(Path(scratch) / "photos", options.images)
        images = read_dataset(data).whole
        found = measure_fit(config, images, count=options.images, caches=caches, rounds=options.rounds)
    machine = machine_facts()
    print(f"{machine['processor']}, {machine['usable_cores']} cores, {'+'.join(found.devices.names)}, {found.policy}")
    shown = "augmented" if config.augment else "not augmented"
    print(f"{config.arch} {config.image}, batches of {config.batch_size}, {shown}, {options.rounds} rounds")
    found.print_rows()
    path = write_results(
        f"training_{config.arch}_{options.side}",
        {
            "arch": config.arch,
            "side": options.side,
            "device": found.devices.names,
            "policy": found.policy,
            "backend": keras.backend.backend(),
            "data": options.data.name if options.data else "made-up photos",
            "augmented": config.augment,
            "rounds": options.rounds,
            "batch_size": config.batch_size,
            "images": found.images,
            "fit": found.rows(),
        },
    )
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
