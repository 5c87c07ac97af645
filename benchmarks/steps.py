"""Steps of a long measurement in a short time: each a process with a bound, and a record that is whole after every one.

A step that fails or takes too long is skipped with its reason, and the next one begins. A record that was cut off at
any moment goes on: steps that are done are not run again, those that were skipped are tried again. What the steps'
scripts write to the folder of results (benchmarks/measure.py) goes into the record, so that one file holds everything.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from machines import machine_key
from server_process import ServerProcess

__all__ = ["DONE", "LEAST_S", "REPOSITORY", "Step", "read_record", "run_steps", "store_results", "unpack_results"]

LEAST_S = 5.0  # a step is not begun with less time than that
GRACE_S = 5.0  # for a step that is stopped to stop what it has started
KEPT = 6000  # characters at the end of what a step prints
REPOSITORY = Path(__file__).parent.parent

DONE, SKIPPED, BEGUN = "done", "skipped", "begun"


@dataclass(frozen=True)
class Step:
    """A piece of work in a process of its own.

    Attributes:
        name: In the record; of its kind the only one.
        command: What is run, with the repository as its working directory.
        budget_s: How long it may take.
        environment: Added to that of this process.
        hindrance: Why it cannot be run here, if that is known beforehand.
    """

    name: str
    command: tuple[str, ...]
    budget_s: float
    environment: Mapping[str, str] = field(default_factory=dict)
    hindrance: str | None = None

    @property
    def called(self) -> str:
        """The command as the record shows it: without what differs between machines."""
        return " ".join("python" if word == sys.executable else Path(word).name for word in self.command)


def read_record(path: Path) -> dict[str, Any]:
    """Return a record by the steps' names, empty if there is none yet.

    Raises:
        SystemExit: There is a file that is no record.
    """
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return dict(record["steps"])
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError) as error:
        raise SystemExit(
            f"{path} is no record of steps ({error!r}); move it away, or name another with --record"
        ) from error


def run_steps(steps: Sequence[Step], path: Path, *, total_s: float, again: Sequence[str] = ()) -> dict[str, Any]:
    """Run what the record does not have yet, and return the record by the steps' names.

    Args:
        steps: In their order; what comes first is surest to be done.
        path: The record; written anew when a step begins and when it has ended.
        total_s: For all steps together. Those whose time does not come are skipped.
        again: Names of steps to run even if they are done.
    """
    end = time.monotonic() + total_s
    record = {name: entry for name, entry in read_record(path).items() if name in {step.name for step in steps}}
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        results = Path(scratch)
        unpack_results(record, results)  # a script may add to what an earlier step has found
        for index, step in enumerate(steps, 1):
            head = f"[{index}/{len(steps)}] {step.name}"
            earlier = record.get(step.name, {})
            if earlier.get("state") == DONE and earlier.get("command") == step.called and step.name not in again:
                print(f"{head}: done before", flush=True)
                continue
            left_s = end - time.monotonic() - GRACE_S
            budget_s = min(step.budget_s, left_s)
            print(f"{head}: at most {max(0.0, budget_s):.0f} s", flush=True)
            record[step.name] = {"state": BEGUN, "reason": "it was cut off", "command": step.called}
            _write(path, record)
            hindrance = step.hindrance
            if hindrance is None and left_s < min(LEAST_S, step.budget_s):
                hindrance = f"the {total_s:g} s for all steps are over"
            if hindrance is None:
                record[step.name] |= _run(step, budget_s, results)
            else:
                record[step.name] |= {"state": SKIPPED, "reason": hindrance, "seconds": 0.0}
            _write(path, record)
            _print(record[step.name])
    return record


def unpack_results(record: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write the results in a record as the scripts wrote them, later steps' last, and return where."""
    return _write_results({folder / name: result for name, result in _latest_results(record).items()})


def store_results(record: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write the results in a record into the folders of their machines in there, and return where."""
    found = _latest_results(record)
    return _write_results({folder / machine_key(result["machine"]) / name: result for name, result in found.items()})


def _latest_results(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: result for entry in record.values() for name, result in entry.get("results", {}).items()}


def _write_results(results: Mapping[Path, Any]) -> list[Path]:
    for path, result in results.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return list(results)


def _run(step: Step, budget_s: float, results: Path) -> dict[str, Any]:
    before = {path.name: path.read_bytes() for path in results.glob("*.json")}
    environment = {**os.environ, "EDGECLS_BENCH_RESULTS": str(results), "PYTHONUNBUFFERED": "1", **step.environment}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
    start = time.monotonic()
    with tempfile.TemporaryFile() as printed:
        try:
            process = subprocess.Popen(
                step.command,
                cwd=REPOSITORY,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            return {"state": SKIPPED, "reason": f"cannot be started: {error}", "seconds": 0.0}
        reason = _wait(process, budget_s)
        printed.seek(0)
        output = printed.read().decode(errors="replace").strip()[-KEPT:]
    if reason is None and process.returncode:
        last = output.splitlines()[-1] if output else "it printed nothing"
        reason = f"exit code {process.returncode}: {last}"
    return {
        "state": SKIPPED if reason else DONE,
        "reason": reason,
        "seconds": round(time.monotonic() - start, 1),
        "output": output,
        "results": _new_results(results, before),
    }


def _wait(process: "subprocess.Popen[bytes]", budget_s: float) -> str | None:
    """Wait for a process to end, and return why it was ended if it was."""
    try:
        process.wait(timeout=budget_s)
    except subprocess.TimeoutExpired:
        _stop(process)
        return f"not done after {budget_s:.0f} s"
    except BaseException:
        _stop(process)
        raise
    return None


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End a process with all below it: also servers, which are in sessions of their own."""
    everything = ServerProcess("", 0.0, process).processes()
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=GRACE_S)
    for pid in everything:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def _new_results(folder: Path, before: Mapping[str, bytes]) -> dict[str, Any]:
    found = {}
    for path in sorted(folder.glob("*.json")):
        with contextlib.suppress(ValueError):  # half written by a script that was stopped
            if path.read_bytes() != before.get(path.name):
                found[path.name] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _print(entry: Mapping[str, Any]) -> None:
    print("\n".join(f"    {line}" for line in entry.get("output", "").splitlines()), flush=True)
    outcome = "done" if entry["state"] == DONE else f"SKIPPED: {entry['reason']}"
    print(f"  {outcome} ({entry['seconds']:.1f} s)", flush=True)


def _write(path: Path, record: Mapping[str, Any]) -> None:
    """Write the record so that whoever reads it, whenever, reads a whole one."""
    written = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "steps": record}
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    beside.replace(path)
