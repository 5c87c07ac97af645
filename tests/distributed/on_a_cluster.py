"""What `test_run_on_ray.py` does on a cluster of two nodes. Usage: on_a_cluster.py SCENARIO FOLDER MODEL."""

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


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "edgecls", "run", *map(str, arguments)]


def start(*arguments: str | Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(command(*arguments), stderr=subprocess.PIPE, text=True)


@contextmanager
def two_nodes() -> Iterator[tuple[Any, Any]]:
    """A cluster of a head without cores and two nodes with one each."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    try:
        cluster.add_node(num_cpus=1)
        second = cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        yield cluster, second
    finally:
        cluster.shutdown()


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
            subprocess.run(
                command(
                    images, listed, "--on", "ray", "--address", cluster.address, "--embeddings", "--top", "2", *more
                ),
                capture_output=True,
                text=True,
                check=False,
            )
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

        last = subprocess.run(command(*arguments), capture_output=True, text=True, check=False)
        again = subprocess.run(command(*arguments), capture_output=True, text=True, check=False)
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


def object_storage(folder: Path) -> dict[str, Any]:
    """Images in a store that speaks S3, on a cluster that the command starts itself."""
    import boto3
    from moto.server import ThreadedMotoServer

    os.environ |= {"AWS_ACCESS_KEY_ID": "of-a-test", "AWS_SECRET_ACCESS_KEY": "of-a-test"}
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    store = boto3.client("s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1")
    store.create_bucket(Bucket="photos")
    for path in sorted((folder / "images").iterdir()):
        store.put_object(Bucket="photos", Key=f"of a/trip+1/{path.name}", Body=path.read_bytes())
    store.put_object(Bucket="photos", Key="of a/list.txt", Body=b"s3://photos/of a/trip+1/gone.png\n")
    options = f"?region=us-east-1&scheme=http&endpoint_override={host}:{port}"
    run = subprocess.run(
        command(
            *(f"s3://photos/{key}{options}" for key in ("of a", "of a/list.txt")),
            *("--on", "ray", "--workers", "2", "-o", folder / "out"),
        ),
        capture_output=True,
        text=True,
        check=False,
    )
    nothing = subprocess.run(
        command(f"s3://photos/nothing{options}", "--on", "ray", "-o", folder / "none"),
        capture_output=True,
        text=True,
        check=False,
    )
    server.stop()
    rows = [
        row
        for part in sorted((folder / "out").glob("*.parquet"))
        for row in pyarrow.parquet.read_table(part).to_pylist()
    ]
    return {"code": run.returncode, "stderr": run.stderr, "rows": rows, "nothing": nothing.stderr}


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


if __name__ == "__main__":
    scenario, place, model = sys.argv[1:]
    os.environ["EDGECLS_MODEL"] = model
    scenarios = {"same_rows": same_rows, "deaths": deaths, "object_storage": object_storage, "stranger": stranger}
    sys.stdout.write(json.dumps(scenarios[scenario](Path(place))) + "\n")
