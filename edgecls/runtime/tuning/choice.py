"""The choice for a model on a machine, and where it is kept."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from edgecls.atomic_write import whole_files
from edgecls.errors import OutputError
from edgecls.modelfile import ModelFile
from edgecls.runtime.cache_folder import cache_folder
from edgecls.runtime.providers import Provider
from edgecls.runtime.setting import Setting
from edgecls.runtime.tuning.hardware import Hardware, this_hardware

__all__ = ["FORMAT", "Choice", "Goal", "choices_folder", "find_choice", "keep_choice", "tuned_setting"]

FORMAT = 1
"""The version of the record; one of another version is passed over."""

_MOST = 4096  # of anything that a setting counts; a record with more is damaged


class Goal(StrEnum):
    """What a setting is best for: many pictures (a folder, a server), or one whose answer is waited for."""

    THROUGHPUT = "throughput"
    LATENCY = "latency"


@dataclass(frozen=True)
class Choice:
    """How a model runs best on a machine.

    Attributes:
        throughput: For the most pictures a second.
        latency: For the soonest answer to one picture.
        measured: When it was found, as ISO 8601.
    """

    throughput: Setting
    latency: Setting
    measured: str

    def for_goal(self, goal: Goal) -> Setting:
        """Return the setting that is best for a goal."""
        return self.throughput if goal is Goal.THROUGHPUT else self.latency


def choices_folder() -> Path:
    """Return the folder of all choices; it need not exist."""
    return cache_folder() / "tuning"


def tuned_setting(
    model: ModelFile, goal: Goal, *, provider: Provider = Provider.AUTO, workers: int | None = None
) -> Setting | None:
    """Return how a model was found to run best on this machine, or None if that was not measured.

    Args:
        model: The model file.
        goal: What it shall be best for.
        provider: What the caller wants; nothing was found for it if something else was better.
        workers: Pictures to work on at once, as the caller wants it; each then runs in one thread.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        ProviderError: It cannot be loaded.
    """
    folder = choices_folder()
    if not folder.is_dir():
        return None  # nothing was ever measured, and looking closer takes time
    choice = find_choice(model.network_sha256, this_hardware(), folder=folder)
    if choice is None:
        return None
    setting = choice.for_goal(goal)
    if provider not in (Provider.AUTO, setting.provider):
        return None
    return setting if workers is None else replace(setting, workers=workers, intra_op_threads=1)


def find_choice(network_sha256: str, hardware: Hardware, *, folder: Path) -> Choice | None:
    """Return what is kept for a network on a machine; None if there is nothing, or it is damaged.

    Args:
        network_sha256: Digest of the network.
        hardware: The machine.
        folder: Where choices are kept.
    """
    key = _key(network_sha256, hardware)
    try:
        record = json.loads((folder / _file_name(key)).read_text(encoding="utf-8"))
        if record["key"] != key:
            return None
        return Choice(_setting_from(record["throughput"]), _setting_from(record["latency"]), str(record["measured"]))
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def keep_choice(choice: Choice, network_sha256: str, hardware: Hardware, *, folder: Path) -> Path:
    """Keep a choice, in the place of an earlier one, and return the file.

    Args:
        choice: What was found.
        network_sha256: Digest of the network.
        hardware: The machine.
        folder: Where choices are kept; it is made.

    Raises:
        OutputError: It cannot be kept there.
    """
    key = _key(network_sha256, hardware)
    path = folder / _file_name(key)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot keep the choice in {str(folder)!r}: {error.strerror or error}") from error
    with whole_files(path) as (temporary,):
        temporary.write_text(json.dumps({"key": key, **asdict(choice)}, indent=2) + "\n", encoding="utf-8")
    return path


def _key(network_sha256: str, hardware: Hardware) -> dict[str, Any]:
    """Return all that a choice depends on, as JSON gives it back."""
    facts = {"format": FORMAT, "network_sha256": network_sha256, "hardware": asdict(hardware)}
    key: dict[str, Any] = json.loads(json.dumps(facts))
    return key


def _file_name(key: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:32] + ".json"


def _setting_from(record: dict[str, Any]) -> Setting:
    provider = Provider(record["provider"])
    if provider is Provider.AUTO:
        raise ValueError("a choice names its provider")
    return Setting(provider, *(_count(record[name]) for name in ("workers", "intra_op_threads", "batch_size")))


def _count(value: Any) -> int:
    if type(value) is not int or not 1 <= value <= _MOST:
        raise ValueError(f"{value!r} is no count")
    return value
