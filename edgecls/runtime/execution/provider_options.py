"""The settings with which each provider is opened."""

import ctypes
import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from edgecls.atomic_write import whole_files
from edgecls.errors import OutputError, ProviderError
from edgecls.modelfile import INPUT_NAME, ModelFile
from edgecls.runtime.execution.gpu import this_machine
from edgecls.runtime.execution.ort import load_onnxruntime
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.execution.shared_libraries import TENSORRT_LIBRARY
from edgecls.runtime.machine.cache_folder import cache_folder

__all__ = ["EngineKey", "engine_folder", "engine_key", "provider_options", "tensorrt_options"]


@dataclass(frozen=True)
class EngineKey:
    """All that an engine depends on; any change makes it useless or wrong.

    Attributes:
        network: SHA-256 of the network.
        onnxruntime: Its version.
        tensorrt: Its version.
        driver: Version of the NVIDIA driver.
        gpu: Name of the GPU.
        compute_capability: That of the GPU.
        largest_batch: The engine takes batches from 1 to this.
        likely_batch: The batch it is fastest with.
    """

    network: str
    onnxruntime: str
    tensorrt: str
    driver: str
    gpu: str
    compute_capability: str
    largest_batch: int
    likely_batch: int

    @property
    def folder_name(self) -> str:
        """A name of 32 characters that no other key has."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:32]


def engine_key(model: ModelFile, *, batch_sizes: tuple[int, ...]) -> EngineKey:
    """Return the key of a model's engine on the first GPU of this machine.

    Args:
        model: The model file.
        batch_sizes: All that will be used, the likeliest first.
    """
    report = this_machine()
    return EngineKey(
        network=model.network_sha256,
        onnxruntime=load_onnxruntime().__version__,
        tensorrt=_tensorrt_version(),
        driver=report.driver or f"CUDA {report.cuda}",
        gpu=report.gpus[0].name if report.gpus else "",
        compute_capability=report.gpus[0].compute_capability if report.gpus else "",
        largest_batch=max(batch_sizes),
        likely_batch=batch_sizes[0],
    )


def engine_folder(key: EngineKey, *, root: Path | None = None) -> Path:
    """Make the folder for a key's engine, with the key in its key.json, and return it.

    Args:
        key: What the engine depends on.
        root: The folder of all engines; edgecls's own without one.

    Raises:
        ProviderError: The folder cannot be made.
    """
    cache = cache_folder()
    if root is None and cache is None:
        raise ProviderError("there is no folder for TensorRT's engines: the user has no home; set XDG_CACHE_HOME")
    folder = (root or Path(cache or "", "tensorrt")) / key.folder_name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with whole_files(folder / "key.json") as (temporary,):
            temporary.write_text(json.dumps(asdict(key), indent=2) + "\n", encoding="utf-8")
    except (OSError, OutputError) as error:
        raise ProviderError(f"cannot keep TensorRT's engines in {str(folder)!r}: {error}") from error
    return folder


def tensorrt_options(model: ModelFile, folder: Path, *, batch_sizes: tuple[int, ...]) -> dict[str, str]:
    """Return the options with which TensorRT builds one engine for all batch sizes, when the session is opened.

    Args:
        model: The model file.
        folder: Where engines and timings are kept; as `engine_folder` gives it.
        batch_sizes: All that will be used, the likeliest first. A larger batch would have a new engine built.
    """
    sides = "x".join(map(str, model.card.image.shape_hwc))
    return {
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": str(folder),
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": str(folder),
        "trt_profile_min_shapes": f"{INPUT_NAME}:1x{sides}",
        "trt_profile_opt_shapes": f"{INPUT_NAME}:{batch_sizes[0]}x{sides}",
        "trt_profile_max_shapes": f"{INPUT_NAME}:{max(batch_sizes)}x{sides}",
    }


def _tensorrt_version() -> str:
    """Return the version as TensorRT counts it, such as "101601"; empty where it cannot be loaded."""
    try:
        return str(ctypes.CDLL(TENSORRT_LIBRARY).getInferLibVersion())
    except (OSError, AttributeError):
        return ""


def provider_options(
    provider: Provider, model: ModelFile, *, batch_sizes: tuple[int, ...]
) -> list[tuple[str, dict[str, str]]]:
    """Return a provider and its helpers with their options, as onnxruntime takes them.

    Args:
        provider: What should run the network; neither AUTO nor OPENVINO.
        model: The model file.
        batch_sizes: All that will be used, the likeliest first.

    Raises:
        ProviderError: TensorRT's engines cannot be kept anywhere.
    """
    return [(one.onnxruntime_name, _options(one, model, batch_sizes)) for one in provider.with_helpers]


def _options(provider: Provider, model: ModelFile, batch_sizes: tuple[int, ...]) -> dict[str, str]:
    if provider is Provider.TENSORRT:
        folder = engine_folder(engine_key(model, batch_sizes=batch_sizes))
        return tensorrt_options(model, folder, batch_sizes=batch_sizes)
    if provider is Provider.CUDA:
        return {"arena_extend_strategy": "kSameAsRequested"}  # or memory doubles whenever a new batch size comes
    return {}
