"""The Ray cluster: joining one or starting one on this machine, and its pool of workers."""

import contextlib
import os
import secrets
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from edgecls.distributed.worker import ImageWorker, WorkerSettings
from edgecls.errors import DistributedError, EdgeclsError
from edgecls.extras import import_from_extra
from edgecls.modelfile import ModelFile

__all__ = ["Pool", "Share", "Worker", "joined_cluster", "open_cluster_remark"]

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
CALLS_PER_WORKER = 2  # one at work, and one that waits in the worker, so that it never waits for the network
LOOKED_AT_EVERY_S = 2.0  # how many workers fit into the cluster
REACHED_WITHIN_S = 10.0
MOST_DEATHS_IN_A_ROW = 5  # of workers that never got ready


@dataclass(frozen=True, slots=True)
class Share:
    """What of the cluster a job takes.

    Attributes:
        workers: How many workers at all times; None for as many as fit into the cluster, which may change.
        cpus: Cores of each worker, which is also how many images it works on at once.
        gpus: GPUs of each worker; 0.5 puts two workers on one, and above 1 it is a whole number.
        answer_s: Seconds in which a worker has to answer a call, which is up to 32 images; then it counts as lost.

    Raises:
        DistributedError: There is no such share of GPUs.
    """

    workers: int | None = None
    cpus: int = 1
    gpus: float = 0.0
    answer_s: float = 600.0

    def __post_init__(self) -> None:
        if self.gpus > 1 and self.gpus != int(self.gpus):
            raise DistributedError(
                f"a worker cannot have {self.gpus:g} GPUs; give a whole number, or a share of one GPU below 1"
            )

    @property
    def described(self) -> str:
        """What each worker asks for, for messages."""
        return f"{self.cpus} CPU" + (f" and {self.gpus:g} GPU" if self.gpus else "")

    def fitting(self, machine: Mapping[str, float]) -> int:
        """Return how many workers fit into a machine.

        Args:
            machine: What it has of "CPU" and "GPU", as Ray counts.
        """
        fitting = int(machine.get("CPU", 0) // self.cpus)
        if not self.gpus:
            return fitting
        gpus = int(machine.get("GPU", 0))
        # Ray puts the share of a worker on one GPU. The rounding is for shares such as a third.
        on_gpus = gpus // int(self.gpus) if self.gpus >= 1 else gpus * int(round(1 / self.gpus, 6))
        return min(fitting, on_gpus)


@dataclass(eq=False, slots=True)
class Worker:
    """A worker: its handle in Ray, the calls that it has not answered, and since when it has worked on the oldest."""

    handle: Any
    calls: list[Any] = field(default_factory=list)
    since_s: float = 0.0

    def asked(self, call: Any) -> None:
        """Take note of a call."""
        if not self.calls:
            self.since_s = time.monotonic()
        self.calls.append(call)

    def answered(self, call: Any) -> None:
        """Take note of an answer; calls are answered in their order."""
        self.calls.remove(call)
        self.since_s = time.monotonic()


def open_cluster_remark(address: str) -> str | None:
    """Return a warning if whoever reaches the cluster can run programs on it, or None."""
    if os.environ.get("RAY_AUTH_MODE", "").lower() == "token" or address.startswith(LOOPBACK):
        return None
    return (
        f"the Ray cluster at {address} asks nobody for a token: whoever reaches its ports can run programs on all of "
        "its machines, and read what this job reads; keep it in a network of its own, or set "
        "RAY_AUTH_MODE=token on all machines"
    )


@contextlib.contextmanager
def joined_cluster(address: str | None) -> Iterator[ModuleType]:
    """Join a cluster, or start one on this machine that only this process has the token of; yields `ray`.

    Ray's telemetry is off unless RAY_USAGE_STATS_ENABLED is set.

    Args:
        address: HOST:PORT of the head, or "auto" on one of its machines; None to start one.

    Raises:
        MissingExtraError: Ray is not installed.
        DistributedError: The cluster cannot be joined or started.
    """
    if address is not None and "://" in address:
        raise DistributedError(
            f"cannot join {address!r}: give HOST:PORT of the head, or start this command on a machine of the cluster "
            "with --address auto"
        )
    if address is not None and address not in ("auto", "local"):
        _check_reachable(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_DATA_USAGE_DISABLED", "1")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # what Ray warns about otherwise
    # Ray listens on the machine's address, even if it is told not to. It reads these when it is imported.
    if address is None and "ray" not in sys.modules:
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    ray = import_from_extra("ray", extra="ray", purpose="work on a cluster")
    settings: dict[str, Any] = {"address": address, "logging_level": "ERROR", "log_to_driver": False}
    if address is None:
        settings |= {"address": "local", "include_dashboard": False}
    try:
        ray.init(**settings)
    except Exception as error:  # Ray raises nothing more special where a node starts too slowly
        what = "start Ray on this machine" if address is None else f"join the Ray cluster at {address!r}"
        raise DistributedError(
            f"cannot {what}: {error}; all machines need the same versions of Ray and Python, and the token of the "
            "cluster where it asks for one (RAY_AUTH_MODE=token); the address is that of the head, as HOST:6379"
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_reachable(address: str) -> None:
    """Raise a DistributedError unless something listens there; Ray itself would wait for it for ever."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACHED_WITHIN_S).close()
    except (OSError, ValueError, OverflowError) as error:
        reason = "it is not HOST:PORT" if not host or not port.isdigit() else error
        raise DistributedError(
            f"cannot join the Ray cluster at {address!r}: {reason}; give the address of the head, as HOST:6379"
        ) from error


class Pool:
    """Workers of one job, which come and go with the machines of the cluster.

    Args:
        ray: The package, joined to the cluster.
        model: The model file that each worker opens.
        settings: How they run.
        share: What each of them takes.
        is_fixed: True if no machines can join the cluster.

    Attributes:
        is_too_small: True if no machine has what a worker asks for.
    """

    def __init__(
        self, ray: ModuleType, model: ModelFile, settings: WorkerSettings, share: Share, *, is_fixed: bool = False
    ) -> None:
        self._ray = ray
        self._model_name = model.path
        self._onnx = ray.put(model.onnx)
        self._settings = settings
        self._share = share
        self._make = ray.remote(num_cpus=share.cpus, num_gpus=share.gpus, max_restarts=0)(ImageWorker)
        self._starting: dict[Any, Worker] = {}
        self._ready: list[Worker] = []
        self._deaths_in_a_row = 0
        self._looked_s = -LOOKED_AT_EVERY_S
        self._is_fixed = is_fixed
        self.is_too_small = False

    @property
    def ready_count(self) -> int:
        """Workers that have opened the model."""
        return len(self._ready)

    @property
    def starts(self) -> list[Any]:
        """Ray's references to the workers that are starting; `started` takes each when it is done."""
        return list(self._starting)

    def adjust(self) -> None:
        """Ask the cluster for as many workers as fit into it, or as are wanted.

        Raises:
            DistributedError: None fits into it, and no machines can join it.
        """
        now_s = time.monotonic()
        if now_s - self._looked_s < LOOKED_AT_EVERY_S:
            return
        self._looked_s = now_s
        machines = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        fitting = sum(map(self._share.fitting, machines))
        self.is_too_small = not fitting
        if self.is_too_small and self._is_fixed:
            has = ", ".join(f"{int(machine.get(kind, 0))} {kind}" for machine in machines for kind in ("CPU", "GPU"))
            raise DistributedError(
                f"a worker asks for {self._share.described}, and Ray finds {has} on this machine; ask for less with "
                "--cpus-per-worker or --gpus-per-worker, or give the --address of a cluster that has them"
            )
        wanted = self._share.workers or max(1, fitting)  # one that waits makes a cluster grow that can
        for _ in range(wanted - len(self._ready) - len(self._starting)):
            handle = self._make.remote()
            start = handle.start.remote(self._onnx, self._model_name, self._settings)
            self._starting[start] = Worker(handle)

    def started(self, start: Any) -> bool:
        """Take note that a worker has started, or failed to; True if `start` was a start at all.

        Raises:
            EdgeclsError: The model cannot be opened there, or that machine has another edgecls.
            DistributedError: One worker after the other dies.
        """
        worker = self._starting.pop(start, None)
        if worker is None:
            return False
        try:
            result_of(self._ray, start)
        except LostWorkerError as error:
            self._deaths_in_a_row += 1
            self._looked_s = -LOOKED_AT_EVERY_S
            if self._deaths_in_a_row >= MOST_DEATHS_IN_A_ROW:
                raise DistributedError(
                    f"{self._deaths_in_a_row} workers in a row died while they opened the model: {error}; is edgecls "
                    "installed on all machines, and is there enough memory?"
                ) from error
            return True
        self._deaths_in_a_row = 0
        self._ready.append(worker)
        return True

    def idlest(self) -> Worker | None:
        """Return the worker with the fewest calls, or None if all have enough."""
        worker = min(self._ready, key=lambda worker: len(worker.calls), default=None)
        return None if worker is None or len(worker.calls) >= CALLS_PER_WORKER else worker

    def overdue(self) -> list[Worker]:
        """Return the workers whose oldest call should have been answered by now."""
        now_s = time.monotonic()
        return [worker for worker in self._ready if worker.calls and now_s - worker.since_s > self._share.answer_s]

    def remove(self, worker: Worker) -> None:
        """Give up a worker that is lost; it is ended in case that only the way to it is."""
        if worker in self._ready:
            self._ready.remove(worker)
            with contextlib.suppress(self._ray.exceptions.RayError, ValueError):
                self._ray.kill(worker.handle)
        self._looked_s = -LOOKED_AT_EVERY_S


class LostWorkerError(Exception):
    """A worker, or its machine, died before it answered."""


def result_of(ray: ModuleType, call: Any) -> Any:
    """Return what a finished call returned.

    Raises:
        LostWorkerError: Its worker died.
        EdgeclsError: What it raised, if that is one of edgecls's errors.
        DistributedError: It raised something else.
    """
    try:
        return ray.get(call)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, EdgeclsError):
            raise error.cause from error
        raise DistributedError(f"a worker failed: {error.cause!r}; the log of Ray has more") from error
    except ray.exceptions.RayError as error:
        raise LostWorkerError(str(error).strip().partition("\n")[0]) from error
