"""Which models are served, by name, and whether the server can answer."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from edgecls.errors import EdgeclsError, ModelFileError
from edgecls.runtime.classifier import Classifier
from edgecls.server.models.served_model import ServedModel, open_model

__all__ = [
    "IndexEntry",
    "ModelState",
    "NotReadyError",
    "Readiness",
    "Repository",
    "UnknownModelError",
    "facts_of_models",
]

RETRY_S = 1


class UnknownModelError(EdgeclsError):
    """The server has no model of that name."""


class NotReadyError(EdgeclsError):
    """A model, or the server, cannot answer now.

    Attributes:
        retry_s: When to try again, in seconds; None where waiting does not help.
    """

    def __init__(self, message: str, *, retry_s: int | None = None) -> None:
        super().__init__(message)
        self.retry_s = retry_s


class ModelState(StrEnum):
    """What a model is doing, in the words of protocol v2."""

    LOADING = "LOADING"
    READY = "READY"
    UNAVAILABLE = "UNAVAILABLE"


@dataclass(frozen=True)
class IndexEntry:
    """A model that the server knows.

    Attributes:
        name: What requests call it.
        file: Where it is loaded from.
        state: What it is doing.
        reason: Why it is not ready, or why a newer file was not taken; empty if all is well.
    """

    name: str
    file: Path
    state: ModelState
    reason: str = ""


class Repository:
    """The models of a server; all methods may be called from any thread.

    A model that is loaded again is opened and verified while the old one serves, and then takes its place: no request
    meets a gap, and a model that cannot be used leaves the old one serving.

    Args:
        files: Model files. The first is what requests without a model's name get.
        load: Opens a model file.
        names: What requests call them, one for each; none at all for the names of the files without the suffix.
        on_load: Called after each try to open a model, with its name and why that failed; None where it did not.

    Raises:
        ModelFileError: Two have the same name.
    """

    def __init__(
        self,
        files: Sequence[Path],
        load: Callable[[Path], Classifier],
        *,
        names: Sequence[str] = (),
        on_load: Callable[[str, EdgeclsError | None], None] = lambda name, error: None,
    ) -> None:
        self._load = load
        self._on_load = on_load
        names = names or [file.stem for file in files]
        self._files = dict(zip(names, files, strict=True))
        if len(self._files) < len(files):
            doubled = next(name for name in names if names.count(name) > 1)
            raise ModelFileError(
                f"two models are called {doubled!r}, but requests select a model by name; rename a file "
                "or name the model with NAME=FILE"
            )
        self._default = names[0]
        self._serving: dict[str, ServedModel] = {}
        self._reasons: dict[str, str] = {}
        self._loading: set[str] = set(self._files)
        self._one_at_a_time = threading.Lock()

    @property
    def ready(self) -> bool:
        """True while every model that is meant to be served is."""
        return bool(self._serving) and not self._loading - self._serving.keys()

    def model(self, name: str | None = None) -> ServedModel:
        """Return a model by name, or the first one.

        Raises:
            UnknownModelError: There is no model of that name.
            NotReadyError: It is not loaded.
        """
        wanted = self._default if name is None else name
        found = self._serving.get(wanted)
        if found is not None:
            return found
        self._file(wanted)
        if wanted in self._loading:
            raise NotReadyError("the model is still being loaded and checked; try again shortly", retry_s=RETRY_S)
        reason = self._reasons.get(wanted, "it was unloaded")
        raise NotReadyError(f"model {wanted!r} is not loaded: {reason}")

    def serving(self, name: str) -> ServedModel | None:
        """Return a model by name, None where it is not ready."""
        return self._serving.get(name)

    def index(self) -> list[IndexEntry]:
        """Return what is known of every model, in the order of the files."""
        return [self._entry(name, file) for name, file in self._files.items()]

    def load_all(self) -> None:
        """Load the models that are not loaded yet.

        Raises:
            EdgeclsError: One cannot be used; those before it are served.
        """
        for name in self._files:
            if name not in self._serving:
                self.load(name)

    def load(self, name: str) -> ServedModel:
        """Load a model, or load it again, and serve it from then on.

        Raises:
            UnknownModelError: There is no model of that name.
            EdgeclsError: It cannot be used. If it was served before, the old one still is.
        """
        file = self._file(name)
        with self._one_at_a_time:
            self._loading.add(name)
            try:
                model = self._opened(name, file)
            except EdgeclsError as error:
                self._reasons[name] = str(error)
                raise
            finally:
                self._loading.discard(name)
            self._reasons.pop(name, None)
            self._serving[name] = model
            return model

    def open(self, name: str, file: Path) -> ServedModel:
        """Return a model, opened and verified, that is not served.

        Raises:
            EdgeclsError: It cannot be used.
        """
        with self._one_at_a_time:
            return self._opened(name, file)

    def serve_first(self, name: str, file: Path, model: ServedModel) -> None:
        """Serve a model that was opened; requests that name no model get it from now on.

        It takes the place of one of the same name.
        """
        with self._one_at_a_time:
            others = {known: where for known, where in self._files.items() if known != name}
            self._serving[name] = model
            self._reasons.pop(name, None)
            self._files = {name: file, **others}
            self._default = name

    def forget(self, name: str) -> None:
        """Serve a model no more and do not know it any more; requests that name no model get the next one."""
        with self._one_at_a_time:
            files = {known: where for known, where in self._files.items() if known != name}
            if files:
                self._default = next(iter(files))
                self._files = files
                self._serving.pop(name, None)

    def unload(self, name: str) -> None:
        """Serve a model no more; requests that have it already end as usual.

        Raises:
            UnknownModelError: There is no model of that name.
            NotReadyError: It is not loaded.
        """
        self.model(name)
        with self._one_at_a_time:
            self._serving.pop(name, None)

    def _opened(self, name: str, file: Path) -> ServedModel:
        try:
            model = open_model(name, file, self._load(file))
        except EdgeclsError as error:
            self._on_load(name, error)
            raise
        self._on_load(name, None)
        return model

    def _file(self, name: str) -> Path:
        file = self._files.get(name)
        if file is None:
            known = ", ".join(self._files)
            raise UnknownModelError(f"there is no model {name[:100]!r}; the models are: {known}")
        return file

    def _entry(self, name: str, file: Path) -> IndexEntry:
        if name in self._serving:
            state = ModelState.READY
        else:
            state = ModelState.LOADING if name in self._loading else ModelState.UNAVAILABLE
        return IndexEntry(name, file, state, self._reasons.get(name, ""))


def facts_of_models(repository: Repository) -> list[dict[str, Any]]:
    """Return the facts of every model, as JSON holds them."""
    return [_model_facts(entry, repository.serving(entry.name)) for entry in repository.index()]


def _model_facts(entry: IndexEntry, model: ServedModel | None) -> dict[str, Any]:
    facts: dict[str, Any] = {"name": entry.name, "state": entry.state.value, "reason": entry.reason}
    if model is None:
        return facts
    classifier = model.classifier
    card = classifier.card
    return facts | {
        "sha256": model.sha256,
        "labels": list(card.labels),
        "architecture": card.architecture,
        "precision": card.precision,
        "image": {"height": card.image.height, "width": card.image.width, "color": card.image.color.value},
        "unknown_threshold": classifier.unknown_threshold,
        "min_familiarity": classifier.min_familiarity,
        "provider": classifier.provider.value,
        "tuned": None if classifier.setting is None else asdict(classifier.setting),
        "skipped": [
            {"provider": skipped.provider.value, "reason": skipped.reason, "remedy": skipped.remedy}
            for skipped in classifier.skipped
        ],
    }


class Readiness:
    """What a load balancer wants to know before it sends requests here.

    Args:
        repository: The models.
        others_ready: Whether the other processes of the server can serve.
    """

    def __init__(self, repository: Repository, others_ready: Callable[[], bool] = lambda: True) -> None:
        self._repository = repository
        self._others_ready = others_ready
        self._draining = False

    def drain(self) -> None:
        """Be not ready from now on: the server is about to stop."""
        self._draining = True

    @property
    def here(self) -> bool:
        """True if this process can serve."""
        return self._repository.ready and not self._draining

    @property
    def is_ready(self) -> bool:
        """True if `check` would return."""
        return self.here and self._others_ready()

    def check(self) -> None:
        """Return if every model can be asked.

        Raises:
            NotReadyError: One cannot.
        """
        if self._draining:
            raise _not_ready("the server is stopping")
        if not self._repository.ready:
            raise _not_ready("not every model is loaded yet")
        if not self._others_ready():
            raise _not_ready("not every process of the server is ready yet")


def _not_ready(reason: str) -> NotReadyError:
    return NotReadyError(reason, retry_s=RETRY_S)
