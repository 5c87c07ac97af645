"""The facts behind `edgecls doctor`: what this machine offers, and what is wrong."""

import os
import platform
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgecls.errors import MissingExtraError, ProviderError
from edgecls.modelfile import read_model
from edgecls.runtime.doctor.bad_pairs import find_bad_pairs, installed_packages
from edgecls.runtime.doctor.installed import installed_versions, readable_formats
from edgecls.runtime.doctor.plugins import PluginCheck, check_plugins
from edgecls.runtime.doctor.provider_check import ProviderCheck, check_provider, not_working
from edgecls.runtime.execution.gpu import GpuReport, this_machine
from edgecls.runtime.execution.ort import load_onnxruntime, stdout_to_stderr
from edgecls.runtime.execution.probe import probe
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.machine import wheels
from edgecls.runtime.machine.cache_folder import CacheState, cache_folder, look_at_cache
from edgecls.runtime.machine.cores import CoreCount, count_cores
from edgecls.runtime.machine.memory import available_memory_bytes, total_memory_bytes
from edgecls.runtime.machine.processor import read_processor
from edgecls.runtime.machine.wheel_floors import missing_floor, this_system
from edgecls.runtime.machine.wheels import Conflict, Wheel

__all__ = ["Diagnosis", "Problem", "diagnose"]

TIMEOUT_S = 1800.0  # TensorRT builds large networks for many minutes
_ESSENTIAL_FORMATS = ("JPEG", "PNG")


@dataclass(frozen=True)
class Problem:
    """Something to know, and what to do about it.

    Attributes:
        what: What was found.
        remedy: Commands or other steps, in their order.
    """

    what: str
    remedy: tuple[str, ...]


@dataclass(frozen=True)
class Diagnosis:
    """This machine as edgecls sees it.

    Attributes:
        versions: As `installed_versions`.
        wheels: Installed wheels that bring onnxruntime or OpenCV.
        conflicts: Those that overwrote each other.
        system: The operating system.
        processor: The processor's name, as far as known.
        cores: How many cores there are and may be used.
        memory_bytes: All memory; None if unknown.
        free_memory_bytes: What this process may still take; None if unknown.
        gpus: What the NVIDIA driver says.
        image_formats: Which formats can be read; empty if OpenCV cannot be loaded.
        cache: The cache folder.
        free_disk_bytes: What is free where the cache is, or in the current folder if there is no place for one.
        model: The model file that the providers were tried with.
        providers: The outcome for each provider, best first; empty without onnxruntime.
        other_providers: Built into the installed onnxruntime, and not used by edgecls.
        plugins: Wheels that bring further ones.
        faults: What is wrong.
        remarks: What could be better.
    """

    versions: dict[str, str | None]
    wheels: tuple[Wheel, ...]
    conflicts: tuple[Conflict, ...]
    system: str
    processor: str
    cores: CoreCount
    memory_bytes: int | None
    free_memory_bytes: int | None
    gpus: GpuReport
    image_formats: dict[str, bool]
    cache: CacheState
    free_disk_bytes: int
    model: str
    providers: tuple[ProviderCheck, ...]
    other_providers: tuple[str, ...]
    plugins: tuple[PluginCheck, ...]
    faults: tuple[Problem, ...]
    remarks: tuple[Problem, ...]

    @property
    def best_provider(self) -> Provider | None:
        """What `auto` takes here; None if nothing works."""
        return next((check.provider for check in self.providers if check.works and not check.by_name_only), None)

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON can hold it, with the verdict first."""
        verdict = "wrong" if self.faults else "fine"
        facts = {"verdict": verdict, "best_provider": self.best_provider, **asdict(self)}
        facts["cores"]["usable"] = self.cores.usable
        return facts


def diagnose(model_path: str, *, on_progress: Callable[[str], None] = lambda text: None) -> Diagnosis:
    """Look at this machine, and try every provider on a model's golden samples.

    Needs no onnxruntime, and finds out that it is not there.

    Args:
        model_path: A self-describing .onnx file.
        on_progress: Called with what is being tried.

    Raises:
        ModelFileError: The model file is missing, damaged or not self-describing.
    """
    read_model(model_path)
    faults: list[Problem] = []
    remarks: list[Problem] = []
    gpus = this_machine()
    conflicts = wheels.find_conflicts()
    for conflict in conflicts:
        kept = _worth_keeping(conflict.wheels, gpus)
        problem = Problem(str(conflict), wheels.commands_for(kept, installed=conflict.wheels))
        (faults if conflict.package == "onnxruntime" else remarks).append(problem)
    for found in find_bad_pairs(installed_packages()):
        is_fault = found.pair.first_is_newer or (found.pair.is_for_gpus and gpus.gpus)
        (faults if is_fault else remarks).append(Problem(str(found), found.pair.remedy))
    formats = _check_images(faults, remarks)
    built_in = _check_onnxruntime(faults, gpus)
    if floor := missing_floor(this_system()):
        is_in_the_way = built_in is None or not formats
        (faults if is_in_the_way else remarks).insert(0, Problem(*floor))  # other advice does not help then
    checks = _try_providers(model_path, on_progress) if built_in is not None else ()
    _judge_providers(checks, gpus, faults, remarks)
    folder = cache_folder()
    cache = look_at_cache(folder)
    if cache.folder is None:
        what = "there is no cache folder for tuning and verification results: the user has no home"
        remarks.append(Problem(what, ("set HOME, or XDG_CACHE_HOME to a folder that can be written",)))
    elif not cache.writable:
        remarks.append(Problem(f"nothing can be kept in {cache.folder}", ("make the folder writable",)))
    unknown_to_it = (Provider.AUTO, Provider.OPENVINO)
    known = {provider.onnxruntime_name for provider in Provider if provider not in unknown_to_it}
    return Diagnosis(
        versions=installed_versions(),
        wheels=wheels.wheels_of("onnxruntime") + wheels.wheels_of("cv2"),
        conflicts=conflicts,
        system=platform.platform(),
        processor=read_processor().name,
        cores=count_cores(),
        memory_bytes=total_memory_bytes(),
        free_memory_bytes=available_memory_bytes(),
        gpus=gpus,
        image_formats=formats,
        cache=cache,
        free_disk_bytes=_free_disk_bytes(folder),
        model=model_path,
        providers=checks,
        other_providers=tuple(name for name in built_in or () if name not in known),
        plugins=check_plugins(timeout_s=TIMEOUT_S) if built_in is not None else (),
        faults=tuple(faults),
        remarks=tuple(remarks),
    )


def _check_images(faults: list[Problem], remarks: list[Problem]) -> dict[str, bool]:
    remedy = wheels.commands_for("opencv-python-headless", installed=wheels.wheels_of("cv2"))
    try:
        formats = readable_formats()
    except ImportError as error:
        faults.append(Problem(f"images cannot be read: OpenCV cannot be loaded ({error})", remedy))
        return {}
    unreadable = [name for name, readable in formats.items() if not readable and name != "HEIC"]  # an extra
    if unreadable:
        essential = any(name in _ESSENTIAL_FORMATS for name in unreadable)
        problem = Problem(f"the installed OpenCV cannot read {', '.join(unreadable)}", remedy)
        (faults if essential else remarks).append(problem)
    return formats


def _check_onnxruntime(faults: list[Problem], gpus: GpuReport) -> tuple[str, ...] | None:
    """Return the providers built into onnxruntime, by its own names, or None where it cannot be loaded."""
    try:
        with stdout_to_stderr():
            return tuple(load_onnxruntime().get_available_providers())
    except MissingExtraError:
        kept = "onnxruntime-gpu" if gpus.gpus else "onnxruntime"
        faults.append(Problem("onnxruntime is not installed, so no model can run", wheels.commands_for(kept)))
    except ProviderError as error:
        installed = wheels.wheels_of("onnxruntime")
        kept = _worth_keeping(installed, gpus) if installed else "onnxruntime"
        what = str(error).partition(";")[0]
        faults.append(Problem(what, wheels.commands_for(kept, installed=installed)))
    return None


def _try_providers(model_path: str, on_progress: Callable[[str], None]) -> tuple[ProviderCheck, ...]:
    checks = []
    for provider in Provider:
        if provider is Provider.AUTO:
            continue
        with stdout_to_stderr():
            hindrance = probe(provider)
        if hindrance:
            checks.append(not_working(hindrance))
        else:
            on_progress(f"trying {provider}")
            checks.append(check_provider(model_path, provider, timeout_s=TIMEOUT_S))
    return tuple(checks)


def _judge_providers(
    checks: tuple[ProviderCheck, ...], gpus: GpuReport, faults: list[Problem], remarks: list[Problem]
) -> None:
    broken = {check.provider: check for check in checks if not check.works}
    if Provider.CPU in broken:
        faults.append(_problem(broken[Provider.CPU]))
    if gpus.gpus and Provider.CUDA in broken:
        has_cuda = any(wheel.name == "onnxruntime-gpu" for wheel in wheels.wheels_of("onnxruntime"))
        (faults if has_cuda else remarks).append(_problem(broken[Provider.CUDA], of="the GPU is not used: "))


def _problem(check: ProviderCheck, *, of: str = "") -> Problem:
    return Problem(f"{of}{check.provider}: {check.reason}", (check.remedy or "",))


def _worth_keeping(installed: tuple[Wheel, ...], gpus: GpuReport) -> str:
    """Return the installed wheel that suits this machine best."""
    names = [wheel.name for wheel in installed]
    best = ["onnxruntime-gpu"] if gpus.gpus else []
    best += ["onnxruntime", "opencv-python-headless"]
    return next((name for name in best if name in names), names[-1])


def _free_disk_bytes(folder: Path | None) -> int:
    places = () if folder is None else (folder, *folder.parents)
    return shutil.disk_usage(next(filter(os.path.isdir, places), os.curdir)).free
