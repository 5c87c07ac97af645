"""Run the benchmarks that fit in 20 minutes on two cores, one by one, and rewrite docs/benchmarks.md.

Each has a time limit. One that fails or exceeds it does not stop the others: the page gives the reason and keeps its
earlier figures. On another machine than before, its figures come beside those of the others
(benchmarks/machines.py). The peers, which install many packages, have a command of their own: `make bench-peers`.

    python benchmarks/run_all.py [--only cold_start,folder]
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from measure import REPOSITORY, write_results

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Benchmark:
    """A script and its bound.

    Attributes:
        script: Its name, without .py.
        seconds: How long it may take.
        options: Its command line.
        needs: A program it needs, and how to get it.
    """

    script: str
    seconds: float
    options: tuple[str, ...] = ()
    needs: tuple[str, str] | None = None


WRK = ("wrk", "apt-get install wrk, or https://github.com/wg/wrk")
BENCHMARKS = (
    Benchmark("install_size", 120),
    Benchmark("cold_start", 60),
    Benchmark("decode_and_fit", 120, ("--rounds", "9")),
    Benchmark("inference", 90),
    Benchmark("scaling", 120),
    Benchmark("int8", 120, ("--rounds", "15")),
    Benchmark("folder", 240, ("--rounds", "5")),
    Benchmark("memory", 60),
    Benchmark("training", 240),
    Benchmark("export", 400, ("--networks", "NASNetMobile")),
    Benchmark("streaming_memory", 120, ("--images", "200", "--factor", "4")),
    Benchmark("fuzz_decoding", 240),
    Benchmark("server_load", 600, ("--seconds", "2"), needs=WRK),
)


def run(benchmark: Benchmark) -> str | None:
    """Run a benchmark; return why it has no new figures, or None if it has."""
    if benchmark.needs and shutil.which(benchmark.needs[0]) is None:
        return f"needs {benchmark.needs[0]}: {benchmark.needs[1]}"
    command = [sys.executable, str(HERE / f"{benchmark.script}.py"), *benchmark.options]
    process = subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        _, errors = process.communicate(timeout=benchmark.seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # with the servers and the programs that it started
        process.communicate()
        return f"not done after {benchmark.seconds:g} s"
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    if process.returncode == 0:
        return None
    return (errors.strip().splitlines() or [f"exit code {process.returncode}"])[-1]


def main() -> None:
    """Run them, say what failed, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="names of scripts, by commas")
    only = parser.parse_args().only
    names = only.split(",") if only else [benchmark.script for benchmark in BENCHMARKS]
    unknown = set(names) - {benchmark.script for benchmark in BENCHMARKS}
    if unknown:
        parser.error(f"--only: no benchmark is called {', '.join(sorted(unknown))}")
    failed: dict[str, str] = {}
    start_s = time.monotonic()
    for benchmark in BENCHMARKS:
        if benchmark.script not in names:
            continue
        print(f"== {benchmark.script} {' '.join(benchmark.options)}", flush=True)
        reason = run(benchmark)
        if reason:
            failed[benchmark.script] = reason
            print(f"{benchmark.script}: {reason}", flush=True)
    minutes = (time.monotonic() - start_s) / 60
    print(f"{minutes:.1f} minutes; {len(failed)} failed")
    write_results("run_all", {"minutes": round(minutes, 1), "failed": failed})
    subprocess.run([sys.executable, str(HERE / "report" / "run.py")], cwd=REPOSITORY, check=True)


if __name__ == "__main__":
    main()
