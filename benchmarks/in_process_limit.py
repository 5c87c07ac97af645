"""How many pictures a second this machine can classify without any server.

Decoding, fitting, inference and the JSON text of the answer, in as many threads as there are usable cores.
Prints one number.

    python benchmarks/in_process_limit.py model.onnx picture.jpg SECONDS [THREADS]
"""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

__all__ = ["measure_limit"]


def measure_limit(model: Path, picture: Path, *, seconds: float, threads: int | None = None) -> float:
    """Return pictures a second, measured in a process of its own."""
    command = [sys.executable, __file__, str(model), str(picture), str(seconds), *([str(threads)] if threads else [])]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Measure and print."""
    from edgecls.runtime.machine.cores import usable_cores
    from edgecls.runtime.opening import load

    picture, seconds = Path(sys.argv[2]).read_bytes(), float(sys.argv[3])
    threads = int(sys.argv[4]) if len(sys.argv) > 4 else usable_cores()
    classifier = load(sys.argv[1], "cpu")
    classifier.predict_bytes(picture)
    done = [0] * threads
    end = time.perf_counter() + seconds

    def work(index: int) -> None:
        while time.perf_counter() < end:
            json.dumps(classifier.predict_bytes(picture).as_dict(top=5), ensure_ascii=False)
            done[index] += 1

    workers = [threading.Thread(target=work, args=(index,)) for index in range(threads)]
    start = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    print(sum(done) / (time.perf_counter() - start))


if __name__ == "__main__":
    main()
