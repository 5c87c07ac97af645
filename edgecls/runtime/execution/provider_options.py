"""The settings with which each provider is opened."""

from edgecls.modelfile import ModelFile
from edgecls.runtime.execution.providers import Provider

__all__ = ["provider_options"]


def provider_options(
    provider: Provider, model: ModelFile, *, batch_sizes: tuple[int, ...]
) -> list[tuple[str, dict[str, str]]]:
    """Return a provider and its helpers with their options, as onnxruntime takes them.

    Args:
        provider: What shall run the network; not AUTO and not OPENVINO.
        model: The model file.
        batch_sizes: All that will be used, the likeliest first.

    Raises:
        ProviderError: TensorRT's engines cannot be kept anywhere.
    """
    return [(one.onnxruntime_name, _options(one, model, batch_sizes)) for one in provider.with_helpers]


def _options(provider: Provider, model: ModelFile, batch_sizes: tuple[int, ...]) -> dict[str, str]:
    if provider is Provider.TENSORRT:
        from edgecls.runtime.execution.engine_cache import engine_folder, engine_key, tensorrt_options

        folder = engine_folder(engine_key(model, batch_sizes=batch_sizes))
        return tensorrt_options(model, folder, batch_sizes=batch_sizes)
    if provider is Provider.CUDA:
        return {"arena_extend_strategy": "kSameAsRequested"}  # or memory doubles whenever a new batch size comes
    return {}
