"""What decides how a model runs best on a machine."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from runtime_wheels import install

from edgecls.runtime.execution.gpu import this_machine
from edgecls.runtime.execution.providers import Provider, load_onnxruntime, openvino_version, ready_made_providers
from edgecls.runtime.machine.cores import usable_cores
from edgecls.runtime.machine.processor import read_processor
from edgecls.runtime.tuned import this_hardware


def test_this_machine_is_told_apart_by_processor_cores_and_runtime() -> None:
    hardware = this_hardware()

    assert hardware == this_hardware()
    assert hardware.processor == read_processor().name
    assert len(hardware.features) == 64
    assert hardware.cores == usable_cores()
    assert hardware.onnxruntime == load_onnxruntime().__version__
    assert hardware.openvino == (openvino_version() or "")
    assert Provider.CPU in hardware.providers


def test_another_openvino_is_other_hardware(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = this_hardware()
    install(tmp_path, "openvino", "2026.99")
    monkeypatch.syspath_prepend(tmp_path)

    assert this_hardware() == replace(before, openvino="2026.99", providers=this_hardware().providers)
    assert Provider.OPENVINO in this_hardware().providers


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs taskset")
def test_fewer_usable_cores_are_other_hardware() -> None:
    script = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n"
    script += "from edgecls.runtime.tuned import this_hardware; print(this_hardware().cores)"

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout == "1\n"


@pytest.mark.skipif(Provider.CUDA in ready_made_providers(), reason="needs a wheel without CUDA")
def test_a_runtime_that_cannot_use_a_gpu_does_not_ask_for_one() -> None:
    before = this_machine.cache_info()

    assert (this_hardware().gpus, this_hardware().driver) == ((), "")
    assert this_machine.cache_info() == before


@pytest.mark.gpu
def test_the_gpu_and_its_driver_count() -> None:
    assert this_hardware().gpus[0] == this_machine().gpus[0].name
    assert this_hardware().driver
