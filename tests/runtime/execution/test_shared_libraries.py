"""The libraries that NVIDIA's providers need, and the commands that bring those that lack."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgecls.runtime.execution.gpu import DRIVER_LIBRARY
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.execution.shared_libraries import TENSORRT_LIBRARY, lazily_loaded, missing_libraries, what_brings

DRIVER = "install the NVIDIA driver (it needs a machine with an NVIDIA GPU)"
CUDA = 'pip install "onnxruntime-gpu[cuda,cudnn]"'
TENSORRT = 'pip install "tensorrt-cu13>=10,<11"'


@pytest.mark.parametrize(
    ("missing", "steps"),
    [
        ((DRIVER_LIBRARY,), [DRIVER]),
        (("libcublas.so.13", "libcurand.so.10"), [CUDA]),
        ((TENSORRT_LIBRARY,), [TENSORRT]),
        ((DRIVER_LIBRARY, "libcudnn.so.9", TENSORRT_LIBRARY), [DRIVER, CUDA, TENSORRT]),
    ],
    ids=["driver", "cuda", "tensorrt", "all"],
)
def test_each_library_has_its_command(missing: tuple[str, ...], steps: list[str]) -> None:
    assert what_brings(missing) == ", then ".join(steps)


def test_tensorrt_lacks_all_that_cuda_lacks() -> None:
    for_cuda = missing_libraries(Provider.CUDA)

    assert missing_libraries(Provider.TENSORRT)[: len(for_cuda)] == for_cuda
    assert len(set(for_cuda)) == len(for_cuda)


@pytest.mark.skipif(sys.platform == "win32", reason="libraries have other names there")
def test_libraries_that_came_with_another_package_are_found_wherever_they_lie(tmp_path: Path) -> None:
    """As where onnxruntime was installed with `pip install --target` beside PyTorch's own CUDA."""
    lib = tmp_path / "nvidia" / "cu99" / "lib"
    lib.mkdir(parents=True)
    (lib / "libcublas.so.99").touch()
    script = """
import sys
from edgecls.runtime.execution import shared_libraries
from edgecls.runtime.execution.providers import load_onnxruntime

def preload_dlls(directory=None):
    print(f"asked for {directory}", file=sys.stderr)

load_onnxruntime().preload_dlls = preload_dlls
shared_libraries._preload_cuda()
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(__file__).parents[3])])},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stderr.splitlines() == [f"asked for {lib}", "asked for None"]


@pytest.mark.gpu
def test_with_a_gpu_nothing_is_missing_for_cuda() -> None:
    assert missing_libraries(Provider.CUDA) == lazily_loaded() == ()
