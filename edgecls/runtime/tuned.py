"""How a model runs best on this machine, as `edgecls tune` found: kept by network and hardware, and looked up.

A choice is keyed by the digest of the network and the facts of the hardware, so a change of either invalidates it.
"""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from edgecls.errors import OutputError
from edgecls.modelfile import ModelFile
from edgecls.runtime.execution.ort import load_onnxruntime
from edgecls.runtime.execution.providers import Provider, installed_providers, openvino_version
from edgecls.runtime.machine.cache_folder import cache_folder
from edgecls.runtime.machine.cores import usable_cores
from edgecls.runtime.machine.processor import read_processor
from edgecls.runtime.setting import Setting

__all__ = [
    "FORMAT",
    "Choice",
    "Goal",
    "Hardware",
    "choice_from",
    "choices_folder",
    "find_choice",
    "keep_choice",
    "this_hardware",
    "tuned_setting",
]

FORMAT = 1
"""The version of the record; others are ignored."""

_MOST = 4096  # of anything that a setting counts; a record with more is damaged


class Goal(StrEnum):
    """What a setting is best for: many images (a folder, a server), or one whose answer is waited for."""

    THROUGHPUT = "throughput"
    LATENCY = "latency"


@dataclass(frozen=True)
class Hardware:
    """A machine and its runtime; when any of this changes, earlier measurements no longer apply.

    Attributes:
        processor: Name of the processor.
        features: SHA-256 of the names of its features.
        cores: Those this process may use.
        gpus: Names of the NVIDIA GPUs; empty if the installed onnxruntime cannot use any.
        driver: Version of their driver, or the CUDA it runs; empty without GPUs.
        onnxruntime: Its version.
        openvino: Version of OpenVINO; empty where it is not installed.
        providers: Those that are installed; plugins with their versions.
    """

    processor: str
    features: str
    cores: int
    gpus: tuple[str, ...]
    driver: str
    onnxruntime: str
    openvino: str
    providers: tuple[str, ...]


@dataclass(frozen=True)
class Choice:
    """How a model runs best on a machine.

    Attributes:
        throughput: For the most images a second.
        latency: For the soonest answer to one image.
        measured: When it was found, as ISO 8601.
    """

    throughput: Setting
    latency: Setting
    measured: str

    def for_goal(self, goal: Goal) -> Setting:
        """Return the setting that is best for a goal."""
        return self.throughput if goal is Goal.THROUGHPUT else self.latency


def tuned_setting(
    model: ModelFile,
    goal: Goal,
    *,
    provider: Provider = Provider.AUTO,
    workers: int | None = None,
    folder: Path | None = None,
) -> Setting | None:
    """Return how a model was found to run best on this machine, or None if that was not measured.

    Args:
        model: The model file.
        goal: What to optimise for.
        provider: What the caller wants: there is no setting for it if another was found better, unless this one was
            measured alone.
        workers: Images to work on at once, as the caller wants it; each then runs in one thread.
        folder: Where choices are kept; None for the user's.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        ProviderError: It cannot be loaded.
    """
    folder = folder or choices_folder()
    if folder is None or not os.path.isdir(folder):  # Path.is_dir raises where access is denied
        return None
    hardware = this_hardware()
    for measured in dict.fromkeys((provider, Provider.AUTO)):
        choice = find_choice(model.network_sha256, hardware, folder=folder, provider=measured)
        setting = None if choice is None else choice.for_goal(goal)
        if setting is not None and provider in (Provider.AUTO, setting.provider):
            return setting.with_workers(workers)
    return None


def choices_folder() -> Path | None:
    """Return the folder of all choices; it need not exist. None where there is no place for one."""
    cache = cache_folder()
    return None if cache is None else cache / "tuning"


def this_hardware() -> Hardware:
    """Return the machine that this is.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        ProviderError: It cannot be loaded.
    """
    processor = read_processor()
    providers = installed_providers()
    gpus: tuple[str, ...] = ()
    driver = ""
    if any(one.runs_on_nvidia for one in providers):  # asking the driver takes a tenth of a second
        from edgecls.runtime.execution.gpu import this_machine

        report = this_machine()
        gpus, driver = tuple(gpu.name for gpu in report.gpus), report.driver or report.cuda or ""
    return Hardware(
        processor=processor.name,
        features=hashlib.sha256(" ".join(processor.features).encode()).hexdigest(),
        cores=usable_cores(),
        gpus=gpus,
        driver=driver,
        onnxruntime=load_onnxruntime().__version__,
        openvino=openvino_version() or "",
        providers=tuple(map(_with_version, providers)),
    )


def _with_version(provider: Provider) -> str:
    if not provider.plugin_module:
        return provider
    from edgecls.runtime.execution.plugins import PLUGINS, installed_version  # few installations have any

    return " ".join((provider, *(installed_version(PLUGINS[provider]) or ())))


def find_choice(
    network_sha256: str, hardware: Hardware, *, folder: Path, provider: Provider = Provider.AUTO
) -> Choice | None:
    """Return what is kept for a network on a machine; None if there is nothing, or it is damaged.

    Args:
        network_sha256: Digest of the network.
        hardware: The machine.
        folder: Where choices are kept.
        provider: What `keep_choice` was told.
    """
    key = _key(network_sha256, hardware, provider)
    try:
        record = json.loads((folder / _file_name(key)).read_text(encoding="utf-8"))
        if record["key"] != key:
            return None
        return choice_from(record)
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def keep_choice(
    choice: Choice, network_sha256: str, hardware: Hardware, *, folder: Path, provider: Provider = Provider.AUTO
) -> Path:
    """Keep a choice, replacing an earlier one, and return the file.

    Args:
        choice: What was found.
        network_sha256: Digest of the network.
        hardware: The machine.
        folder: Where choices are kept; it is made.
        provider: By name where the choice is only for those who want that one; AUTO where it is for all.

    Raises:
        OutputError: It cannot be kept there.
    """
    from edgecls.atomic_write import whole_files

    key = _key(network_sha256, hardware, provider)
    path = folder / _file_name(key)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot keep the choice in {str(folder)!r}: {error.strerror or error}") from error
    with whole_files(path) as (temporary,):
        temporary.write_text(json.dumps({"key": key, **asdict(choice)}, indent=2) + "\n", encoding="utf-8")
    return path


def _key(network_sha256: str, hardware: Hardware, provider: Provider) -> dict[str, Any]:
    """Return all that a choice depends on, as JSON gives it back."""
    facts: dict[str, Any] = {"format": FORMAT, "network_sha256": network_sha256, "hardware": asdict(hardware)}
    if provider is not Provider.AUTO:
        facts["provider"] = provider
    key: dict[str, Any] = json.loads(json.dumps(facts))
    return key


def _file_name(key: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:32] + ".json"


def choice_from(record: dict[str, Any]) -> Choice:
    """Return a choice that was a dictionary for a while, as `dataclasses.asdict` makes it.

    Raises:
        ValueError, TypeError, KeyError: It is damaged.
    """
    return Choice(_setting_from(record["throughput"]), _setting_from(record["latency"]), str(record["measured"]))


def _setting_from(record: dict[str, Any]) -> Setting:
    provider = Provider(record["provider"])
    if provider is Provider.AUTO:
        raise ValueError("a choice must name its provider")
    return Setting(provider, *(_count(record[name]) for name in ("workers", "intra_op_threads", "batch_size")))


def _count(value: Any) -> int:
    if type(value) is not int or not 1 <= value <= _MOST:
        raise ValueError(f"{value!r} is no count")
    return value
