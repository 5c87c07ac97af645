"""Runs in an MLflow store, a database or a tracking server: their settings, metrics and files. Extra "mlflow".

A store that cannot be used when work begins is an error. One that fails later costs only what is not logged: the work
goes on, and what is missing is tried again, at the latest at the end.
"""

import contextlib
import json
import logging
import os
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from edgecls.atomic_write import check_writable, whole_files
from edgecls.errors import EdgeclsError, TrackingError
from edgecls.extras import import_from_extra
from edgecls.folder_lock import locked_folder
from edgecls.json_text import parse_json
from edgecls.regular_file import read_regular

__all__ = ["RECORD_NAME", "TrackedRun", "Tracker", "connect"]

RECORD_NAME = "mlflow.json"
"""File in the folder of some work that says which run of the store it is, so that resumed work continues that run."""

RETRY_AFTER_S = 60.0  # after a failure, so that a server that does not answer does not hold up every epoch
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""What MLflow reads from the environment, unless it is set there: no telemetry, no waiting for minutes, no printing."""

SQLITE = "sqlite:///"
FILES_NAME = "mlruns"
ACTIVE = "active"  # stage of what is not deleted
LOCK_TIMEOUT_S = 120.0
PARENT_TAG = "mlflow.parentRunId"
ADVICE = "give a local database, as sqlite:///mlflow.db, or a tracking server, as http://HOST:5000"


@dataclass(frozen=True)
class Tracker:
    """An MLflow store and an experiment in it; `connect` makes it.

    Attributes:
        uri: Of the store, without password.
        experiment_id: Of the experiment.
        client: MLflow's client.
        faults: What it and its database raise if they cannot be used.
        on_fault: Called with a message when something could not be logged.
        secret: User and password in the URI, with the @ behind them; messages leave them out.
    """

    uri: str
    experiment_id: str
    client: Any
    faults: tuple[type[Exception], ...]
    on_fault: Callable[[str], None]
    secret: str = field(default="", repr=False)

    def run(
        self, name: str, folder: Path | None = None, *, settings: Mapping[str, object], parent: str | None = None
    ) -> "TrackedRun":
        """Start a run, or continue the one that is recorded in a folder.

        Args:
            name: Of a new run.
            folder: Where the run is recorded; None for one that is never continued.
            settings: Logged as the parameters of a new run.
            parent: Id of the run that it is a part of.

        Raises:
            TrackingError: The store cannot be used.
        """
        from mlflow.entities import Param

        try:
            if folder is not None and (run_id := self._recorded(folder)) is not None:
                self.client.update_run(run_id, status="RUNNING")
                return TrackedRun(self, run_id, self._logged_steps(run_id))
            tags = {} if parent is None else {PARENT_TAG: parent}
            run_id = self.client.create_run(self.experiment_id, run_name=name, tags=tags).info.run_id
            self.client.log_batch(run_id, params=[Param(key, str(value)) for key, value in settings.items()])
        except self.faults as error:
            raise TrackingError(
                f"cannot start a run in the MLflow store {self.uri!r}: {_reason(error, self.secret)}"
            ) from error
        if folder is not None:
            with whole_files(folder / RECORD_NAME) as (staged,):
                staged.write_text(json.dumps({"uri": self.uri, "run": run_id}) + "\n", encoding="utf-8")
        return TrackedRun(self, run_id)

    def recorded(self, folder: Path) -> "TrackedRun | None":
        """Return the run that is recorded in a folder, without starting it again; None if there is none."""
        try:
            run_id = self._recorded(folder)
        except self.faults:
            return None
        return None if run_id is None else TrackedRun(self, run_id)

    def _recorded(self, folder: Path) -> str | None:
        try:
            facts = parse_json(read_regular(folder / RECORD_NAME))
            uri, run_id = facts["uri"], str(facts["run"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if uri != self.uri:
            return None
        from mlflow.exceptions import MlflowException

        try:
            is_active = self.client.get_run(run_id).info.lifecycle_stage == ACTIVE
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            is_active = False
        return run_id if is_active else None

    def _logged_steps(self, run_id: str) -> set[int]:
        names = self.client.get_run(run_id).data.metrics
        return {metric.step for name in names for metric in self.client.get_metric_history(run_id, name)}


class TrackedRun:
    """A run in the store. Nothing here raises: what cannot be logged is told once and, if it is of a step, tried again.

    As a context it ends the run: as finished, as failed if the block raises one of our errors, and otherwise as killed.

    Args:
        tracker: Its store.
        run_id: Its id.
        steps: Steps whose metrics it has already.
        clock: Returns the time in seconds.
    """

    def __init__(
        self,
        tracker: Tracker,
        run_id: str,
        steps: Collection[int] = (),
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.tracker = tracker
        self.run_id = run_id
        self._steps = set(steps)
        self._clock = clock
        self._is_failing = False
        self._failed_s = -RETRY_AFTER_S

    def log_steps(self, metrics: Mapping[int, Mapping[str, float]], *, is_last: bool = False) -> None:
        """Log the metrics of all steps so far, such as epochs; those that the run has already are not logged again.

        After a failure nothing is tried for a minute, unless these are the last steps.
        """
        if self._clock() < self._failed_s + RETRY_AFTER_S and not is_last:
            return
        for step, values in metrics.items():
            if step not in self._steps:
                if not self._try("metrics", self._log_batch, values, step):
                    return
                self._steps.add(step)

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        """Log metrics of the whole run."""
        self._try("metrics", self._log_batch, metrics, 0)

    def log_files(self, *paths: Path) -> None:
        """Log files under their names; those that do not exist are left out."""
        for path in paths:
            if path.exists() and not self._try(
                f"{path.name!r}", self.tracker.client.log_artifact, self.run_id, str(path)
            ):
                return

    def end(self, status: str, **tags: str) -> None:
        """End the run.

        Args:
            status: "FINISHED", "FAILED" or, where it can go on later, "KILLED".
            tags: Further facts.
        """
        for name, text in tags.items():
            self._try("tags", self.tracker.client.set_tag, self.run_id, name, text)
        self._try("the end of the run", self.tracker.client.set_terminated, self.run_id, status)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, EdgeclsError):
            self.end("FAILED", error=str(error))
        else:
            self.end("FINISHED" if error is None else "KILLED")

    def _log_batch(self, values: Mapping[str, float], step: int) -> None:
        from mlflow.entities import Metric

        now_ms = time.time_ns() // 1_000_000
        metrics = [Metric(name, float(value), now_ms, step) for name, value in values.items()]
        self.tracker.client.log_batch(self.run_id, metrics=metrics)

    def _try(self, what: str, log: Callable[..., object], *arguments: object) -> bool:
        try:
            log(*arguments)
        except self.tracker.faults as error:
            if not self._is_failing:
                reason = _reason(error, self.tracker.secret)
                self.tracker.on_fault(
                    f"cannot log {what} to the MLflow store {self.tracker.uri!r}: {reason}; "
                    "the work goes on, and metrics that are missing are logged when the store works again"
                )
            self._is_failing, self._failed_s = True, self._clock()
            return False
        self._is_failing = False
        return True


def connect(uri: str, *, experiment: str, on_fault: Callable[[str], None]) -> Tracker:
    """Open a store, and make the experiment there if it is new.

    Files of the runs in a new experiment of a local SQLite database go into the folder "mlruns" next to it; otherwise
    the store decides.

    Args:
        uri: Of the store.
        experiment: Name of the experiment.
        on_fault: Called with a message when something cannot be logged later.

    Raises:
        TrackingError: The store cannot be used.
        OutputError: The file of a local database cannot be written.
        MissingExtraError: MLflow is not installed.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    mlflow: Any = import_from_extra("mlflow", extra="mlflow", purpose="logging to MLflow")
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    faults = (MlflowException, SQLAlchemyError, OSError)
    secret = _secret(uri)
    shown = uri.replace(secret, "") if secret else uri
    try:
        with contextlib.ExitStack() as lock:
            location = None
            if uri.startswith(SQLITE):
                database = Path(uri.removeprefix(SQLITE).partition("?")[0]).absolute()
                check_writable(database)  # MLflow would try again and again
                location = (database.parent / FILES_NAME).as_uri()
                lock.enter_context(locked_folder(database.parent, timeout_s=LOCK_TIMEOUT_S))  # one makes the tables
            client = mlflow.MlflowClient(tracking_uri=uri)
            return Tracker(shown, _experiment_id(client, experiment, location), client, faults, on_fault, secret)
    except (*faults, ValueError) as error:
        raise TrackingError(f"cannot use the MLflow store {shown!r}: {_reason(error, secret)}; {ADVICE}") from error


def _experiment_id(client: Any, name: str, location: str | None) -> str:
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name, artifact_location=location))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(name)  # another process was faster
    if found.lifecycle_stage != ACTIVE:
        raise TrackingError(f"the experiment {name!r} in the MLflow store is deleted; restore it or choose another")
    return str(found.experiment_id)


def _secret(uri: str) -> str:
    host = uri.partition("://")[2].partition("/")[0]
    return host[: host.rfind("@") + 1]


def _reason(error: Exception, secret: str) -> str:
    """Return the first line of a message."""
    line = next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".;")
    return line.replace(secret, "") if secret else line
