"""Do a network's golden samples come out right on a GPU: in float32, TF32 and float16, alone and in batches?

onnxruntime runs the network without edgecls's own check, so that a difference beyond the tolerance is a figure, and not
the end; whether edgecls opens the model stands beside it. Each precision runs in a process of its own, as TF32 is
switched for a whole process.

    python benchmarks/gpu_golden.py flowers.onnx [flowers-fp16.onnx] [--provider cuda] [--batches 1,8,64]
"""

import argparse
import json
from pathlib import Path
from typing import Any

from bound_loop import plain_session
from gpu_inference import PRECISIONS, batch_sizes, in_a_process
from measure import write_results

from edgecls.errors import ProviderError
from edgecls.modelfile import INPUT_NAME, OUTPUT_NAME, read_model
from edgecls.runtime.execution.gpu import this_machine
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.golden import check_golden
from edgecls.runtime.opening import load


def _check_here(model: Path, provider: Provider, batches: list[int]) -> dict[str, Any]:
    card, session = read_model(model).card, plain_session(model, provider, batches)
    found = check_golden(card, lambda batch: session.run([OUTPUT_NAME], {INPUT_NAME: batch})[0], batch_sizes=batches)
    try:
        load(model, provider, batch_sizes=batches).close()
        refused = None
    except ProviderError as error:
        refused = " ".join(str(error).split())
    return {
        "tolerance": card.golden.tolerance,
        "largest_difference": {
            size: max(result.difference for result in found if result.batch_size == size)
            for size in sorted({result.batch_size for result in found})
        },
        "failed": [str(result) for result in found if not result.passed],
        "refused": refused,
    }


def _print(precision: str, row: dict[str, Any]) -> None:
    if "largest_difference" not in row:
        print(f"{precision:8} could not be checked: {row['failed']}")
        return
    differences = ", ".join(f"{value:.2g} at batch {size}" for size, value in row["largest_difference"].items())
    wrong = f"; WRONG {len(row['failed'])} times" if row["failed"] else ""
    print(f"{precision:8} {differences}; allowed {row['tolerance']:g}{wrong}")
    if row["refused"]:
        print(f"{precision:8} edgecls refuses it: {row['refused']}")


def main() -> None:
    """Check, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="in float32")
    parser.add_argument("float16", type=Path, nargs="?", help="the same in float16")
    parser.add_argument("--provider", type=Provider, default=Provider.CUDA)
    parser.add_argument("--batches", type=batch_sizes, default=batch_sizes("1,8,64"))
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.here:
        print(json.dumps(_check_here(arguments.model, arguments.provider, arguments.batches)))
        return
    card, rows = read_model(arguments.model).card, {}
    for precision in PRECISIONS if arguments.float16 else PRECISIONS[:2]:
        model = arguments.float16 if precision == "float16" else arguments.model
        command = [__file__, str(model), "--here", "--provider", arguments.provider.value]
        rows[precision] = in_a_process([*command, "--batches", ",".join(map(str, arguments.batches))], precision, "cpu")
        _print(precision, rows[precision])
    results = {
        "gpus": [gpu.name for gpu in this_machine().gpus],
        "provider": arguments.provider.value,
        "architecture": card.architecture,
        "rows": rows,
    }
    print(f"wrote {write_results(f'gpu_golden_{card.architecture}', results)}")
    unchecked = [precision for precision, row in rows.items() if "largest_difference" not in row]
    if unchecked:
        raise SystemExit(f"not checked: {', '.join(unchecked)}: {' '.join(rows[unchecked[0]]['failed'].split())}")


if __name__ == "__main__":
    main()
