"""Looking up how a model runs best here; every `edgecls run` does it, so it loads little until there is something."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from edgecls.modelfile import ModelFile
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.machine.cache_folder import cache_folder
from edgecls.runtime.tuning.goal import Goal

if TYPE_CHECKING:
    from edgecls.runtime.setting import Setting

__all__ = ["choices_folder", "tuned_setting"]


def choices_folder() -> Path | None:
    """Return the folder of all choices; it need not exist. None where there is no place for one."""
    cache = cache_folder()
    return None if cache is None else cache / "tuning"


def tuned_setting(
    model: ModelFile, goal: Goal, *, provider: Provider = Provider.AUTO, workers: int | None = None
) -> "Setting | None":
    """Return how a model was found to run best on this machine, or None if that was not measured.

    Args:
        model: The model file.
        goal: What it shall be best for.
        provider: What the caller wants; there is no setting for it if another was found better.
        workers: Pictures to work on at once, as the caller wants it; each then runs in one thread.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        ProviderError: It cannot be loaded.
    """
    folder = choices_folder()
    if folder is None or not os.path.isdir(folder):  # and not Path.is_dir, which raises where it may not look
        return None
    from dataclasses import replace

    from edgecls.runtime.tuning.choice import find_choice
    from edgecls.runtime.tuning.hardware import this_hardware

    choice = find_choice(model.network_sha256, this_hardware(), folder=folder)
    if choice is None:
        return None
    setting = choice.for_goal(goal)
    if provider not in (Provider.AUTO, setting.provider):
        return None
    return setting if workers is None else replace(setting, workers=workers, intra_op_threads=1)
