"""One GPU of several: --gpu, --gpus and --device gpu:N, by what the processes find in their environment.

CUDA takes unique names of GPUs as they are, so with such names a machine without any has as many as it takes.
"""

import os
import signal
from pathlib import Path

import pytest
from click.testing import CliRunner
from running_server import running_server

from edgecls.cli import main
from edgecls.commands.train_options import settings_from
from edgecls.runtime.execution.gpu import this_machine

TWO = "GPU-aaaa,GPU-bbbb"
NO_GPU = pytest.mark.skipif(bool(this_machine().gpus), reason="needs a machine without a GPU")


def _variable(pid: int) -> str:
    """Return CUDA_VISIBLE_DEVICES as a process had it when it began."""
    lines = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return next(line for line in lines if line.startswith(b"CUDA_VISIBLE_DEVICES=")).decode().partition("=")[2]


def _workers(pid: int) -> dict[str, int]:
    """Return the processes that serve, by the GPU that each may see."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    serving = [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]
    return {_variable(child): child for child in serving}


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="looks at processes as Linux shows them")
def test_each_worker_has_its_gpu_and_its_successor_the_same(
    tiny_model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", TWO)

    with running_server("--gpus", "0,1", tiny_model_path) as server:
        before = _workers(server.process.pid)
        assert set(before) == {"GPU-aaaa", "GPU-bbbb"}
        os.kill(before["GPU-bbbb"], signal.SIGKILL)
        server.await_log("process 2 was ended by signal 9", timeout_s=300)
        server.await_log("starting another", timeout_s=300)
        after: dict[str, int] = {}
        while set(after) != set(before):
            after = _workers(server.process.pid)
        assert after["GPU-aaaa"] == before["GPU-aaaa"]
        assert after["GPU-bbbb"] != before["GPU-bbbb"]
        assert server.stop() == 0


@NO_GPU
@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--gpu", "1", "x.png"],
        ["bench", "--gpu", "1"],
        ["tune", "--gpu", "1"],
        ["serve", "--gpus", "0,1"],
        ["serve", "--gpus", "0"],
        ["train", ".", "-o", "run", "--device", "gpu:1"],
    ],
)
def test_a_gpu_that_is_not_there_is_refused(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.chdir(tmp_path)

    done = CliRunner().invoke(main, arguments)

    assert done.exit_code == 1, done.output
    assert "there is no GPU " in done.output


@pytest.mark.parametrize("numbers", ["0,0", "a", "0;1", "-1", ""])
def test_what_is_no_list_of_gpus_is_refused(numbers: str) -> None:
    done = CliRunner().invoke(main, ["serve", "--gpus", numbers])

    assert done.exit_code == 2
    assert "as in 0,1" in done.output


def test_no_gpu_is_left_without_work() -> None:
    done = CliRunner().invoke(main, ["serve", "--gpus", "0,1", "--workers", "1"])

    assert done.exit_code == 2
    assert "leave some without work" in done.output


@pytest.mark.parametrize("device", ["gpu:", "gpu:x", "tpu", "cpu:1", "gpu:-1"])
def test_what_is_no_device_is_refused(device: str) -> None:
    done = CliRunner().invoke(main, ["train", ".", "-o", "run", "--device", device])

    assert done.exit_code == 2
    assert "--device" in done.output


def test_one_gpu_to_train_on_is_the_only_one_that_keras_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", TWO)
    command = main.get_command(main.make_context("edgecls", ["train"], resilient_parsing=True), "train")
    assert command is not None
    context = command.make_context("train", [".", "-o", "run", "--device", "gpu:1"])

    assert settings_from(context, {"device": context.params["device"]})["device"] == "gpu"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "GPU-bbbb"
