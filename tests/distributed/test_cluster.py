"""Joining a cluster, and the options of the command that do not go with it."""

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgecls.cli import main
from edgecls.distributed.cluster import Share, joined_cluster, open_cluster_remark
from edgecls.distributed.job import Chunk
from edgecls.errors import DistributedError


def test_a_cluster_that_asks_for_no_token_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)

    assert "whoever reaches its ports can run programs" in str(open_cluster_remark("10.1.2.3:6379"))
    assert open_cluster_remark("127.0.0.1:6379") is None
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    assert open_cluster_remark("10.1.2.3:6379") is None


@pytest.mark.parametrize("address", ["here", "host:", ":6379", "ray://host:10001"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(DistributedError, match="HOST:"), joined_cluster(address):
        pass


def test_a_cluster_that_is_not_there_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    with pytest.raises(DistributedError, match="cannot join"), joined_cluster(f"127.0.0.1:{port}"):
        pass


def test_images_over_which_workers_die_are_tried_again_and_then_one_by_one() -> None:
    chunk = Chunk("", ("a", "b"))

    [again] = chunk.after_death()
    alone = again.after_death()

    assert again.names == ("a", "b")
    assert [one.names for one in alone] == [("a",), ("b",)]
    assert [one.deaths for one in alone[0].after_death()] == [1]


def test_images_over_which_a_worker_hangs_are_tried_again_one_by_one() -> None:
    chunk = Chunk("", ("a", "b"), (0, 2))

    alone = chunk.after_hanging()

    assert alone == [Chunk("", ("a",), (0,), 1), Chunk("", ("b",), (2,), 1)]
    assert [one.deaths for one in alone[0].after_hanging()] == [2]


@pytest.mark.parametrize(
    ("share", "machine", "fitting"),
    [
        (Share(), {"CPU": 4.0}, 4),
        (Share(cpus=3), {"CPU": 8.0, "GPU": 1.0}, 2),
        (Share(), {"memory": 1e9}, 0),
        (Share(gpus=1), {"CPU": 8.0}, 0),
        (Share(gpus=0.5), {"CPU": 8.0, "GPU": 2.0}, 4),
        (Share(gpus=0.6), {"CPU": 8.0, "GPU": 2.0}, 2),
        (Share(gpus=1 / 3), {"CPU": 8.0, "GPU": 2.0}, 6),
        (Share(gpus=2), {"CPU": 8.0, "GPU": 5.0}, 2),
        (Share(cpus=4, gpus=1), {"CPU": 8.0, "GPU": 8.0}, 2),
    ],
)
def test_as_many_workers_fit_into_a_machine_as_its_cores_and_gpus_allow(
    share: Share, machine: dict[str, float], fitting: int
) -> None:
    assert share.fitting(machine) == fitting


def test_a_worker_cannot_have_one_and_a_half_gpus() -> None:
    with pytest.raises(DistributedError, match=r"cannot have 1\.5 GPUs"):
        Share(gpus=1.5)


def test_data_of_a_uri_is_for_a_cluster(tiny_model_path: Path) -> None:
    done = CliRunner().invoke(main, ["evaluate", str(tiny_model_path), "s3://photos/test"])

    assert done.exit_code == 2
    assert "'s3://photos/test' goes with --on ray" in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-o", "out"], "--output goes with --on ray"),
        (["--worker-timeout", "9"], "--worker-timeout goes with --on ray"),
        (["--on", "ray"], "--on ray goes with --output DIR"),
        (["--on", "ray", "-o", "out", "--threads", "2"], "--cpus-per-worker sets the threads"),
        (["--on", "ray", "-o", "out", "--provider", "cuda"], "--provider cuda goes with --gpus-per-worker"),
        (["--on", "ray", "-o", "out", "--foreign", "."], "--foreign does not go with --on ray"),
    ],
)
def test_options_of_evaluate_that_do_not_go_together_are_refused(
    options: list[str], said: str, images: Path, tiny_model_path: Path
) -> None:
    done = CliRunner().invoke(main, ["evaluate", str(tiny_model_path), str(images), *options])

    assert done.exit_code == 2
    assert said in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-o", "out"], "'out' has another ending; a folder goes with --on ray"),
        (["--workers", "2"], "--workers goes with --on ray"),
        (["--format", "parquet"], "--format parquet goes with --on ray"),
        (["--on", "ray"], "--on ray goes with --output DIR"),
        (["--on", "ray", "-o", "out", "--watch"], "--watch does not go with --on ray"),
        (["--on", "ray", "-o", "out", "--threads", "2"], "--cpus-per-worker sets the threads"),
        (["--on", "ray", "-o", "out", "--format", "csv"], "--on ray writes --format parquet or json"),
        (["--on", "ray", "-o", "out", "-"], "not standard input"),
        (["--on", "ray", "-o", "out", "--provider", "tensorrt"], "--provider tensorrt goes with --gpus-per-worker"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options: list[str], said: str, images: Path) -> None:
    done = CliRunner().invoke(main, ["run", str(images), *options])

    assert done.exit_code == 2
    assert said in done.stderr
