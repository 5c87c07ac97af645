"""How each model of a server runs: as was measured on this machine, before or, with --tune, when the server starts."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from edgecls.modelfile import ModelFile
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.setting import Setting
from edgecls.runtime.tuned import Choice, Goal, keep_choice, tuned_setting

__all__ = ["FoundSettings"]


class FoundSettings:
    """Finds the setting of each model that is opened, and has those measured that were not.

    Only while the server starts: later, requests would disturb the measurement, and it them. A model that comes later
    and was never measured runs with the defaults, which is told.

    Args:
        provider: What the models are to run on.
        tell: Takes a line for the operator.
        shared: A folder in which the processes of this server find choices that could not be kept for later ones;
            None where this is the only process.
    """

    def __init__(self, provider: Provider, tell: Callable[[str], None], shared: Path | None) -> None:
        self._provider = provider
        self._tell = tell
        self._shared = shared
        self._not_kept: dict[str, Choice] = {}  # by the digest of the network
        self._measures = self._is_starting = False
        self._is_stopped: Callable[[], bool] = lambda: False

    @contextlib.contextmanager
    def starting(self, *, measures: bool, is_stopped: Callable[[], bool]) -> Iterator[None]:
        """Load the first models in this block.

        Args:
            measures: Whether to measure those that were not yet; another process has done so otherwise.
            is_stopped: Whether the server is to end; asked while it measures.
        """
        self._measures, self._is_starting, self._is_stopped = measures, True, is_stopped
        try:
            yield
        finally:
            self._measures = self._is_starting = False

    def setting_of(self, model: ModelFile, workers: int | None) -> Setting | None:
        """Return how to run a model, None for the default, with so many images at once unless that is None."""
        for folder in dict.fromkeys((None, self._shared)):
            setting = tuned_setting(model, Goal.THROUGHPUT, provider=self._provider, workers=workers, folder=folder)
            if setting is not None:
                return setting
        choice = self._not_kept.get(model.network_sha256)
        if choice is None and self._measures and not self._is_stopped():
            choice = self._measure(model)
        elif choice is None and not self._is_starting:
            self._tell(
                f"{model.path} was not measured on this machine, and runs with the defaults; to change that, start "
                f"the server again, or run 'edgecls tune {model.path}' and have the model loaded again"
            )
        return None if choice is None else choice.for_goal(Goal.THROUGHPUT).with_workers(workers)

    def _measure(self, model: ModelFile) -> Choice | None:
        from edgecls.runtime.tuning.first_use import keep_for_later, measure_first_use

        found = measure_first_use(model, self._provider, tell=self._tell, is_stopped=self._is_stopped)
        if found is None:
            return None
        choice, digest = found.choice, model.network_sha256
        if not keep_for_later(found, model, self._provider, tell=self._tell):
            self._not_kept[digest] = choice
            if self._shared is not None:
                keep_choice(choice, digest, found.hardware, folder=self._shared, provider=self._provider)
        return choice
