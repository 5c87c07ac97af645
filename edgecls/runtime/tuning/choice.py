"""The choice for a model on a machine, and where it is kept."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgecls.atomic_write import whole_files
from edgecls.errors import OutputError
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.setting import Setting
from edgecls.runtime.tuning.goal import Goal
from edgecls.runtime.tuning.hardware import Hardware

__all__ = ["FORMAT", "Choice", "find_choice", "keep_choice"]

FORMAT = 1
"""The version of the record; one of another version is passed over."""

_MOST = 4096  # of anything that a setting counts; a record with more is damaged


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
