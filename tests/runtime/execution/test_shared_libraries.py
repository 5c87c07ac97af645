"""The libraries that NVIDIA's providers need, and the commands that bring those that lack."""

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


@pytest.mark.gpu
def test_with_a_gpu_nothing_is_missing_for_cuda() -> None:
    assert missing_libraries(Provider.CUDA) == lazily_loaded() == ()
