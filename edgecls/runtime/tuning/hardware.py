"""All of a machine that decides how a model runs best on it."""

import hashlib
from dataclasses import dataclass

from edgecls.runtime.execution.gpu import GpuReport, this_machine
from edgecls.runtime.execution.providers import load_onnxruntime, openvino_version, ready_made_providers
from edgecls.runtime.machine.cores import usable_cores
from edgecls.runtime.machine.processor import read_processor

__all__ = ["Hardware", "this_hardware"]


@dataclass(frozen=True)
class Hardware:
    """A machine and the runtime on it; when any of it changes, what was measured no longer holds.

    Attributes:
        processor: Name of the processor.
        features: SHA-256 of the names of its features.
        cores: Those this process may use.
        gpus: Names of the NVIDIA GPUs; empty if the installed onnxruntime cannot use any.
        driver: Version of their driver, or the CUDA it runs; empty without GPUs.
        onnxruntime: Its version.
        openvino: Version of OpenVINO; empty where it is not installed.
        providers: Those that are installed.
    """

    processor: str
    features: str
    cores: int
    gpus: tuple[str, ...]
    driver: str
    onnxruntime: str
    openvino: str
    providers: tuple[str, ...]


def this_hardware() -> Hardware:
    """Return the machine that this is.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        ProviderError: It cannot be loaded.
    """
    processor = read_processor()
    providers = ready_made_providers()
    # Asking the driver takes a tenth of a second.
    gpus = this_machine() if any(one.runs_on_nvidia for one in providers) else GpuReport(None, None, (), None)
    return Hardware(
        processor=processor.name,
        features=hashlib.sha256(" ".join(processor.features).encode()).hexdigest(),
        cores=usable_cores(),
        gpus=tuple(gpu.name for gpu in gpus.gpus),
        driver=gpus.driver or gpus.cuda or "",
        onnxruntime=load_onnxruntime().__version__,
        openvino=openvino_version() or "",
        providers=tuple(providers),
    )
