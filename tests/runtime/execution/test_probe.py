"""What stands in the way of a provider here, with the exact commands that help."""

import sys
from pathlib import Path

import pytest
from runtime_wheels import install

from edgecls.runtime.execution.gpu import this_machine
from edgecls.runtime.execution.probe import probe
from edgecls.runtime.execution.providers import Provider, installed_providers


def test_nothing_stands_in_the_way_of_the_cpu() -> None:
    assert probe(Provider.CPU) is None


@pytest.mark.skipif(Provider.CUDA in installed_providers(), reason="this onnxruntime has CUDA built in")
class TestWithoutGpuWheel:
    def test_the_wheel_that_has_it_is_named(self) -> None:
        hindrance = probe(Provider.CUDA)

        assert hindrance is not None
        assert hindrance.reason == "the installed onnxruntime was built without it"
        assert "NVIDIA GPU" in hindrance.remedy
        assert hindrance.remedy.endswith(', then pip install "edgecls[gpu]"')

    def test_tensorrt_is_told_to_be_needed_too(self) -> None:
        hindrance = probe(Provider.TENSORRT)

        assert hindrance is not None
        assert hindrance.remedy.endswith('pip install "tensorrt-cu13>=10,<11"')

    def test_a_gpu_wheel_that_was_overwritten_is_the_reason(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        install(tmp_path, "onnxruntime", "1.31.1")
        install(tmp_path, "onnxruntime-gpu", "1.31.1")
        monkeypatch.syspath_prepend(tmp_path)

        hindrance = probe(Provider.CUDA)

        assert hindrance is not None
        assert "onnxruntime 1.31.1 and onnxruntime-gpu 1.31.1 " in hindrance.reason
        assert "overwrote each other's files" in hindrance.reason
        assert "pip uninstall -y onnxruntime onnxruntime-gpu" in hindrance.remedy


@pytest.mark.skipif(
    Provider.CUDA not in installed_providers() or bool(this_machine().gpus),
    reason="needs the wheel onnxruntime-gpu on a machine without a GPU",
)
def test_with_the_gpu_wheel_and_no_driver_the_missing_library_is_named() -> None:
    hindrance = probe(Provider.CUDA)

    assert hindrance is not None
    assert hindrance.reason.startswith("cannot load libcuda.so.1")
    assert "install the NVIDIA driver" in hindrance.remedy


@pytest.mark.gpu
def test_nothing_stands_in_the_way_of_cuda() -> None:
    assert probe(Provider.CUDA) is None


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="one of them is at home there")
@pytest.mark.parametrize(("provider", "system"), [(Provider.DIRECTML, "Windows"), (Provider.COREML, "macOS")])
def test_a_provider_of_another_system_says_so(provider: Provider, system: str) -> None:
    hindrance = probe(provider)

    assert hindrance is not None
    assert hindrance.reason == f"only {system} has it"
