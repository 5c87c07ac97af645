"""What does gRPC cost beside HTTP?

One server answers both. Triton's two clients send it the same images, in turns: pixels at the model's size, and a photo
as it is, each from so many threads. Clients and server share the cores, so the CPU time of the server a request stands
beside the throughput.

    python benchmarks/grpc_load.py [--rounds 7] [--seconds 2] [--threads 1,8] [--model my.onnx] [--provider cpu]
"""

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import tritonclient.grpc
import tritonclient.http
from measure import byte_compile, machine_facts, write_results
from server_load import write_images
from server_process import ServerProcess
from small_model import write_small_model

from edgecls.commands.options import BUNDLED_MODEL
from edgecls.measuring.turns import ratio_of, take_turns
from edgecls.modelfile import read_model
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.machine.cores import usable_cores

PROTOCOLS: dict[str, ModuleType] = {"http": tritonclient.http, "grpc": tritonclient.grpc}


def _start(model: Path, provider: Provider) -> tuple[ServerProcess, dict[str, str]]:
    """Start a server; return it and where it listens, by protocol."""
    command = [sys.executable, "-m", "edgecls", "serve", str(model), "--provider", provider, "--port", "0"]
    process = subprocess.Popen([*command, "--grpc-port", "0"], stderr=subprocess.PIPE)
    addresses: dict[str, str] = {}
    assert process.stderr is not None
    for line in process.stderr:
        text = line.decode()
        if found := re.search(r"^listening on http://(\S+)|^listening for gRPC on (\S+)", text):
            addresses["http" if found[1] else "grpc"] = found[1] or found[2]
        if text.startswith("ready: "):
            return ServerProcess("", 0.0, process), addresses
    raise RuntimeError("the server did not start")


def _tensor(client: ModuleType, model: Path, image: Path, form: str) -> Any:
    if form == "photo":
        tensor = client.InferInput("image", [1], "BYTES")
        tensor.set_data_from_numpy(np.array([image.read_bytes()], dtype=object))
        return tensor
    shape = [1, *read_model(model).card.image.shape_hwc]
    tensor = client.InferInput("image", shape, "UINT8")
    tensor.set_data_from_numpy(np.random.default_rng(0).integers(0, 256, shape, np.uint8))
    return tensor


def _load(client: ModuleType, address: str, name: str, tensor: Any, threads: int, seconds: float) -> float:
    """Send requests for so long; return how many were answered a second."""
    end_s, started = time.perf_counter() + seconds, threading.Barrier(threads)

    def send() -> int:
        connection = client.InferenceServerClient(address)
        count = 0
        started.wait()
        while time.perf_counter() < end_s:
            connection.infer(name, [tensor])
            count += 1
        connection.close()
        return count

    with ThreadPoolExecutor(threads) as pool:
        return sum(future.result() for future in [pool.submit(send) for _ in range(threads)]) / seconds


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--threads", default="1,8")
    parser.add_argument("--model", type=Path, action="append", help="instead of the bundled and the small one")
    parser.add_argument("--provider", type=Provider, default=Provider.CPU)
    arguments = parser.parse_args()
    byte_compile()
    print(f"{machine_facts()['processor']}, {usable_cores()} cores, {arguments.rounds} rounds")
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        photo = write_images(Path(scratch))["photo"]
        for model in arguments.model or [BUNDLED_MODEL, write_small_model(Path(scratch) / "small.onnx")]:
            server, addresses = _start(model, arguments.provider)
            try:
                for form in ("pixels", "photo"):
                    for threads in map(int, arguments.threads.split(",")):
                        rows.append(_compare(server, addresses, model, photo, form, threads, arguments))
            finally:
                server.process.terminate()
                server.process.wait()
                if server.process.stderr:
                    server.process.stderr.close()
    name = "grpc_load" if arguments.provider is Provider.CPU else f"grpc_load_{arguments.provider}"
    print(f"wrote {write_results(name, {'rounds': arguments.rounds, 'rows': rows})}")


def _compare(
    server: ServerProcess,
    addresses: dict[str, str],
    model: Path,
    photo: Path,
    form: str,
    threads: int,
    arguments: argparse.Namespace,
) -> dict[str, Any]:
    def measure(protocol: str) -> Callable[[], tuple[float, float]]:
        client = PROTOCOLS[protocol]
        tensor = _tensor(client, model, photo, form)

        def turn() -> tuple[float, float]:
            before_s = server.cpu_s()
            rate = _load(client, addresses[protocol], model.stem, tensor, threads, arguments.seconds)
            return rate, 1000 * (server.cpu_s() - before_s) / max(1.0, rate * arguments.seconds)

        return turn

    taken = take_turns({protocol: measure(protocol) for protocol in PROTOCOLS}, rounds=arguments.rounds)
    (http_rates, http_cpu), (grpc_rates, grpc_cpu) = (zip(*taken[protocol], strict=True) for protocol in PROTOCOLS)
    throughput, cpu = ratio_of(grpc_rates, http_rates), ratio_of(grpc_cpu, http_cpu)
    row = {
        "model": model.stem,
        "form": form,
        "threads": threads,
        "http_per_s": [round(rate, 1) for rate in http_rates],
        "grpc_per_s": [round(rate, 1) for rate in grpc_rates],
        "throughput_of_http": asdict(throughput),
        "http_cpu_ms": round(statistics.median(http_cpu), 3),
        "grpc_cpu_ms": round(statistics.median(grpc_cpu), 3),
        "cpu_of_http": asdict(cpu),
    }
    print(
        f"{model.stem:10} {form:7} {threads} threads  HTTP {statistics.median(http_rates):7.1f}/s  "
        f"gRPC {statistics.median(grpc_rates):7.1f}/s, {throughput} of HTTP;  CPU of the server a request "
        f"{row['http_cpu_ms']} and {row['grpc_cpu_ms']} ms, {cpu}",
        flush=True,
    )
    return row


if __name__ == "__main__":
    main()
