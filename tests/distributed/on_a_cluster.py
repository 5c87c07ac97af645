"""What the tests beside this do on clusters. Usage: on_a_cluster.py SCENARIO FOLDER MODEL."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet

GIVE_UP_S = 300.0


def command(*arguments: str | Path, name: str = "run") -> list[str]:
    return [sys.executable, "-m", "edgecls", name, *map(str, arguments)]


def start(*arguments: str | Path, name: str = "run") -> "subprocess.Popen[str]":
    return subprocess.Popen(command(*arguments, name=name), stderr=subprocess.PIPE, text=True)


def finished(*arguments: str | Path, name: str = "run", **more: Any) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command(*arguments, name=name), capture_output=True, text=True, check=False, **more)


@contextmanager
def two_nodes(**each: float) -> Iterator[tuple[Any, Any]]:
    """A cluster of a head without cores and two nodes with one each."""
    cluster, second = started_cluster({"num_cpus": 1, **each})
    try:
        yield cluster, second
    finally:
        cluster.shutdown()


def started_cluster(each: dict[str, float]) -> tuple[Any, Any]:
    """Start the nodes, again if they take longer than the 30 s after which Ray gives up: a machine may be busy."""
    from ray.cluster_utils import Cluster

    give_up_s = time.monotonic() + GIVE_UP_S
    while True:
        cluster = Cluster()
        try:
            cluster.add_node(num_cpus=0)
            cluster.add_node(**each)
            second = cluster.add_node(**each)
            cluster.wait_for_nodes()
        except Exception:  # Ray has no other for this
            cluster.shutdown()
            if time.monotonic() > give_up_s:
                raise
        else:
            return cluster, second


def names_in(output: Path) -> list[str]:
    return [
        name
        for part in sorted(output.glob("part-*.parquet"))
        for name in pyarrow.parquet.read_table(part, columns=["image"]).column("image").to_pylist()
    ]


def wait_for_parts(output: Path, count: int, process: "subprocess.Popen[str]") -> None:
    give_up_s = time.monotonic() + GIVE_UP_S
    while len(list(output.glob("part-*"))) < count:
        if process.poll() is not None or time.monotonic() > give_up_s:
            raise RuntimeError(f"no {count} parts: {process.communicate()[1]}")
        time.sleep(0.02)


def same_rows(folder: Path) -> dict[str, Any]:
    """The folder and a list file that names some of its images again, as Parquet and as JSON lines."""
    images, listed = folder / "images", folder / "list.txt"
    with two_nodes() as (cluster, _):
        runs = [
            finished(images, listed, "--on", "ray", "--address", cluster.address, "--embeddings", "--top", "2", *more)
            for more in (("-o", folder / "columns"), ("-o", folder / "lines", "--format", "json"))
        ]
    return {
        "codes": [run.returncode for run in runs],
        "stderr": [run.stderr for run in runs],
        "columns": pyarrow.parquet.read_table(folder / "columns/part-000001.parquet").to_pylist(),
        "lines": [json.loads(line) for line in (folder / "lines/part-000001.jsonl").read_text().splitlines()],
        "manifest": json.loads((folder / "columns/manifest.json").read_text()),
    }


def deaths(folder: Path) -> dict[str, Any]:
    """Ctrl-C, then the death of a node, then that of the program, then once more to the end."""
    output = folder / "out"
    with two_nodes() as (cluster, second):
        arguments = (folder / "images", "--on", "ray", "--address", cluster.address, "-o", output, "--part-rows", "40")
        first = start(*arguments)
        wait_for_parts(output, 2, first)
        first.send_signal(signal.SIGINT)
        interrupted = first.communicate()[1]
        after_interrupt = names_in(output)

        killed = start(*arguments)
        parts = len(list(output.glob("part-*")))
        wait_for_parts(output, parts + 1, killed)
        cluster.remove_node(second, allow_graceful=False)
        wait_for_parts(output, parts + 4, killed)
        os.kill(killed.pid, signal.SIGKILL)
        killed.communicate()
        after_kill = names_in(output)

        last, again = finished(*arguments), finished(*arguments)
    return {
        "codes": [first.returncode, killed.returncode, last.returncode, again.returncode],
        "interrupted": interrupted,
        "after_interrupt": len(after_interrupt),
        "after_kill": len(after_kill),
        "names": names_in(output),
        "last": last.stderr,
        "again": again.stderr,
        "manifest": json.loads((output / "manifest.json").read_text()),
    }


@contextmanager
def bucket(folder: Path, beginning: str) -> Iterator[tuple[Any, str]]:
    """A bucket called photos with the files of a folder under `beginning`, and the options of its URIs."""
    import boto3
    from moto.server import ThreadedMotoServer

    os.environ |= {"AWS_ACCESS_KEY_ID": "of-a-test", "AWS_SECRET_ACCESS_KEY": "of-a-test"}
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    store = boto3.client("s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1")
    store.create_bucket(Bucket="photos")
    for path in sorted(folder.rglob("*.*")):
        store.put_object(Bucket="photos", Key=f"{beginning}/{path.relative_to(folder)}", Body=path.read_bytes())
    try:
        yield store, f"?region=us-east-1&scheme=http&endpoint_override={host}:{port}"
    finally:
        server.stop()


def object_storage(folder: Path) -> dict[str, Any]:
    """Images in a store that speaks S3, on a cluster that the command starts itself."""
    with bucket(folder / "images", "of a/trip+1") as (store, options):
        store.put_object(Bucket="photos", Key="of a/list.txt", Body=b"s3://photos/of a/trip+1/gone.png\n")
        run = finished(
            *(f"s3://photos/{key}{options}" for key in ("of a", "of a/list.txt")),
            *("--on", "ray", "--workers", "2", "-o", folder / "out"),
        )
        nothing = finished(f"s3://photos/nothing{options}", "--on", "ray", "-o", folder / "none")
    rows = [
        row
        for part in sorted((folder / "out").glob("*.parquet"))
        for row in pyarrow.parquet.read_table(part).to_pylist()
    ]
    return {"code": run.returncode, "stderr": run.stderr, "rows": rows, "nothing": nothing.stderr}


def evaluation(folder: Path) -> dict[str, Any]:
    """A program that evaluates is killed, the next one goes on, and the one after that has nothing left to do."""
    output, model = folder / "out", os.environ["EDGECLS_MODEL"]
    with two_nodes() as (cluster, _):
        arguments = (model, folder / "data", "--on", "ray", "--address", cluster.address, "-o", output)
        arguments = (*arguments, "--part-rows", "40", "--format", "json")
        killed = start(*arguments, name="evaluate")
        wait_for_parts(output, 2, killed)
        os.kill(killed.pid, signal.SIGKILL)
        killed.communicate()
        after_kill = names_in(output)
        last = finished(*arguments, name="evaluate")
    # There is no cluster any more, and none is needed.
    again = finished(*arguments, "--report", folder / "report.html", name="evaluate")
    return {
        "codes": [killed.returncode, last.returncode, again.returncode],
        "after_kill": len(after_kill),
        "names": names_in(output),
        "last": [last.stdout, last.stderr],
        "again": [again.stdout, again.stderr],
    }


def remote_evaluation(folder: Path) -> dict[str, Any]:
    """A dataset in a store that speaks S3, and folders there that are none."""
    model = os.environ["EDGECLS_MODEL"]
    with bucket(folder / "data", "a set/of+colors") as (_, options):
        run = finished(
            *(model, f"s3://photos/a set/of+colors/{options}", "--format", "json", "--report", folder / "r.html"),
            *("--on", "ray", "-o", folder / "out"),
            name="evaluate",
        )
        wrong = [
            finished(model, f"s3://photos/{key}{options}", "--on", "ray", "-o", folder / "none", name="evaluate").stderr
            for key in ("nothing", "a set", "a set/of+colors/test/red")
        ]
    return {"code": run.returncode, "stdout": run.stdout, "stderr": run.stderr, "wrong": wrong}


def stranger(folder: Path) -> dict[str, Any]:
    """Another program on the machine tries to join the cluster that the command starts for itself."""
    from edgecls.distributed.cluster import joined_cluster

    with joined_cluster(None) as ray:
        address = ray.get_runtime_context().gcs_address
        environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_AUTH")}
        joining = subprocess.run(
            [sys.executable, "-c", f"import ray; ray.init({address!r}); print('joined')"],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
        )
        own = ray.get(ray.put("own"))
    return {"code": joining.returncode, "stdout": joining.stdout, "stderr": joining.stderr, "own": own}


def faulty_workers(folder: Path) -> dict[str, Any]:
    """One image ends every worker that reads it, another one keeps every worker for ever."""
    from edgecls.distributed import cluster as pool
    from edgecls.distributed.cluster import Share
    from edgecls.distributed.job import Job, run_job
    from edgecls.distributed.sources import RemoteReader
    from edgecls.distributed.worker import ImageWorker
    from edgecls.modelfile import read_model

    class FaultyReader(RemoteReader):
        def read(self, location: str, name: str, limits: Any) -> bytes:
            if name.endswith("kills.png"):
                os._exit(9)
            if name.endswith("hangs.png"):
                signal.pause()  # of this thread, which gets none
            return super().read(location, name, limits)

    class FaultyWorker(ImageWorker):
        def __init__(self) -> None:
            super().__init__()
            self._reader = FaultyReader()

    pool.ImageWorker = FaultyWorker  # type: ignore[misc]
    job = Job((str(folder / "images"),), folder / "out", read_model(os.environ["EDGECLS_MODEL"]))
    with two_nodes() as (cluster, _):
        progress = run_job(job, address=cluster.address, share=Share(answer_s=3))
    [part] = (folder / "out").glob("*.parquet")
    return {"rows": pyarrow.parquet.read_table(part).to_pylist(), "lost": progress.lost, "failed": progress.failed}


def gpu_shares(folder: Path) -> dict[str, Any]:
    """Which GPUs workers see on two nodes that say they have one each; there are none in truth."""
    from edgecls import __version__
    from edgecls.distributed import cluster as pool
    from edgecls.distributed.cluster import Pool, Share, joined_cluster
    from edgecls.distributed.worker import ImageWorker, WorkerSettings
    from edgecls.image_limits import DEFAULT_LIMITS
    from edgecls.modelfile import read_model

    class AskedWorker(ImageWorker):
        def start(self, *arguments: Any) -> str:
            super().start(*arguments)
            return os.environ["CUDA_VISIBLE_DEVICES"]

    pool.ImageWorker = AskedWorker  # type: ignore[misc]
    model = read_model(os.environ["EDGECLS_MODEL"])
    seen = {}
    with two_nodes(num_cpus=2, num_gpus=1) as (cluster, _), joined_cluster(cluster.address) as ray:
        for share in (Share(workers=1), Share(gpus=0.5), Share(gpus=1), Share(gpus=2)):
            settings = WorkerSettings(
                version=__version__,
                provider="auto",
                threads=1,
                has_gpu=share.gpus > 0,
                limits=DEFAULT_LIMITS,
                unknown_threshold=None,
                min_familiarity=None,
                embeddings=False,
                top=1,
                folder=str(folder),
                roots=(),
            )
            workers = Pool(ray, model, settings, share)
            workers.adjust()
            if workers.is_too_small:
                seen[str(share.gpus)] = None
                continue
            starts = workers.starts
            seen[str(share.gpus)] = sorted(ray.get(starts))
            for start in starts:
                workers.started(start)
            while (worker := workers.idlest()) is not None:
                workers.remove(worker)
    return seen


def tokens(folder: Path) -> dict[str, Any]:
    """A cluster that asks for a token, joined with it, without one, and with another."""
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "ab" * 32}
    with two_nodes() as (cluster, _):
        arguments = (folder / "images", "--on", "ray", "--address", cluster.address, "-o")
        own = finished(*arguments, folder / "own")
        without = {name: value for name, value in os.environ.items() if not name.startswith("RAY_AUTH")}
        none = finished(*arguments, folder / "none", env=without)
        other = finished(*arguments, folder / "other", env={**os.environ, "RAY_AUTH_TOKEN": "cd" * 32})
    return {
        "codes": [run.returncode for run in (own, none, other)],
        "stderr": [run.stderr for run in (own, none, other)],
        "names": names_in(folder / "own"),
    }


def killed_alone(folder: Path) -> dict[str, Any]:
    """A program that has started its own cluster is killed: what becomes of the processes of that?"""
    process = start(folder / "images", "--on", "ray", "--workers", "1", "-o", folder / "out", "--part-rows", "40")
    wait_for_parts(folder / "out", 1, process)
    family = below(process.pid)
    process.kill()
    process.communicate()
    give_up_s = time.monotonic() + GIVE_UP_S
    while (left := [pid for pid in family if is_alive(pid)]) and time.monotonic() < give_up_s:
        time.sleep(0.05)
    named = [Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace") for pid in left if is_alive(pid)]
    return {"processes": len(family), "left": named}


def below(pid: int) -> list[int]:
    """All processes that a process has started, and those that these have started."""
    children = [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]
    return [*children, *(one for child in children for one in below(child))]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


SCENARIOS = (
    *(same_rows, deaths, object_storage, stranger, evaluation, remote_evaluation, faulty_workers, gpu_shares),
    *(tokens, killed_alone),
)

if __name__ == "__main__":
    scenario, place, model = sys.argv[1:]
    os.environ["EDGECLS_MODEL"] = model
    [chosen] = [one for one in SCENARIOS if one.__name__ == scenario]
    sys.stdout.write(json.dumps(chosen(Path(place))) + "\n")
