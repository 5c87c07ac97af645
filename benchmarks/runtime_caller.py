"""One runtime, in its own process and virtual environment, which runs networks on request: for benchmarks/runtimes.py.

    python benchmarks/runtime_caller.py RUNTIME NAME=MODEL...

Every line of standard input is a request, as JSON, and gets one line of JSON on standard output. It needs numpy and
the runtime, nothing else.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np

Run = Callable[[Any], Any]  # uint8 images [N, height, width, channels] to probabilities [N, labels]
Open = Callable[[str, int], list[Run]]  # a model file and the number of streams, to one function for each stream

INPUT = "image"
IMAGES = 8  # different ones, in turns, so that no runtime can live on one


def _onnxruntime(path: str, streams: int) -> list[Run]:
    return _shared_session(path, streams, providers=["CPUExecutionProvider"])


def _onnxruntime_openvino(path: str, streams: int) -> list[Run]:
    # One thread a stream; bfloat16, its own choice where the processor has it, would be another network.
    options = {"device_type": "CPU", "num_of_threads": str(streams), "num_streams": str(streams), "precision": "FP32"}
    return _shared_session(path, streams, providers=[("OpenVINOExecutionProvider", options)])


def _shared_session(path: str, streams: int, *, providers: list[Any]) -> list[Run]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=providers, enable_fallback=0)

    def run(images: Any) -> Any:
        return session.run(None, {INPUT: images})[0]

    return [run] * streams


def _edgecls(path: str, streams: int) -> list[Run]:
    import edgecls

    return [edgecls.load(path, "cpu").probabilities] * streams


def _edgecls_on_openvino(path: str, streams: int) -> list[Run]:
    import edgecls

    return [edgecls.load(path, "openvino").probabilities] * streams


def _openvino(path: str, streams: int) -> list[Run]:
    import openvino
    from openvino.properties import hint, inference_num_threads, num_streams

    settings = {
        num_streams: streams,
        inference_num_threads: streams,
        hint.inference_precision: openvino.Type.f32,  # as above
    }
    core = openvino.Core()
    network = core.read_model(path)
    network.reshape([1, *list(network.inputs[0].partial_shape)[1:]])  # for one image, as it is run
    compiled = core.compile_model(network, "CPU", settings)

    def stream() -> Run:
        request = compiled.create_infer_request()
        return lambda images: request.infer({INPUT: images}, share_inputs=True)[0].copy()

    return [stream() for _ in range(streams)]


RUNTIMES: dict[str, Open] = {
    "onnxruntime": _onnxruntime,
    "edgecls": _edgecls,
    "edgecls on openvino": _edgecls_on_openvino,
    "onnxruntime-openvino": _onnxruntime_openvino,
    "openvino": _openvino,
}


def _time(runs: list[Run], images: list[Any], count: int) -> dict[str, float]:
    """Run `count` images in each stream, all streams at once; return seconds on the clock and of the processor."""
    ready = threading.Barrier(len(runs) + 1)

    def repeat(run: Run) -> None:
        ready.wait()
        for index in range(count):
            run(images[index % len(images)])

    threads = [threading.Thread(target=repeat, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    ready.wait()
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.join()
    return {"seconds": time.perf_counter() - start_s, "processor_seconds": time.process_time() - start_cpu_s}


def main() -> None:
    """Answer requests until standard input ends."""
    runtime, *models = sys.argv[1:]
    paths = dict(model.split("=", 1) for model in models)
    answers, sys.stdout = os.fdopen(os.dup(1), "w"), sys.stderr  # whatever a runtime prints is no answer
    os.dup2(2, 1)
    opened: dict[tuple[str, int], list[Run]] = {}
    for line in sys.stdin:
        request = json.loads(line)
        shape, key = request["shape_hwc"], (request["model"], request["streams"])
        images = list(np.random.default_rng(0).integers(0, 256, (IMAGES, 1, *shape), dtype=np.uint8))
        if key not in opened:
            opened[key] = RUNTIMES[runtime](paths[request["model"]], request["streams"])
        if request["count"]:
            answer: dict[str, Any] = _time(opened[key], images, request["count"])
        else:
            rows = np.concatenate([opened[key][0](image) for image in images])
            package = {"edgecls": "onnxruntime", "edgecls on openvino": "openvino"}.get(runtime, runtime)
            answer = {"probabilities": rows.tolist(), "version": f"{package} {version(package)}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
