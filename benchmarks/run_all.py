"""Take again what fits in 20 minutes on two cores, one script after the other, and write docs/benchmarks.md.

A script that fails or takes too long is left behind: the page says so, and keeps its earlier figures.

    python benchmarks/run_all.py [--only cold_start folder ...]
"""

import argparse
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from measure import write_results
from report.document import LAST_RUN

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Plan:
    """A script and how much of it fits.

    Attributes:
        script: Its name without the suffix.
        options: For it.
        limit_s: After which it is stopped: twice what it was seen to take on two cores.
        needs: A program that has to be there, and how to get it.
    """

    script: str
    options: str
    limit_s: int
    needs: tuple[str, str] | None = None


WRK = ("wrk", "apt-get install wrk")
PLANS = (
    Plan("cold_start", "--rounds 20", 60),
    Plan("memory", "--rounds 5", 90),
    Plan("decode_and_fit", "--rounds 9", 150),
    Plan("folder", "--rounds 5", 400),
    Plan("server_load", "--rounds 5 --seconds 1.5", 700, WRK),
    Plan("export", "--rounds 5 --networks NASNetMobile", 600),
)


def main() -> None:
    """Run them, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=[plan.script for plan in PLANS], metavar="SCRIPT")
    only = parser.parse_args().only
    start_s = time.monotonic()
    failed: dict[str, str] = {}
    seconds: dict[str, float] = {}
    for plan in PLANS:
        if only and plan.script not in only:
            continue
        print(f"\n== {plan.script} {plan.options}", flush=True)
        began_s = time.monotonic()
        reason = _run(plan)
        seconds[plan.script] = round(time.monotonic() - began_s, 1)
        if reason:
            failed[plan.script] = reason
            print(f"left behind: {reason}", flush=True)
    write_results(LAST_RUN, {"seconds": seconds, "failed": failed})
    print(f"\n{time.monotonic() - start_s:.0f} s in all", flush=True)
    subprocess.run([sys.executable, HERE / "render_report.py"], check=True)


def _run(plan: Plan) -> str | None:
    """Return why there are no figures; None if there are."""
    if plan.needs and shutil.which(plan.needs[0]) is None:
        return f"it needs {plan.needs[0]}: {plan.needs[1]}"
    command = [sys.executable, str(HERE / f"{plan.script}.py"), *plan.options.split()]
    try:
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=plan.limit_s, check=False)
    except subprocess.TimeoutExpired:
        return f"it took more than {plan.limit_s} s"
    if done.returncode == 0:
        return None
    return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1][:200]


if __name__ == "__main__":
    main()
