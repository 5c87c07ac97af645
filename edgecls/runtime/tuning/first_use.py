"""Measuring how a model runs best when this machine meets it for the first time, in no more time than agreed.

It is done in a process of its own: nothing else ends a provider that is slow to open, and what is opened to be measured
would otherwise stay in the memory of a server.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgecls.errors import EdgeclsError, ModelFileError, OutputError
from edgecls.frozen import can_start_children
from edgecls.modelfile import ModelFile, read_model
from edgecls.runtime.execution.child import Child, child_calling, how_it_ended
from edgecls.runtime.execution.providers import Provider, providers_to_try
from edgecls.runtime.machine.cores import busy_load
from edgecls.runtime.setting import Setting
from edgecls.runtime.tuned import Choice, Goal, Hardware, choice_from, choices_folder, keep_choice, tuned_setting
from edgecls.runtime.tuning.timed_images import camera_like_jpegs
from edgecls.runtime.tuning.tune import ModelTuning, Tuning, tune

__all__ = [
    "TIME_LIMIT_S",
    "FirstUse",
    "keep_for_later",
    "measure_first_use",
    "setting_at_first_use",
    "write_findings",
]

TIME_LIMIT_S = 10.0
SPARE_S = 0.4  # of that, for the process to end in
LEAST_S = 2.0  # what it plans with where its start took so long that less is left; it is ended in time all the same
OPENING = 0.7  # of the time; what is not open by then is left out
IMAGES = 8
LOOK_INTERVAL_S = 0.05


@dataclass(frozen=True)
class FirstUse:
    """What was found in the time.

    Attributes:
        choice: The best of what was measured.
        hardware: This machine, as far as the choice depends on it.
        rounds: How often the settings were compared; 0 if the figures are those of warming up.
        said: What to tell the user about it, line by line.
    """

    choice: Choice
    hardware: Hardware
    rounds: int
    said: tuple[str, ...]


def setting_at_first_use(
    model: ModelFile, goal: Goal, *, provider: Provider, workers: int | None, tell: Callable[[str], None]
) -> Setting | None:
    """Return how a model runs best here as `tuned_setting` does, after measuring it if that was not done before.

    Args:
        model: The model file.
        goal: What to optimise for.
        provider: What the caller wants.
        workers: Images to work on at once, as the caller wants it; each then runs in one thread.
        tell: As for `measure_first_use`.

    Returns:
        None if nothing could be measured; the reason has been told.

    Raises:
        As `tuned_setting`.
    """
    setting = tuned_setting(model, goal, provider=provider, workers=workers)
    if setting is not None:
        return setting
    found = measure_first_use(model, provider, tell=tell)
    if found is None:
        return None
    keep_for_later(found, model, provider, tell=tell)
    return found.choice.for_goal(goal).with_workers(workers)


def measure_first_use(
    model: ModelFile,
    provider: Provider,
    *,
    tell: Callable[[str], None],
    seconds: float = TIME_LIMIT_S,
    is_stopped: Callable[[], bool] = lambda: False,
    clock: Callable[[], float] = time.monotonic,
) -> FirstUse | None:
    """Measure how a model runs best here, for `seconds` at most, everything included, and tell what was found.

    Args:
        model: The model file.
        provider: One by name, or AUTO for all that work.
        tell: Takes lines for the user: that it begins, what was chosen, what was not measured.
        seconds: When they are over, the best that was found so far is taken.
        is_stopped: Whether to give up; asked several times a second.
        clock: Tells the time in seconds.

    Returns:
        What was found; None if nothing was, which has been told with the reason.
    """
    name = Path(model.path).stem
    if not can_start_children():
        tell(f"{name} was not measured: this frozen program cannot start a process for it")
        return None
    load = busy_load()
    busy = "" if load is None else f"; it is busy (load {load:.1f}), and the choice will be one for a busy machine"
    tell(f"measuring for up to {seconds:g} s how {name} runs best on this machine{busy}")
    arguments = (model.path, model.network_sha256, provider.value, str(time.time() + seconds))
    child = child_calling(__name__, write_findings.__name__, *arguments, program="measure")
    try:
        findings, ending = _findings_of(child, deadline_s=clock() + seconds, is_stopped=is_stopped, clock=clock)
    except OSError as error:
        findings, ending = [], f"no process can be started for it ({error.strerror or error})"
    found = _last_of(findings, name, model.path)
    if found is None:
        reason = next((finding["error"] for finding in findings if "error" in finding), ending)
        tell(f"{name} was not measured: {reason}; it runs with the defaults")
        return None
    for line in found.said:
        tell(line)
    return found


def keep_for_later(found: FirstUse, model: ModelFile, provider: Provider, *, tell: Callable[[str], None]) -> bool:
    """Keep what was found for the next time, and return whether it is; tell why where it is not.

    A choice for a provider by name is kept apart: it is no answer for those who want the best of all.
    """
    if not found.rounds:
        tell(
            "there was no time to compare, so the choice is for this run only; "
            f"'edgecls tune {model.path} --seconds 60' takes longer"
        )
        return False
    folder = choices_folder()
    if folder is None:
        tell("the choice is for this run only: the user has no home; set XDG_CACHE_HOME to keep it")
        return False
    try:
        keep_choice(found.choice, model.network_sha256, found.hardware, folder=folder, provider=provider)
    except OutputError as error:
        tell(f"the choice is for this run only: {error}")
        return False
    return True


def _findings_of(
    child: Child, *, deadline_s: float, is_stopped: Callable[[], bool], clock: Callable[[], float]
) -> tuple[list[dict[str, Any]], str]:
    """Run a process until it ends or the time is up; return what it has found so far, and how it ended.

    Raises:
        OSError: It cannot be started.
    """
    findings: list[dict[str, Any]] = []
    ending = ""
    with subprocess.Popen(  # noqa: S603  this interpreter with a program of our own
        child.command,
        env=child.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        reader = threading.Thread(target=_read_findings, args=(process, findings), name="edgecls-tuning", daemon=True)
        reader.start()
        try:
            while reader.is_alive() and not ending:
                reader.join(LOOK_INTERVAL_S)
                if is_stopped():
                    ending = "it was stopped"
                elif clock() >= deadline_s:
                    ending = "the time was too short"
        finally:
            if process.poll() is None and reader.is_alive():
                process.kill()
        reader.join()
    return findings, ending or how_it_ended(process.returncode)


def _read_findings(process: "subprocess.Popen[bytes]", findings: list[dict[str, Any]]) -> None:
    for line in process.stdout or ():
        try:
            found = json.loads(line)
        except ValueError:  # said by a library, or cut off
            continue
        if isinstance(found, dict):
            findings.append(found)


def _last_of(findings: list[dict[str, Any]], name: str, path: str) -> FirstUse | None:
    last = next((finding for finding in reversed(findings) if "choice" in finding), None)
    if last is None:
        return None
    hardware: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in last["hardware"].items()
    }
    said = [f"skipped {skipped}" for skipped in last["skipped"]]
    said.append(f"{name}: {last['chosen']}")
    if last["is_hasty"] and last["rounds"]:
        times = "once" if last["rounds"] == 1 else "twice"
        said.append(f"all settings ran {times} only; 'edgecls tune {path} --seconds 60' compares them more often")
    return FirstUse(choice_from(last["choice"]), Hardware(**hardware), last["rounds"], tuple(said))


def write_findings(model_path: str, network_sha256: str, provider: str, ends_at_s: str) -> None:
    """Measure a model and write to standard output what is known after every round, as JSON; then end the process.

    Args:
        model_path: The model file.
        network_sha256: Digest of its network, as the caller knows it.
        provider: As for `measure_first_use`.
        ends_at_s: When this process has to have ended, by `time.time`.
    """
    left_s = max(LEAST_S, float(ends_at_s) - time.time() - SPARE_S)
    wanted = Provider(provider)

    def write(found: Tuning) -> None:
        _write(
            {
                "choice": asdict(found.models[0].choice),
                "hardware": asdict(found.hardware),
                "rounds": found.rounds,
                "is_hasty": found.is_hasty,
                "chosen": _in_words(found.models[0], wanted),
                # Settings that need more time are for edgecls tune; providers that do not work are for everyone.
                "skipped": [str(one) for one in found.skipped if not one.reason.startswith("with ")],
            }
        )

    try:
        model = read_model(model_path)
        if model.network_sha256 != network_sha256:
            raise ModelFileError("another model has taken its place")
        images = camera_like_jpegs(IMAGES)
        write(tune([model], images, provider=wanted, seconds=left_s, wait_s=OPENING * left_s, on_found=write))
    except EdgeclsError as error:
        _write({"error": str(error)})
    os._exit(0)  # a provider may still be opening in a thread


def _write(finding: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(finding) + "\n")
    sys.stdout.flush()


def _in_words(found: ModelTuning, provider: Provider) -> str:
    """Return what was chosen, and how much faster than the default that is."""
    many, one = found.row_of(found.choice.throughput), found.row_of(found.choice.latency)
    usual = _default(found, provider)
    if many.setting == usual:
        text = f"for many images the default is best: {usual}: {many.images_per_s:.1f} images/s"
    else:
        gain = many.images_per_s / found.row_of(usual).images_per_s
        text = (
            f"for many images {many.setting}: {many.images_per_s:.1f} images/s, {gain:.2f} times those of the "
            f"default ({usual})"
        )
    return f"{text}; for one image {one.setting}: {one.latency_ms:.2f} ms"


def _default(found: ModelTuning, provider: Provider) -> Setting:
    """Return the setting with which it would run if nothing was measured."""
    first: dict[Provider, Setting] = {}
    for row in found.rows:
        first.setdefault(row.setting.provider, row.setting)
    return next((first[one] for one in providers_to_try(provider) if one in first), found.rows[0].setting)
