"""How well does a model file tell photos that have nothing to do with its labels?

Three scores of the same file compete: its familiarity, the energy (the logarithm of the sum of exp(logit)) and the
largest probability. For each: the area under the ROC curve, and the proportion of foreign photos that are accepted by
the threshold that accepts 95, 98 and 99 % of the familiar ones, with 95 % bootstrap intervals over both kinds. Also
what the thresholds in the file accept, and what familiarity costs, with this file and with others (--time). Give
familiar photos that the model was not trained on, and foreign ones without anything that has a label.

    python benchmarks/familiarity.py --familiar unseen --foreign photos [--model FILE] [--leave-out NAME]...
        [--time NAME=FILE]...
"""

import argparse
import fnmatch
import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from measure import machine_facts, write_results

from edgecls.commands.options import BUNDLED_MODEL
from edgecls.evaluation.foreign import Judge
from edgecls.export.familiarity.graph import without_familiarity_output
from edgecls.export.graph.onnx_package import load_onnx_package
from edgecls.image import decode_to_fit, read_file
from edgecls.image_files import find_images
from edgecls.measuring.turns import Estimate, ratio_of, take_turns
from edgecls.modelfile import ACTIVATION_NAME, FAMILIARITY_NAME, FEATURES_NAME, OUTPUT_NAME, ModelFile, read_model
from edgecls.plots.foreign import SeparatingScore, separation_png
from edgecls.runtime.optional_outputs import without_outputs

LEVELS = (0.95, 0.98, 0.99)  # of the familiar photos
RESAMPLES = 500
WARM_UP = 20
FAST = 0.05  # of the rounds: those that nothing else on the machine slowed down
PLOT = Path(__file__).parents[1] / "docs" / "benchmarks" / "familiarity.png"

Scores = npt.NDArray[np.float64]


def main() -> None:
    """Measure, print, draw and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--familiar", type=Path, required=True, help="photos with the model's labels, not trained on")
    parser.add_argument("--foreign", type=Path, required=True, help="photos without")
    parser.add_argument(
        "--leave-out", action="append", default=[], metavar="NAME", help="pattern of foreign file names"
    )
    parser.add_argument("--model", type=Path, default=BUNDLED_MODEL)
    parser.add_argument("--rounds", type=int, default=1500, help="of timing")
    parser.add_argument(
        "--time", action="append", default=[], metavar="NAME=FILE", help="also time this model file with familiarity"
    )
    parser.add_argument("--plot", type=Path, default=PLOT)
    options = parser.parse_args()
    model = read_model(options.model)
    if model.card.familiarity is None:
        parser.error(f"{options.model} does not judge familiarity; add it with edgecls export --familiarity")
    familiar = find_images(options.familiar)
    foreign = [
        path
        for path in find_images(options.foreign)
        if not any(fnmatch.fnmatch(path.name, pattern) for pattern in options.leave_out)
    ]
    session, names = _opened(model)
    known, unknown = _scores(session, names, model, familiar), _scores(session, names, model, foreign)
    rows = [_row(name, Judge(known[name], unknown[name])) for name in known]
    in_file = _in_file(model, known[FAMILIARITY_NAME], unknown[FAMILIARITY_NAME])
    results = {
        "model": Path(options.model).name,
        "network_sha256": model.network_sha256,
        "photos": {"familiar": len(familiar), "foreign": len(foreign)},
        "left_out": options.leave_out,
        "rows": rows,
        "in_file": in_file,
        "bytes": _own_bytes(model),
        "costs": [
            _cost(name, read_model(path), familiar[0], options.rounds)
            for name, path in [("bundled", options.model), *(entry.split("=", 1) for entry in options.time)]
        ],
    }
    _print(results)
    thresholds = {f"{level.accepted:.0%}": level.threshold for level in model.card.familiarity.levels}
    options.plot.write_bytes(
        separation_png(
            [SeparatingScore(name.replace("_", " "), known[name], unknown[name]) for name in known],
            thresholds=thresholds,
            in_use=model.card.familiarity.threshold,
        )
    )
    print(f"wrote {options.plot} and {write_results('familiarity', results)}")


def _opened(model: ModelFile) -> tuple[ort.InferenceSession, list[str]]:
    """Open the network with one more output, its logits; return it and the names of all three."""
    onnx = load_onnx_package()
    proto = onnx.load_model_from_string(model.onnx)
    softmax = next(node for node in proto.graph.node if OUTPUT_NAME in node.output)
    if softmax.op_type != "Softmax":
        raise SystemExit(f"the probabilities of {model.name} are not those of a softmax, so it has no energy")
    logits = softmax.input[0]
    proto.graph.output.append(onnx.helper.make_tensor_value_info(logits, onnx.TensorProto.FLOAT, None))
    return _session(proto.SerializeToString()), [FAMILIARITY_NAME, logits, OUTPUT_NAME]


def _scores(
    session: ort.InferenceSession, names: Sequence[str], model: ModelFile, photos: Sequence[Path]
) -> dict[str, Scores]:
    """Return the three scores of photos, by name: float64, ``[N]``."""
    found: dict[str, list[float]] = {FAMILIARITY_NAME: [], "energy": [], "largest_probability": []}
    for path in photos:
        pixels = decode_to_fit(read_file(path), model.card.image, name=path.name)
        familiarity, logits, probabilities = session.run(names, {"image": pixels[None]})
        found[FAMILIARITY_NAME].append(float(familiarity[0]))
        found["energy"].append(float(np.logaddexp.reduce(logits.reshape(-1).astype(np.float64))))
        found["largest_probability"].append(float(probabilities.max()))
    return {name: np.array(values) for name, values in found.items()}


def _row(name: str, judge: Judge) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    drawn = [
        Judge(rng.choice(judge.familiar, len(judge.familiar)), rng.choice(judge.foreign, len(judge.foreign)))
        for _ in range(RESAMPLES)
    ]

    def estimate(values: Sequence[float], value: float) -> dict[str, float]:
        low, high = np.percentile(values, [2.5, 97.5])
        return {"value": value, "low": float(low), "high": float(high)}

    def foreign_at(one: Judge, level: float) -> float:
        return one.accepted(one.threshold_for(level))[1]

    return {
        "score": name,
        "auroc": estimate([one.auroc for one in drawn], judge.auroc),
        "accepted": [
            {"familiar": level, **estimate([foreign_at(one, level) for one in drawn], foreign_at(judge, level))}
            for level in LEVELS
        ],
    }


def _in_file(model: ModelFile, familiar: Scores, foreign: Scores) -> list[dict[str, float]]:
    assert model.card.familiarity is not None
    judge = Judge(familiar, foreign)
    rows = []
    for level in model.card.familiarity.levels:
        accepted, wrongly = judge.accepted(level.threshold)
        rows.append({**asdict(level), "familiar": accepted, "foreign": wrongly})
    return rows


def _own_bytes(model: ModelFile) -> int:
    """Return the size of what only familiarity needs."""
    proto = load_onnx_package().load_model_from_string(model.onnx)
    return sum(tensor.ByteSize() for tensor in proto.graph.initializer if tensor.name.startswith(FAMILIARITY_NAME))


def _cost(name: str, model: ModelFile, photo: Path, rounds: int) -> dict[str, Any]:
    """Return the time of a run of the network with its familiarity, relative to one without, on one thread.

    Both are measured in every round. onnxruntime computes all outputs of a file, asked for or not, so the network
    without has none of what familiarity needs; neither has class activation, which edgecls leaves out, too.
    """
    pixels = decode_to_fit(read_file(photo), model.card.image, name=photo.name)[None]
    lean = without_outputs(model.onnx, ACTIVATION_NAME, FEATURES_NAME)
    sessions = {"with": _session(lean), "without": _session(without_familiarity_output(lean))}

    def run(session: ort.InferenceSession) -> tuple[float, float]:
        processor_s, wall_s = time.process_time(), time.perf_counter()
        session.run(None, {"image": pixels})
        return time.perf_counter() - wall_s, time.process_time() - processor_s

    found = take_turns(
        {key: partial(run, session) for key, session in sessions.items()}, rounds=rounds, warm_up=WARM_UP
    )
    wall, processor = ({key: [pair[at] for pair in found[key]] for key in found} for at in (0, 1))
    fastest = {key: float(np.quantile(processor[key], FAST)) for key in processor}
    return {
        "model": name,
        "ms_without": 1e3 * float(np.median(wall["without"])),
        "time": asdict(ratio_of(wall["with"], wall["without"])),
        "processor_time": asdict(ratio_of(processor["with"], processor["without"])),
        "fast_processor_time": fastest["with"] / fastest["without"],
        "rounds": rounds,
    }


def _session(onnx: bytes) -> ort.InferenceSession:
    settings = ort.SessionOptions()
    settings.intra_op_num_threads = 1
    return ort.InferenceSession(onnx, settings, providers=["CPUExecutionProvider"])


def _print(results: dict[str, Any]) -> None:
    photos = results["photos"]
    print(f"{machine_facts()['processor']}; {photos['familiar']} familiar photos, {photos['foreign']} foreign ones")
    for row in results["rows"]:
        print(f"{row['score']}: AUROC {row['auroc']['value']:.3f}; foreign photos accepted where familiar ones are:")
        for level in row["accepted"]:
            value, low, high = (100 * level[key] for key in ("value", "low", "high"))
            print(f"  {level['familiar']:.0%} of them: {value:.1f} % ({low:.1f} to {high:.1f})")
    print("the thresholds in the file accept:")
    for row in results["in_file"]:
        accepted = f"{row['familiar']:.1%} of the familiar photos and {row['foreign']:.1%} of the foreign ones"
        print(f"  {row['threshold']:.4f}, for {row['accepted']:.0%}: {accepted}")
    print(f"familiarity takes {results['bytes'] / 1000:.0f} kB")
    for cost in results["costs"]:
        ratios = [Estimate(**cost[key]) for key in ("time", "processor_time")]
        print(
            f"{cost['model']}: {cost['ms_without']:.2f} ms without; with it {ratios[0].value:.4f} of the time "
            f"({ratios[0].low:.4f} to {ratios[0].high:.4f}), {ratios[1].value:.4f} of the processor time "
            f"({ratios[1].low:.4f} to {ratios[1].high:.4f}), in fast rounds {cost['fast_processor_time']:.4f}"
        )


if __name__ == "__main__":
    main()
