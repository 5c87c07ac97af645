"""How many images a second this machine can classify without any server.

Decoding, fitting, inference and the JSON text of the answer, in as many threads as there are usable cores. On another
provider than the CPU, the smaller one of two: decoding and fitting in all threads, and inference in batches.
Prints one number.

    python benchmarks/in_process_limit.py model.onnx image.jpg SECONDS THREADS PROVIDER
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["measure_limit", "rate_of"]

BATCH = 64  # on a GPU


def measure_limit(
    model: Path, image: Path, *, seconds: float, threads: int | None = None, provider: str = "cpu"
) -> float:
    """Return images a second, measured in a process of its own."""
    command = [sys.executable, __file__, str(model), str(image), str(seconds), str(threads or 0), provider]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def rate_of(work: Callable[[], object], threads: int, seconds: float) -> float:
    """Return how often a second so many threads of this process together do a piece of work."""
    done = [0] * threads
    end = time.perf_counter() + seconds

    def repeat(index: int) -> None:
        while time.perf_counter() < end:
            work()
            done[index] += 1

    workers = [threading.Thread(target=repeat, args=(index,)) for index in range(threads)]
    start = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(done) / (time.perf_counter() - start)


def main() -> None:
    """Measure and print."""
    import numpy as np

    from edgecls import image
    from edgecls.runtime.machine.cores import usable_cores
    from edgecls.runtime.opening import load

    encoded, seconds = Path(sys.argv[2]).read_bytes(), float(sys.argv[3])
    threads, provider = int(sys.argv[4]) or usable_cores(), sys.argv[5]
    if provider == "cpu":
        classifier = load(sys.argv[1], "cpu")
        classifier.predict_bytes(encoded)
        answer = lambda: json.dumps(classifier.predict_bytes(encoded).as_dict(top=5), ensure_ascii=False)  # noqa: E731
        print(rate_of(answer, threads, seconds))
        return
    batch = 1 if threads == 1 else BATCH
    classifier = load(sys.argv[1], provider, batch_sizes=[batch])
    spec = classifier.card.image
    pixels = np.repeat(image.decode_to_fit(encoded, spec)[np.newaxis], batch, axis=0)
    decoding = rate_of(lambda: image.decode_to_fit(encoded, spec), threads, seconds / 2)
    inference = batch * rate_of(lambda: classifier.probabilities(pixels), 1, seconds / 2)
    print(min(decoding, inference))


if __name__ == "__main__":
    main()
