"""How does a model of quick training run on a GPU: alone, with its familiarity, with its features?

In every round the same batch of pixels goes through the network as far as its probabilities, as edgecls serves it (with
the familiarity), and with the features as well. Beside them stands the rate at which quick training has its backbone
compute features, on all cores of the CPU. Familiarity and features are compared with those of the CPU.

    edgecls train --quick FOLDER -o quick.onnx
    python benchmarks/gpu_quick.py quick.onnx [--provider cuda] [--batches 1,8,64] [--rounds 7]
"""

import argparse
import dataclasses
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from gpu_inference import batch_sizes, time_filled_rounds
from measure import byte_compile, machine_facts, write_results

from edgecls.export.familiarity.add import without_familiarity
from edgecls.export.familiarity.backbone import bundled_backbone
from edgecls.export.familiarity.features import compute_features
from edgecls.measuring.turns import median_of, ratio_of, take_turns
from edgecls.modelfile import ModelFile, read_model
from edgecls.models.classical.features import Features, features_network
from edgecls.runtime.execution.gpu import this_machine
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.session import Session, open_session

LEAST_S = 0.2  # of a round, so that it holds many runs
COMPARED = 32  # images whose familiarity and features are compared

Pixels = npt.NDArray[np.uint8]


def _opened(model: ModelFile, provider: Provider, batches: list[int]) -> dict[str, Session]:
    open_here = partial(open_session, provider=provider, intra_op_threads=1, batch_sizes=batches)
    return {
        "probabilities": open_here(without_familiarity(model)),
        "familiarity": open_here(model),
        "features": open_here(model, features=True),
    }


def _rates(sessions: dict[str, Session], batch: int, rounds: int) -> dict[str, Any]:
    shape = sessions["features"].card.image.shape_hwc
    pixels = np.random.default_rng(0).integers(0, 256, (batch, *shape), dtype=np.uint8)
    runs = {name: partial(session.run, pixels) for name, session in sessions.items()}
    repeats, times = time_filled_rounds(runs, "probabilities", rounds=rounds, least_s=LEAST_S)
    return {
        "batch": batch,
        "per_s": {
            name: dataclasses.asdict(median_of([batch * repeats / taken for taken in values]))
            for name, values in times.items()
        },
        **{
            f"{name}_time": dataclasses.asdict(ratio_of(times[name], times["probabilities"]))
            for name in ("familiarity", "features")
        },
    }


def _backbone_per_s(model: ModelFile, pixels: Pixels, rounds: int) -> list[float]:
    """Return how many images a second quick training gets features of, in each round."""
    network = features_network(Features.BACKBONE, model.card.image, bundled_backbone(model.card.image))

    def once() -> float:
        start_s = time.perf_counter()
        compute_features(network, pixels, range(len(pixels)), name="the bundled backbone")
        return len(pixels) / (time.perf_counter() - start_s)

    return take_turns({"backbone": once}, rounds=rounds, warm_up=1)["backbone"]


def _differences(model: ModelFile, session: Session, pixels: Pixels) -> dict[str, float]:
    """Return how far familiarity and features are from the CPU's at most; these as a part of the largest of them."""
    wanted = open_session(model, Provider.CPU, intra_op_threads=1, features=True).run_all(pixels)
    found = session.run_all(pixels)
    if wanted.familiarity is None or found.familiarity is None or wanted.features is None or found.features is None:
        raise SystemExit("a quick-trained model has to give its familiarity and features")
    return {
        "familiarity": float(np.abs(found.familiarity - wanted.familiarity).max()),
        "features": float(np.abs(found.features - wanted.features).max() / np.abs(wanted.features).max()),
    }


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="a model file of quick training")
    parser.add_argument("--provider", type=Provider, default=Provider.CUDA)
    parser.add_argument("--batches", type=batch_sizes, default=batch_sizes("1,8,64"))
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    byte_compile()
    gpus = [gpu.name for gpu in this_machine().gpus]
    print(f"{machine_facts()['processor']}, {', '.join(gpus) or 'no GPU'}, {options.rounds} rounds")
    model = read_model(options.model)
    if model.card.familiarity is None:
        parser.error(f"{options.model} has no familiarity")
    shape = model.card.image.shape_hwc
    pixels = np.random.default_rng(1).integers(0, 256, (COMPARED, *shape), dtype=np.uint8)
    sessions = _opened(model, options.provider, options.batches)
    results = {
        "gpus": gpus,
        "provider": options.provider.value,
        "architecture": model.card.architecture,
        "rounds": options.rounds,
        "differences": _differences(model, sessions["features"], pixels),
        "backbone_on_cpu_per_s": dataclasses.asdict(median_of(_backbone_per_s(model, pixels, options.rounds))),
        "rows": [_rates(sessions, batch, options.rounds) for batch in options.batches],
    }
    _print(results)
    suffix = "" if options.provider is Provider.CUDA else f"_{options.provider}"
    print(f"wrote {write_results(f'gpu_quick{suffix}', results)}")


def _print(results: dict[str, Any]) -> None:
    found = results["differences"]
    print(
        f"the backbone on all cores: {results['backbone_on_cpu_per_s']['value']:.1f} images/s; from the CPU's differ "
        f"familiarity by at most {found['familiarity']:.2g}, features by {found['features']:.2g} of the largest"
    )
    for row in results["rows"]:
        rates = ", ".join(f"{name} {rate['value']:.1f}/s" for name, rate in row["per_s"].items())
        print(
            f"batch {row['batch']:<4} {rates}; familiarity takes {row['familiarity_time']['value']:.3f} and features "
            f"{row['features_time']['value']:.3f} of the time for probabilities alone"
        )


if __name__ == "__main__":
    main()
